#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_role
short_description: Roles of a Keycloak realm and of its clients
version_added: 0.2.0
description:
  - Makes, changes and deletes roles. With O(client_id) it is a role of that client, without it one of the realm.
  - In results, a role of a client is called C(client::role).
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the role.
    type: str
  client_id:
    description: Client that the role belongs to.
    type: str
  description:
    description: What the role is for.
    type: str
  composites:
    description: "Roles that it contains: a map with C(realm), a list of roles, and C(client), a map from client to a list of roles."
    type: dict
  attributes:
    description: "Attributes: a map from name to a list of texts, or to one text."
    type: dict
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: A role of the realm that contains one of a client
  mlops.platform.keycloak_role:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    name: data-scientist
    description: Trains and registers models
    composites:
      client:
        mlflow: [editor]

- name: Roles of a client
  mlops.platform.keycloak_role:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    items:
      - {client_id: mlflow, name: editor}
      - {client_id: mlflow, name: reader}
      - {client_id: mlflow, name: trial, state: absent}
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "roles", "name": "mlflow::editor", "fields": ["description", "name"], "reason": "missing"}]
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
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.objects import door

DOOR = door("keycloak_role")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
