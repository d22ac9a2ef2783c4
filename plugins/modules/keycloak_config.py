#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_config
short_description: Bring a Keycloak realm to the state that one document declares
version_added: 0.2.0
description:
  - Reads each family of objects once, plans what has to be done, and does it; check mode makes the same plan and carries out nothing.
  - The document has the format of a realm export. What the admin console's partial export and C(kc.sh export) give, and files for keycloak-config-cli, apply
    as they are, but for C($(…)) substitutions, in whose place Ansible's own variables go.
  - Any field of the realm may stand at the top of the document, also one that is newer than this module. Objects stand below C(clientScopes), C(clients),
    C(roles), C(groups), C(users), C(scopeMappings), C(clientScopeMappings), C(defaultGroups), C(defaultDefaultClientScopes),
    C(defaultOptionalClientScopes), C(authenticationFlows), C(authenticatorConfig), C(requiredActions), C(identityProviders),
    C(identityProviderMappers), C(components), C(organizations), C(clientProfiles), C(clientPolicies), C(userProfile), C(localizationTexts),
    C(workflows) and C(eventsConfig).
  - The order in which attributes and groups of C(userProfile) stand is declared with them; in results it is C(orderOfAttributes) and C(orderOfGroups).
  - Workflows are declared as the Admin API has them (C(name), C(on), C(if), C(schedule), C(concurrency), C(steps)), for exports hold only their shells.
    Groups of an organization stand in its C(groups); in results and in O(prune) they are the family C(organizationGroups).
  - A realm that is not there is made when the document declares it, by C(realm) or any other field of its own.
  - Identifiers in a document are ignored, for they are another server's; objects are told apart by their names. A masked C(**********) means unknown, and
    what the server has is kept.
  - In results, a client's role is called C(client::role) and a group by its path.
  - Roles of clients are looked at for the clients that C(roles.client) names. Which roles and groups a user has, and what a composite role contains, is
    looked at only where it is declared. The role C(default-roles-REALM) of users is left alone.
  - A client's entry may give the roles of its service account as C(serviceAccountRealmRoles) and C(serviceAccountClientRoles); an entry of C(users) with
    C(serviceAccountClientId), as exports have it, says the same.
  - A password labelled C(initial) (C(userLabel)) is set when the user is created, and never again.
author: The mlops.platform authors (@mlops-platform)
options:
  realm:
    description: Realm to work in; by default the one that the document names. Without both, the environment variable E(KEYCLOAK_REALM).
    type: str
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.document
seealso:
  - module: mlops.platform.keycloak_realm
  - module: mlops.platform.keycloak_client
"""

EXAMPLES = r"""
- name: Declare a realm
  mlops.platform.keycloak_config:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    secret_hash_key: "{{ secret_hash_key }}"
    owner: platform
    prune: owned
    config:
      realm: mlops
      displayName: MLOps platform
      loginWithEmailAllowed: true
      clientScopes:
        - name: groups
          protocolMappers:
            - name: groups
              protocol: openid-connect
              protocolMapper: oidc-group-membership-mapper
              config:
                claim.name: groups
                full.path: false
                id.token.claim: true
      clients:
        - clientId: mlflow
          redirectUris: [https://mlflow.example.com/*]
          secret: "{{ mlflow_client_secret }}"
          +defaultClientScopes: [groups]
        - clientId: pipeline
          serviceAccountsEnabled: true
          standardFlowEnabled: false
          serviceAccountClientRoles:
            mlflow: [writer]
      roles:
        realm:
          - name: data-scientist
            composites:
              client:
                mlflow: [writer]
        client:
          mlflow:
            - name: writer
      groups:
        - name: data-science
          realmRoles: [data-scientist]
          subGroups:
            - name: fraud

- name: See what would change, from the file of another tool
  mlops.platform.keycloak_config:
    url: https://sso.example.com
    auth_client_id: ansible
    auth_client_secret: "{{ keycloak_client_secret }}"
    realm: mlops
    config_file: realm-export.json
  check_mode: true
  diff: true

- name: Fail when somebody changed by hand what was applied
  mlops.platform.keycloak_config:
    url: https://sso.example.com
    auth_client_id: ansible
    auth_client_secret: "{{ keycloak_client_secret }}"
    owner: platform
    config_file: realm.yml
    fail_on_drift: true
  check_mode: true
"""

RETURN = r"""
plan:
  description: What was done, or would be, in order; the same in check mode.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "clients", "name": "mlflow", "fields": ["clientId", "redirectUris"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged, by family.
  returned: always
  type: dict
  sample: {"clients": {"create": 1, "update": 0, "delete": 0, "unchanged": 12}}
drift:
  description: Fields that somebody changed on the server since they were applied.
  returned: always
  type: list
  elements: dict
  sample: [{"family": "clients", "name": "mlflow", "fields": ["redirectUris"]}]
ids:
  description: The server's identifiers of the declared objects, by C(family/name).
  returned: success
  type: dict
  sample: {"clients/mlflow": "0fdc2a1b-3d8a-4a55-a6ee-7c0a6c6c2ca1"}
requests:
  description: How many requests were sent, in all and by method, how many of them again or to log in, and the milliseconds they took.
  returned: always
  type: dict
  sample: {"total": 4, "by_method": {"GET": 3, "POST": 1}, "retries": 0, "elapsed_ms": 41, "token_requests": 1}
server:
  description: Version and features of the server, when they had to be asked for.
  returned: success
  type: dict
  sample: {"version": "26.7.3", "features": ["ORGANIZATION"]}
warnings:
  description: What could not be told, such as whether a secret changed.
  returned: when there are any
  type: list
  elements: str
problems:
  description: Everything that is wrong with the document, when it cannot be applied.
  returned: failure
  type: list
  elements: str
done:
  description: What had been carried out when a write failed; the message says what failed, RV(not_run) is the rest of the plan.
  returned: failure during the writes
  type: list
  elements: dict
not_run:
  description: What of the plan was not tried after that.
  returned: failure during the writes
  type: list
  elements: dict
"""

from ansible_collections.mlops.platform.plugins.module_utils.engine.door import run_module
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.config import door

DOOR = door()


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
