#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_organization
short_description: Organizations of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes organizations, with their domains, members and identity providers. The realm must have
    O(mlops.platform.keycloak_realm#module:organizations_enabled).
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the organization.
    type: str
  alias:
    description: Name in addresses; by default the same as O(name). It cannot be changed.
    type: str
  description:
    description: What the organization is.
    type: str
  enabled:
    description: Whether its members can log in.
    type: bool
  redirect_url:
    description: Where they land after a registration.
    type: str
  domains:
    description: "Its domains: a list of maps with C(name) and C(verified). Those that are not named stay."
    type: list
    elements: dict
  identity_providers:
    description: Aliases of identity providers linked to it. The list is complete.
    type: list
    elements: str
  members:
    description: Names of users who are members. The list is complete.
    type: list
    elements: str
  groups:
    description:
      - "Its groups (Keycloak 26.6 and newer): a list of maps with C(name), and C(description), C(attributes), C(realmRoles), C(clientRoles) and C(subGroups)."
      - Those that are not named stay. In results each is an object of the family C(organizationGroups), called by the organization's alias and its path.
    type: list
    elements: dict
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
  - module: mlops.platform.keycloak_realm
  - module: mlops.platform.keycloak_identity_provider
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: A customer with its domain
  mlops.platform.keycloak_organization:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    name: acme
    domains:
      - {name: acme.example.com, verified: true}
    members: [ada]
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "organizations", "name": "acme", "fields": ["alias", "domains", "name"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"organizations": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_organization")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
