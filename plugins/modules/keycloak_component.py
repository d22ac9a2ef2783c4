#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_component
short_description: Components of a Keycloak realm, such as LDAP servers and keys
version_added: 0.2.0
description:
  - "Makes, changes and deletes components: user federation with its mappers, keys, policies for the registration of clients."
  - Keycloak masks secrets in O(config). Whether one changed is told by a keyed hash, see O(update_secret).
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the component.
    type: str
  provider_type:
    description: Its type, such as V(org.keycloak.storage.UserStorageProvider) or V(org.keycloak.keys.KeyProvider); needed with O(name).
    type: str
  sub_type:
    description: "Its sub-type, where the type has some: V(anonymous) or V(authenticated) for policies of the registration of clients."
    type: str
  provider_id:
    description: Provider of that type, such as V(ldap) or V(rsa-generated).
    type: str
  config:
    description: "Settings: a map from name to text, or to a list of texts. Those that are not named stay."
    type: dict
  sub_components:
    description: "Components below it, such as the mappers of an LDAP server: a map from type to a list of maps with C(name), C(providerId) and C(config)."
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
- name: Users from an LDAP server
  mlops.platform.keycloak_component:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    name: ldap
    provider_type: org.keycloak.storage.UserStorageProvider
    provider_id: ldap
    secret_hash_key: "{{ secret_hash_key }}"
    owner: federation
    config:
      vendor: other
      connectionUrl: ldaps://ldap.example.com
      bindDn: cn=reader,dc=example,dc=com
      bindCredential: "{{ ldap_password }}"
      usersDn: ou=people,dc=example,dc=com
      usernameLDAPAttribute: uid
      rdnLDAPAttribute: uid
      uuidLDAPAttribute: entryUUID
      userObjectClasses: inetOrgPerson
      authType: simple
      editMode: READ_ONLY

- name: A signing key
  mlops.platform.keycloak_component:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    name: signing
    provider_type: org.keycloak.keys.KeyProvider
    provider_id: rsa-generated
    config: {priority: 200, algorithm: RS256}
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "components", "name": "org.keycloak.keys.KeyProvider/signing", "fields": ["config"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"components": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_component")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
