#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_registered_model
short_description: Registered models of an MLflow server
version_added: 0.2.0
description:
  - Makes, changes and deletes registered models, with their versions, tags and aliases.
  - Versions and aliases are looked at only where they are declared, for pipelines make them too.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the model, without C(/) and C(:).
    type: str
  rename_from:
    description:
      - Its earlier name. What is there under it, and not yet under O(name), is renamed and keeps everything else, its ownership mark included.
      - Once it has the new name this says nothing any more; leave it in the file as long as other servers have the old one.
    type: str
  description:
    description: What the web interface shows as its description.
    type: str
  tags:
    description: Tags as a map; V(null) removes one. Tags that are not named stay.
    type: dict
  aliases:
    description: "From alias to version: its number, or the label or source of one in O(versions). V(null) removes an alias."
    type: dict
  versions:
    description:
      - Versions that are to be there. Each is a map with C(source), and C(run_id), C(model_id), C(label), C(description) and C(tags) where wanted.
      - A version is recognised by its C(label), which is kept as a tag, or by its C(source) and C(run_id).
    type: list
    elements: dict
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_config
  - module: mlops.platform.mlflow_model_alias
"""

EXAMPLES = r"""
- name: A model, one imported version, and the alias that serving follows
  mlops.platform.mlflow_registered_model:
    url: https://mlflow.example.com
    name: fraud
    description: Scores payments
    versions:
      - label: imported
        source: s3://models/fraud/2026-01
    aliases:
      champion: imported

- name: A model that is no longer needed
  mlops.platform.mlflow_registered_model:
    url: https://mlflow.example.com
    name: trial
    state: absent
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "registered_models", "name": "fraud", "fields": ["description", "name", "tags"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"registered_models": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_registered_model")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
