#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_client_secret
short_description: Set, rotate or fetch the secret of a Keycloak client
version_added: 0.2.0
description:
  - Sets the secret of a confidential client, lets Keycloak choose another, or takes the one that is there to a file.
  - The secret is returned only with O(return_secret), and never shown otherwise.
author: The mlops.platform authors (@mlops-platform)
options:
  client_id:
    description: Name by which the client is known.
    type: str
    required: true
  state:
    description:
      - V(present) sets O(value), or keeps the secret that is there.
      - V(rotated) lets Keycloak choose another in every run. Whoever uses the old one is locked out, unless a client policy of the realm lets it live on.
    type: str
    choices: [present, rotated]
    default: present
  value:
    description: The secret to set; without it, the one that is there stays.
    type: str
  dest:
    description: File that the secret is written to, and nothing else, on the host where the module runs.
    type: path
  mode:
    description: Permissions of O(dest), as an octal number in quotes.
    type: str
    default: '0600'
  return_secret:
    description: Return the secret as RV(secret). Set C(no_log) for the task, for what a task returns is shown with C(-v).
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.connection
attributes:
  check_mode:
    support: full
    description: Says what would change. The secret of a rotation is not known before it.
  diff_mode:
    support: none
    description: There is nothing to show but secrets.
seealso:
  - module: mlops.platform.keycloak_client
"""

EXAMPLES = r"""
- name: Take the secret of a client to where its program reads it
  mlops.platform.keycloak_client_secret:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    client_id: mlflow
    dest: /etc/mlflow/client_secret

- name: Rotate it, and hand it to the next task
  mlops.platform.keycloak_client_secret:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    client_id: mlflow
    state: rotated
    return_secret: true
  no_log: true
  register: rotated
"""

RETURN = r"""
rotated:
  description: Whether Keycloak chose another secret.
  returned: success
  type: bool
secret:
  description: The secret; null in check mode when Keycloak has yet to choose it.
  returned: with O(return_secret)
  type: str
requests:
  description: How many requests were sent.
  returned: success
  type: dict
  sample: {"total": 2, "token_requests": 0}
"""

from ansible_collections.mlops.platform.plugins.module_utils.engine.door import run_module
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.client_secret import door

DOOR = door()


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
