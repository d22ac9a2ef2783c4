#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: keycloak_required_action
short_description: Required actions of a Keycloak realm
version_added: 0.2.0
description:
  - Registers, changes and unregisters what users may have to do at a login.
author: The mlops.platform authors (@mlops-platform)
options:
  alias:
    description: Name of the action, such as V(CONFIGURE_TOTP).
    type: str
  name:
    description: Name that people see.
    type: str
  provider_id:
    description: Provider behind it; usually the same as O(alias).
    type: str
  enabled:
    description: Whether it can be asked for.
    type: bool
  default_action:
    description: Whether every new user has to do it.
    type: bool
  priority:
    description: Which comes first; the lowest does.
    type: int
  config:
    description: Settings of the action.
    type: dict
extends_documentation_fragment:
  - mlops.platform.keycloak
  - mlops.platform.keycloak.realm
  - mlops.platform.keycloak.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.keycloak_user
  - module: mlops.platform.keycloak_config
"""

EXAMPLES = r"""
- name: New users set up a second factor
  mlops.platform.keycloak_required_action:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: mlops
    alias: CONFIGURE_TOTP
    enabled: true
    default_action: true
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "requiredActions", "name": "CONFIGURE_TOTP", "fields": ["defaultAction", "enabled"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"requiredActions": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("keycloak_required_action")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
