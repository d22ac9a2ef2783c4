#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_client_scope
short_description: Client scopes of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes client scopes with their protocol mappers.
  - "Which scopes new clients get is a matter of the realm: C(defaultDefaultClientScopes) and C(defaultOptionalClientScopes) of
    M(mlops.platform.keycloak_config)."
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the scope.
    type: str
  description:
    description: What it is for.
    type: str
  protocol:
    description: Protocol of the clients that use it.
    type: str
    choices: [openid-connect, saml]
  protocol_mappers:
    description: "What it puts into tokens: a list of maps with C(name), C(protocolMapper) and C(config). Those that are not named stay."
    type: list
    elements: dict
  attributes:
    description: Attributes as a map of texts; V(null) removes one. Those that are not named stay.
    type: dict
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_client
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: Groups in tokens
  mlops.platform.keycloak_client_scope:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    name: groups
    protocol_mappers:
      - name: groups
        protocolMapper: oidc-group-membership-mapper
        config: {claim.name: groups, full.path: false, id.token.claim: true}
    attributes:
      include.in.token.scope: true
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "clientScopes", "name": "groups", "fields": ["description", "name"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"clientScopes": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_client_scope")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
