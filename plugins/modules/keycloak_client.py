#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_client
short_description: Clients of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes clients.
  - A secret that is not declared is Keycloak's own choice and stays. To fetch or rotate it, see M(mlops.platform.keycloak_client_secret).
author: The mlops.platform authors (@mlops-platform)
options:
  client_id:
    description: Name by which the client is known.
    type: str
  name:
    description: Name that people see.
    type: str
  description:
    description: What the client is.
    type: str
  enabled:
    description: Whether anybody can log in with it.
    type: bool
  protocol:
    description: Protocol it speaks.
    type: str
    choices: [openid-connect, saml]
  public_client:
    description: Whether it can keep no secret, as a program in a browser.
    type: bool
  client_authenticator_type:
    description: How it proves itself, such as V(client-secret) or V(client-jwt).
    type: str
  secret:
    description: Its secret.
    type: str
  standard_flow_enabled:
    description: Whether people log in through a browser.
    type: bool
  implicit_flow_enabled:
    description: Whether tokens may come straight from the login page; outdated.
    type: bool
  direct_access_grants_enabled:
    description: Whether it may send a user's name and password itself; outdated.
    type: bool
  service_accounts_enabled:
    description: Whether it can log in itself, without a user.
    type: bool
  service_account_realm_roles:
    description: Realm roles of its service account. The list is complete.
    type: list
    elements: str
  service_account_client_roles:
    description: "Roles of clients that its service account has: a map from client to a list of roles."
    type: dict
  root_url:
    description: Address that relative ones begin with.
    type: str
  base_url:
    description: Address of its start page.
    type: str
  redirect_uris:
    description: Addresses to which a login may lead back. The list is complete; to add to it, write it with a C(+) before its name in O(settings).
    type: list
    elements: str
  web_origins:
    description:
      - Origins from which a browser may call Keycloak; V(+) stands for those of O(redirect_uris). The list is complete; to add to it, write it with a C(+)
        before its name in O(settings).
    type: list
    elements: str
  default_client_scopes:
    description: Client scopes that it always gets. The list is complete; to add to it, write it with a C(+) before its name in O(settings).
    type: list
    elements: str
  optional_client_scopes:
    description: Client scopes that it may ask for. The list is complete; to add to it, write it with a C(+) before its name in O(settings).
    type: list
    elements: str
  full_scope_allowed:
    description: Whether its tokens hold every role of the user.
    type: bool
  consent_required:
    description: Whether users are asked.
    type: bool
  protocol_mappers:
    description: "What goes into its tokens: a list of maps with C(name), C(protocolMapper) and C(config). Those that are not named stay."
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
  - module: mlops.platform.keycloak_client_secret
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: A client for MLflow
  mlops.platform.keycloak_client:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    client_id: mlflow
    redirect_uris: ["https://mlflow.example.com/*"]
    secret: "{{ mlflow_client_secret }}"
    protocol_mappers:
      - name: groups
        protocolMapper: oidc-group-membership-mapper
        config: {claim.name: groups, full.path: false, id.token.claim: true}

- name: A machine that may see users, and a client that is gone
  mlops.platform.keycloak_client:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    items:
      - client_id: sync
        service_accounts_enabled: true
        standard_flow_enabled: false
        service_account_client_roles:
          realm-management: [view-users]
      - client_id: trial
        state: absent
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "clients", "name": "mlflow", "fields": ["clientId", "redirectUris", "secret"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"clients": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_client")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
