# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of all modules that talk to an MLflow server; the argument spec is in module_utils/mlflow/arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  url:
    description: Address of the server. Without it, the environment variable E(MLFLOW_TRACKING_URI).
    type: str
    required: true
  static_prefix:
    description: Path below which the server answers, as given to it by C(--static-prefix). Without it, E(MLFLOW_STATIC_PREFIX).
    type: str
  workspace:
    description: Workspace of all objects that do not name one themselves; the server's default one without it. Without it, E(MLFLOW_WORKSPACE).
    type: str
  username:
    description: Account for basic authentication. Without it, E(MLFLOW_TRACKING_USERNAME).
    type: str
  password:
    description: Its password. Without it, E(MLFLOW_TRACKING_PASSWORD).
    type: str
  token:
    description: Bearer token, for servers behind OpenID Connect. Exclusive with O(username). Without it, E(MLFLOW_TRACKING_TOKEN).
    type: str
notes:
  - An account among a task's options rules out E(MLFLOW_TRACKING_TOKEN), and a token E(MLFLOW_TRACKING_USERNAME) and E(MLFLOW_TRACKING_PASSWORD).
  - Needs MLflow 3.10 or newer, and nothing but Python's standard library where it runs.
  - O(ca_path) and O(client_cert) are taken from E(MLFLOW_TRACKING_SERVER_CERT_PATH) and E(MLFLOW_TRACKING_CLIENT_CERT_PATH) too, as by MLflow's own clients.
"""

    # Modules that may delete a workspace.
    CONTENT = r"""
options:
  workspace_content:
    description:
      - What becomes of the content of a workspace that is deleted.
      - V(refuse) deletes empty workspaces only. Deleted experiments count as content until C(mlflow gc) purges them on the server.
      - V(move) moves everything to the default workspace, and fails where names meet. V(delete) deletes everything for good.
    type: str
    choices: [refuse, move, delete]
    default: refuse
"""

    # For the modules that write.
    WRITING = r"""
options:
  parallel:
    description: How many independent objects are written at the same time. A server with one worker answers no faster when it is asked for more.
    type: int
    default: 2
"""
