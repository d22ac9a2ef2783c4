# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which any server is reached; the argument spec is in module_utils/engine/connection.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  validate_certs:
    description: Whether the server's certificate is verified. Off, anybody in between can read and change everything, passwords included.
    type: bool
    default: true
  ca_path:
    description: File with the certificates of the authorities to trust, instead of the system's.
    type: path
  client_cert:
    description: PEM file with a client certificate, for mutual TLS.
    type: path
  client_key:
    description: PEM file with the key of O(client_cert), where that file does not hold it.
    type: path
  timeout:
    description: Seconds to wait for one answer.
    type: float
    default: 30.0
  retries:
    description: How often a request is sent again when the server does not answer, or is busy, and sending it again can do no harm.
    type: int
    default: 3
  retry_delay:
    description: Seconds before the first repetition; doubled each time, up to 8.
    type: float
    default: 0.5
  http_agent:
    description: What the server is told about who asks.
    type: str
    default: mlops.platform
  extra_headers:
    description: Headers to send with every request, for a proxy in front of the server. Their values are treated as secrets.
    type: dict
    default: {}
  proxy:
    description: Address of an HTTP proxy, as C(http://host:port) or C(http://user:password@host:port). It is treated as a secret.
    type: str
  port_forward:
    description:
      - Go through the Kubernetes API into a pod, as C(kubectl port-forward) does, to a server that no route shows to the world.
      - O(url) is then what the server is called, in plain HTTP; the way there is encrypted by the API. Needs PyYAML where the module runs.
    type: dict
    suboptions:
      kubeconfig:
        description: Kubeconfig of the cluster. Without it, E(KUBECONFIG) or C(~/.kube/config).
        type: path
      context:
        description: Context in it; by default the current one.
        type: str
      namespace:
        description: Namespace of the pod.
        type: str
        required: true
      selector:
        description: Labels of the pods that serve, as C(key=value); the first one that is ready is taken.
        type: str
        required: true
      port:
        description: Port in the pod.
        type: int
        required: true
"""
