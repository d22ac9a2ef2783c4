#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_realm
short_description: Realms of a Keycloak server
version_added: 0.2.0
description:
  - Makes, changes and deletes realms. Any field of a realm that has no option of its own goes into O(settings), also one that is newer than this module.
  - What a realm holds is declared with M(mlops.platform.keycloak_config), or by the other modules.
  - Deleting a realm deletes its users too.
author: The mlops.platform authors (@mlops-platform)
options:
  realm:
    description: Name of the realm.
    type: str
  enabled:
    description: Whether anybody can log in.
    type: bool
  display_name:
    description: Name that people see.
    type: str
  login_theme:
    description: Theme of the login pages.
    type: str
  account_theme:
    description: Theme of the account console.
    type: str
  admin_theme:
    description: Theme of the admin console.
    type: str
  email_theme:
    description: Theme of e-mails.
    type: str
  ssl_required:
    description: For which addresses TLS is needed.
    type: str
    choices: [all, external, none]
  registration_allowed:
    description: Whether people can register themselves.
    type: bool
  login_with_email_allowed:
    description: Whether people can log in by their e-mail address.
    type: bool
  verify_email:
    description: Whether e-mail addresses must be confirmed.
    type: bool
  reset_password_allowed:
    description: Whether people can ask for a new password.
    type: bool
  remember_me:
    description: Whether people can stay logged in.
    type: bool
  brute_force_protected:
    description: Whether logins are delayed after wrong passwords.
    type: bool
  password_policy:
    description: What passwords must be like, such as V(length(12) and notUsername).
    type: str
  access_token_lifespan:
    description: Seconds that an access token lives.
    type: int
  sso_session_idle_timeout:
    description: Seconds after which an unused session ends.
    type: int
  sso_session_max_lifespan:
    description: Seconds after which a session ends in any case.
    type: int
  internationalization_enabled:
    description: Whether pages come in several languages.
    type: bool
  supported_locales:
    description: These languages.
    type: list
    elements: str
  default_locale:
    description: The one for everybody else.
    type: str
  organizations_enabled:
    description: Whether the realm has organizations.
    type: bool
  smtp_server:
    description: "How e-mails are sent, in the words of Keycloak's API. Keycloak takes it whole: to change anything of it, give its C(password) too."
    type: dict
  attributes:
    description: Attributes as a map of texts; V(null) removes one. Those that are not named stay.
    type: dict
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: A realm
  mlops.platform.keycloak_realm:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    display_name: MLOps platform
    login_with_email_allowed: true
    password_policy: length(12) and notUsername
    settings:
      otpPolicyType: totp

- name: A realm that is no longer needed
  mlops.platform.keycloak_realm:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: trial
    state: absent
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "realm", "name": "mlops", "fields": ["displayName"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"realm": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_realm")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
