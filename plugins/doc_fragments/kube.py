# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of all modules that talk to a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file. Without it, the first file named by the environment variable E(KUBECONFIG), or C(~/.kube/config).
      - Certificates and tokens are read with the standard library. The Python package C(kubernetes) is needed only where a program
        gives the credentials, as in the clouds.
    type: path
  context:
    description: Context in the kubeconfig; its current one by default.
    type: str
requirements:
  - PyYAML
"""
