#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_identity_provider
short_description: Identity providers of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes identity providers with their mappers.
  - Keycloak masks the secret in O(config). One that is not declared stays as it is; when the address or the client changes, Keycloak wants it again, and so
    does the module.
author: The mlops.platform authors (@mlops-platform)
options:
  alias:
    description: Name in the addresses of logins.
    type: str
  provider_id:
    description: Kind of provider, such as V(oidc), V(saml) or V(github).
    type: str
  display_name:
    description: Name on the login page.
    type: str
  enabled:
    description: Whether people can log in through it.
    type: bool
  trust_email:
    description: Whether e-mail addresses it gives count as confirmed.
    type: bool
  store_token:
    description: Whether its tokens are kept.
    type: bool
  link_only:
    description: Whether it is only for linking to accounts that are there.
    type: bool
  hide_on_login:
    description: Whether the login page leaves it out.
    type: bool
  first_broker_login_flow_alias:
    description: Flow for somebody who comes through it for the first time.
    type: str
  post_broker_login_flow_alias:
    description: Flow after each login through it.
    type: str
  config:
    description: Settings of its kind, in the words of Keycloak's API. Those that are not named stay.
    type: dict
  mappers:
    description: "What of the other side goes where: a list of maps with C(name), C(identityProviderMapper) and C(config). Those that are not named stay."
    type: list
    elements: dict
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_flow
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: Login through the company's own server
  mlops.platform.keycloak_identity_provider:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    alias: company
    provider_id: oidc
    display_name: Company account
    config:
      clientId: mlops
      clientSecret: "{{ company_client_secret }}"
      authorizationUrl: https://login.example.com/authorize
      tokenUrl: https://login.example.com/token
    mappers:
      - name: email
        identityProviderMapper: oidc-user-attribute-idp-mapper
        config: {claim: email, user.attribute: email, syncMode: INHERIT}
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "identityProviders", "name": "company", "fields": ["alias", "config.clientId", "providerId"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"identityProviders": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_identity_provider")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
