#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_gateway
short_description: Objects of MLflow's AI gateway
version_added: 0.2.0
description:
  - Makes, changes and deletes secrets, model definitions, endpoints, budgets and guardrails of the AI gateway, in the order in which they need each other.
  - A secret that a model definition uses, and a model definition that an endpoint uses, are not deleted without it. The server itself would silently leave
    a definition without its secret.
author: The mlops.platform authors (@mlops-platform)
options:
  kind:
    description: What the object is.
    type: str
    choices: [secret, model_definition, endpoint, budget, guardrail]
  name:
    description: "Name of the object. A budget has none: it is found by what O(settings) say that it limits (target and duration), also when it has to go."
    type: str
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: A model of a provider, behind one name
  mlops.platform.mlflow_gateway:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    secret_hash_key: "{{ secret_hash_key }}"
    owner: gateway
    items:
      - kind: secret
        name: openai-batch
        settings:
          provider: openai
          secret_value: {api_key: "{{ openai_api_key }}"}
      - kind: model_definition
        name: small
        settings: {provider: openai, model_name: gpt-5-mini, secret_name: openai-batch}
      - kind: endpoint
        name: batch
        settings: {model_configs: [{model_definition: small}]}

- name: An endpoint that is no longer needed
  mlops.platform.mlflow_gateway:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    kind: endpoint
    name: trial
    state: absent

- name: No limit for a day any more
  mlops.platform.mlflow_gateway:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    kind: budget
    state: absent
    settings: {target_scope: GLOBAL, duration: {value: 1, unit: DAYS}}
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "gateway_endpoints", "name": "chat", "fields": ["name"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"gateway_endpoints": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.objects import door

DOOR = door("mlflow_gateway")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
