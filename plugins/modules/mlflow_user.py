#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_user
short_description: Users of an MLflow server
version_added: 0.2.0
description:
  - Makes, changes and deletes accounts of a server that runs with C(--app-name basic-auth), or with C(oidc-auth) of mlflow-oidc-auth.
  - The server never returns a password. Whether it changed is told by a keyed hash, see O(update_secret).
  - What a user may do is declared with M(mlops.platform.mlflow_role) or M(mlops.platform.mlflow_grant).
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the account.
    type: str
  user_password:
    description: Its password, of at least 12 characters; needed to make an account. O(password) is the one to log in with.
    type: str
  is_admin:
    description: Whether the account may do everything.
    type: bool
  display_name:
    description: Name that people see; kept by mlflow-oidc-auth only.
    type: str
  is_service_account:
    description: Whether the account is a machine's; kept by mlflow-oidc-auth only.
    type: bool
  active:
    description: Whether the account may log in; kept by mlflow-oidc-auth only.
    type: bool
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_role
  - module: mlops.platform.mlflow_grant
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: An account
  mlops.platform.mlflow_user:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: ada
    user_password: "{{ ada_password }}"

- name: Accounts of a team, from a vaulted variable with names and passwords
  mlops.platform.mlflow_user:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    items: "{{ mlflow_accounts }}"
  vars:
    mlflow_accounts: "{{ team | dict2items(key_name='name', value_name='user_password') }}"
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "users", "name": "ada", "fields": ["is_admin", "password", "username"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"users": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
drift:
  description: Fields that somebody changed on the server since they were applied, of objects that carry a mark.
  returned: always
  type: list
  elements: dict
ids:
  description: The server's identifiers of the declared objects, by C(family/name).
  returned: success
  type: dict
requests:
  description: How many requests were sent, in all and by method.
  returned: always
  type: dict
  sample: {"total": 2, "by_method": {"GET": 2}, "retries": 0, "elapsed_ms": 12}
server:
  description: Version and features of the server.
  returned: success
  type: dict
problems:
  description: Everything that is wrong with the options, when they cannot be applied.
  returned: failure
  type: list
  elements: str
"""

from ansible_collections.mlops.platform.plugins.module_utils.engine.door import run_module
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.objects import door

DOOR = door("mlflow_user")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
