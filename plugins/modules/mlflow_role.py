#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_role
short_description: Roles of an MLflow server
version_added: 0.2.0
description:
  - Makes, changes and deletes roles of a workspace, with their permissions and members. Needs MLflow 3.12 or newer; for older servers see
    M(mlops.platform.mlflow_grant).
  - Resources are named, also experiments. What would never match is refused.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the role.
    type: str
  description:
    description: What it is for.
    type: str
  members:
    description: Users who have the role. The list is complete; to add to it, write C(+members) in O(settings).
    type: list
    elements: str
  permissions:
    description:
      - What the role allows. Each is a map with C(resource_type), C(resource) (a name, or V(*) for every one) and C(permission) (V(READ), V(USE), V(EDIT),
        V(MANAGE), or V(DENY), which wins over all others).
      - Types that are granted as a whole, such as V(workspace), need no C(resource).
    type: list
    elements: dict
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_grant
  - module: mlops.platform.mlflow_user
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: Analysts read every experiment and change one
  mlops.platform.mlflow_role:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    workspace: fraud
    name: analysts
    members: [ada, grace]
    permissions:
      - {resource_type: experiment, resource: "*", permission: READ}
      - {resource_type: experiment, resource: playground, permission: EDIT}
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "roles", "name": "analysts", "fields": ["members", "name", "permissions"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"roles": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_role")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
