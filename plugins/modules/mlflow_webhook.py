#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_webhook
short_description: Webhooks of an MLflow server
version_added: 0.2.0
description:
  - Makes, changes and deletes webhooks.
  - The server accepts the same name twice. A webhook is found by its name; where the server has that name twice, the module refuses to guess.
  - The server never returns the O(secret). Whether it changed is told by a keyed hash, see O(update_secret).
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the webhook.
    type: str
  target_url:
    description: Address that is called. The server refuses what is not C(https), or leads to a private network, unless its administrator allows it.
    type: str
  events:
    description: What it is called for, such as V(model_version_alias.created) or V(prompt_version.created).
    type: list
    elements: str
  description:
    description: What it is for.
    type: str
  status:
    description: Whether it is called at all.
    type: str
    choices: [ACTIVE, DISABLED]
  secret:
    description: Secret with which MLflow signs what it sends.
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
- name: Deploy when an alias moves
  mlops.platform.mlflow_webhook:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: deploy
    target_url: https://ci.example.com/hooks/mlflow
    events: [model_version_alias.created]
    secret: "{{ webhook_secret }}"
    secret_hash_key: "{{ secret_hash_key }}"
    owner: webhooks
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "webhooks", "name": "deploy", "fields": ["events", "name", "url"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"webhooks": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_webhook")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
