#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_prompt
short_description: Prompts of an MLflow server
version_added: 0.2.0
description:
  - Makes prompts and their versions, and deletes prompts. A new version is made only when the O(template), C(response_format) in O(settings) or
    C(model_config) there differ from the latest one.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the prompt.
    type: str
  template:
    description:
      - The text, or a list of chat messages, each a map with C(role) and C(content). Two braces around a word mark a variable; keep Ansible from filling it
        in with C(!unsafe), or by reading the text from a file.
    type: raw
  commit_message:
    description: Why there is a new version. It is written with the version and not compared.
    type: str
  description:
    description: What the prompt is for.
    type: str
  tags:
    description: Tags as a map; V(null) removes one. Tags that are not named stay.
    type: dict
  version_tags:
    description: Tags of the version.
    type: dict
  aliases:
    description: From alias to the number of a version, or V(latest), which follows every new version.
    type: dict
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
- name: A prompt from a file of the repository, in production at once
  mlops.platform.mlflow_prompt:
    url: https://mlflow.example.com
    name: fraud.explain
    template: "{{ lookup('ansible.builtin.file', 'prompts/explain.txt') }}"
    commit_message: Shorter answers
    aliases:
      production: latest

- name: A chat prompt
  mlops.platform.mlflow_prompt:
    url: https://mlflow.example.com
    name: fraud.chat
    template:
      - {role: system, content: You explain why payments are refused.}
      - {role: user, content: !unsafe "Explain payment {{ payment }}."}
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "prompts", "name": "fraud.explain", "fields": ["name", "template"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"prompts": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_prompt")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
