#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_user
short_description: Users of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes users, with their groups and roles.
  - Keycloak never returns a password. Whether O(password) changed is told by a keyed hash, see O(update_secret).
author: The mlops.platform authors (@mlops-platform)
options:
  username:
    description: Name to log in with.
    type: str
  email:
    description: E-mail address.
    type: str
  email_verified:
    description: Whether the address counts as confirmed.
    type: bool
  first_name:
    description: First name.
    type: str
  last_name:
    description: Last name.
    type: str
  enabled:
    description: Whether the user can log in.
    type: bool
  password:
    description: Password of the user.
    type: str
  temporary_password:
    description: Whether the user has to choose another at the next login.
    type: bool
  attributes:
    description: "Attributes: a map from name to a list of texts, or to one text. The realm's user profile says which there may be."
    type: dict
  groups:
    description: Paths of the groups that the user is in. The list is complete.
    type: list
    elements: str
  realm_roles:
    description: Realm roles the user has. The list is complete.
    type: list
    elements: str
  client_roles:
    description: "Roles of clients the user has: a map from client to a list of roles."
    type: dict
  required_actions:
    description: What the user has to do at the next login, such as V(UPDATE_PASSWORD).
    type: list
    elements: str
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_group
  - module: mlops.platform.keycloak_role
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: A user with a first password
  mlops.platform.keycloak_user:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    username: ada
    email: ada@example.com
    first_name: Ada
    last_name: Lovelace
    groups: [/teams/fraud]
    password: "{{ ada_first_password }}"
    temporary_password: true
    update_secret: on_create
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "users", "name": "ada", "fields": ["email", "username"], "reason": "missing"}]
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
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.objects import door

DOOR = door("keycloak_user")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
