#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_info
short_description: What a Keycloak realm holds, as a document
version_added: 0.2.0
description:
  - Exports a realm and returns it in the format of M(mlops.platform.keycloak_config), which takes it as it is, without the identifiers of this server.
  - This is the way to bring under control what people made by hand. Look at what is returned, take out what is not worth keeping, and declare the rest.
  - "The account needs the role C(manage-realm): Keycloak exports realms to nobody else. For O(families=clients) it needs C(view-clients) too, for
    O(families=groups) and O(families=users) C(view-users), for O(families=roles) both, and for O(families=workflows) C(realm-admin)."
  - "Not in it is what neither an export nor a list of Keycloak's holds: roles, groups, passwords and links to identity providers of users, and roles of
    service accounts; members, identity providers and groups of organizations; C(adminPermissions). A document that does not declare these leaves
    them as they are."
  - Secrets are not in it. In their place stands C(**********), which means to keep what the server has.
author: The mlops.platform authors (@mlops-platform)
options:
  families:
    description:
      - What to return, by its key in the document; V(realm) is the realm's own settings. Keys that belong together come together.
      - By default everything but users, of whom there may be very many.
    type: list
    elements: str
    choices:
      - realm
      - clientScopes
      - clients
      - roles
      - groups
      - users
      - authenticationFlows
      - requiredActions
      - identityProviders
      - components
      - organizations
      - workflows
      - clientPolicies
      - localizationTexts
    default:
      - realm
      - clientScopes
      - clients
      - roles
      - groups
      - authenticationFlows
      - requiredActions
      - identityProviders
      - components
      - organizations
      - workflows
      - clientPolicies
      - localizationTexts
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.connection
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: Look at the clients of a realm
  mlops.platform.keycloak_info:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    families: [clients]
  register: found

- name: Keep them as a document
  ansible.builtin.copy:
    content: "{{ found.config | to_nice_yaml }}"
    dest: realm.yml
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
config:
  description: The realm, as a document.
  returned: success
  type: dict
  sample: {"realm": "mlops", "clients": [{"clientId": "mlflow", "secret": "**********"}]}
owners:
  description: Owners in the ownership marks of those that have one, by C(family/name).
  returned: success
  type: dict
  sample: {"clients/mlflow": "mlops.platform"}
requests:
  description: How many requests were sent.
  returned: success
  type: dict
  sample: {"total": 2}
"""

from ansible_collections.mlops.platform.plugins.module_utils.engine.door import run_module
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.info import door

DOOR = door()


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
