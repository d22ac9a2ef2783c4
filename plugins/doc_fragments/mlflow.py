# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of all modules that talk to an MLflow server; the argument spec is in module_utils/mlflow/arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the server. Without it, the environment variable E(MLFLOW_TRACKING_URI).
      - Every option below that has an environment variable of MLflow's own clients takes it from there.
    type: str
    required: true
  static_prefix:
    description: Path below which the server answers, as given to it by C(--static-prefix). Environment variable E(MLFLOW_STATIC_PREFIX).
    type: str
  workspace:
    description: Workspace of all objects that do not name one themselves; the server's default one without it. Environment variable E(MLFLOW_WORKSPACE).
    type: str
  username:
    description: Account for basic authentication. Environment variable E(MLFLOW_TRACKING_USERNAME).
    type: str
  password:
    description: Its password. Environment variable E(MLFLOW_TRACKING_PASSWORD).
    type: str
  token:
    description: Bearer token, for servers behind OpenID Connect. Exclusive with O(username). Environment variable E(MLFLOW_TRACKING_TOKEN).
    type: str
  ca_path:
    description: File with the certificates to trust instead of the system's. Environment variable E(MLFLOW_TRACKING_SERVER_CERT_PATH).
    type: path
  client_cert:
    description: PEM file with the client's certificate, for mutual TLS. Environment variable E(MLFLOW_TRACKING_CLIENT_CERT_PATH).
    type: path
  client_key:
    description: PEM file with its key, where O(client_cert) does not hold it.
    type: path
  proxy:
    description: Address of an HTTP proxy.
    type: str
  headers:
    description: Sent with every request; for what stands in front of the server.
    type: dict
  timeout:
    description: Seconds to wait for each answer.
    type: float
    default: 30
  retries:
    description: How often a request is sent again when the server does not answer or is busy, and only where that can do no harm.
    type: int
    default: 3
  retry_delay:
    description: Seconds before the first repetition; twice as long before each further one.
    type: float
    default: 0.5
notes:
  - Needs MLflow 3.10 or newer, and nothing but Python's standard library where it runs.
"""
