#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_grant
short_description: Permissions of single users or roles on an MLflow server
version_added: 0.2.0
description:
  - Grants a user or a role a permission on a resource, changes it, or takes it back. It works the same with MLflow's roles (3.12 and newer), with its older
    tables of permissions, and with mlflow-oidc-auth.
  - Resources are named, also experiments. What would never match is refused.
author: The mlops.platform authors (@mlops-platform)
options:
  user:
    description: The user who gets it. Exclusive with O(role).
    type: str
  role:
    description: The role that gets it. Exclusive with O(user).
    type: str
  resource_type:
    description: Type of the resource, such as V(experiment), V(registered_model), V(prompt), V(gateway_endpoint) or V(workspace).
    type: str
  resource:
    description: Name of the resource, or V(*) for every one of the type. Types that are granted as a whole need none.
    type: str
  regex:
    description: Regular expression for names instead of O(resource); mlflow-oidc-auth only.
    type: str
  priority:
    description: Which of several expressions counts, the lowest first; mlflow-oidc-auth only.
    type: int
  permission:
    description: What is allowed. V(DENY) wins over everything else. Needed unless O(state=absent).
    type: str
    choices: [READ, USE, EDIT, MANAGE, DENY]
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_role
  - module: mlops.platform.mlflow_user
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: Ada may change one experiment
  mlops.platform.mlflow_grant:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    user: ada
    resource_type: experiment
    resource: fraud/training
    permission: EDIT

- name: And not any more
  mlops.platform.mlflow_grant:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    user: ada
    resource_type: experiment
    resource: fraud/training
    state: absent
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "grants", "name": "user:ada/experiment:fraud/training", "fields": ["permission"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"grants": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_grant")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
