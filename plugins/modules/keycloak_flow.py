#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_flow
short_description: Authentication flows of a Keycloak realm
version_added: 0.2.0
description:
  - Makes, changes and deletes top-level flows, with everything in them.
  - A flow that is in use is edited in place where that is possible; otherwise a new one is built beside it and takes its place at once, so that logins keep
    working.
  - "Which flow a realm or a client uses is said there: C(browserFlow) in O(mlops.platform.keycloak_realm#module:settings),
    C(authenticationFlowBindingOverrides) in O(mlops.platform.keycloak_client#module:settings)."
author: The mlops.platform authors (@mlops-platform)
options:
  alias:
    description: Name of the flow.
    type: str
  description:
    description: What the flow is for.
    type: str
  provider_id:
    description: V(basic-flow) for people, V(client-flow) for clients.
    type: str
    choices: [basic-flow, client-flow]
  executions:
    description:
      - What happens, in this order. Each is a map with C(requirement) (V(REQUIRED), V(ALTERNATIVE), V(CONDITIONAL) or V(DISABLED)) and either
        C(authenticator), the provider's name, or C(flowAlias) with C(authenticationExecutions) for a flow within the flow.
      - C(authenticatorConfig) is a map with C(alias) and C(config).
      - Not given, what is in the flow stays as it is; an empty list takes everything out of it.
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
  - module: mlops.platform.keycloak_realm
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: Password, then a code for those who have one
  mlops.platform.keycloak_flow:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    alias: browser with otp
    executions:
      - {authenticator: auth-cookie, requirement: ALTERNATIVE}
      - flowAlias: browser with otp forms
        requirement: ALTERNATIVE
        authenticationExecutions:
          - {authenticator: auth-username-password-form, requirement: REQUIRED}
          - flowAlias: browser with otp code
            requirement: CONDITIONAL
            authenticationExecutions:
              - {authenticator: conditional-user-configured, requirement: REQUIRED}
              - {authenticator: auth-otp-form, requirement: REQUIRED}

- name: Use it
  mlops.platform.keycloak_realm:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    settings:
      browserFlow: browser with otp
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "authenticationFlows", "name": "browser with otp", "fields": ["authenticationExecutions"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"authenticationFlows": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_flow")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
