#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_model_alias
short_description: Aliases of a registered model
version_added: 0.2.0
description:
  - Points an alias of a registered model at one of its versions, or removes it.
  - The model may be made by somebody else, a pipeline for instance; apart from the alias nothing of it is touched. A model that is not there is an error.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: The alias. V(latest), and C(v) followed by a number, are MLflow's own.
    type: str
  model:
    description: Name of the registered model; needed with O(name).
    type: str
  version:
    description: Number of the version; needed unless O(state=absent).
    type: str
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_registered_model
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: Let serving follow version 7
  mlops.platform.mlflow_model_alias:
    url: https://mlflow.example.com
    model: fraud
    name: champion
    version: 7

- name: Nothing is on trial any more
  mlops.platform.mlflow_model_alias:
    url: https://mlflow.example.com
    model: fraud
    name: challenger
    state: absent
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "model_aliases", "name": "fraud/champion", "fields": ["model", "name", "version"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"model_aliases": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_model_alias")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
