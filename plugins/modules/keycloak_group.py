#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_group
short_description: Groups of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes groups, wherever they stand in the tree, with the roles that their members get.
  - A group above must be there already or stand before it in O(items). Deleting a group deletes those below it.
author: The mlops.platform authors (@mlops-platform)
options:
  path:
    description: Path of the group from the top, such as V(/teams/fraud). A C(/) that belongs to a name is written C(~/).
    type: str
  description:
    description: What the group is.
    type: str
  attributes:
    description: "Attributes: a map from name to a list of texts, or to one text."
    type: dict
  realm_roles:
    description: Realm roles it has. The list is complete.
    type: list
    elements: str
  client_roles:
    description: "Roles of clients it has: a map from client to a list of roles."
    type: dict
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_user
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: A team and what it may do
  mlops.platform.keycloak_group:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    items:
      - path: /teams
      - path: /teams/fraud
        realm_roles: [data-scientist]
        client_roles:
          mlflow: [editor]
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "groups", "name": "/teams/fraud", "fields": ["path", "realmRoles"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"groups": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.objects import door

DOOR = door("keycloak_group")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
