#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_info
short_description: What an MLflow server holds, as a document
version_added: 0.2.0
description:
  - Reads the objects of a server and returns them in the format of M(mlops.platform.mlflow_config), which takes them as they are, and
    changes nothing on the same server.
  - This is the way to bring under control what people made by hand. Look at what is returned, take out what is not worth keeping, and declare the rest.
  - Secrets are not in it. In their place stands C(**********), which means to keep what the server has.
  - Everything of one workspace is told, also what nobody declared, but for what no document should or can say. Left out are
    the records of datasets, which are data and may be many (a document without C(records) leaves them alone);
    versions of registered models without O(versions), and of prompts all but the latest, with its C(commit_message);
    the version of the scorer of a guardrail (on the same server it stays, elsewhere the newest counts);
    scorers with program code, which M(mlops.platform.mlflow_config) refuses;
    deleted experiments with what is in them (what is shown with others too has C(+experiments) instead of C(experiments));
    tags that MLflow itself sets, the label schema that every experiment has, and everybody's own review queue;
    all but one of several webhooks, budgets, guardrails or datasets of one name, which cannot be told apart in a document.
  - A scorer comes as its C(definition), which holds what may be declared as C(instructions), C(model) and C(description) too.
  - Label schemas, review queues and, before MLflow 3.17, scorers take a request or two for each experiment, datasets one each, and guardrails one for
    each endpoint. Name O(families) where there are many and they are not needed.
author: The mlops.platform authors (@mlops-platform)
options:
  families:
    description:
      - Families to read, by their names in results, such as V(experiments), V(registered_models), V(gateway_endpoints) or V(roles).
      - By default all of them; those that the server does not have, or that this account may not see, are left out with a warning.
    type: list
    elements: str
    default: []
  names:
    description: Patterns of names, or of C(family/name); by default every object.
    type: list
    elements: str
    default: []
  versions:
    description: Return the versions of registered models too, which takes a request for each model.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.connection
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: Look at what there is
  mlops.platform.mlflow_info:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    families: [experiments, registered_models]
    names: ["fraud*"]
  register: found

- name: Keep it as a document
  ansible.builtin.copy:
    content: "{{ found.config | to_nice_yaml }}"
    dest: mlflow.yml
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
config:
  description: The objects, as a document.
  returned: success
  type: dict
  sample: {"experiments": [{"name": "fraud/training", "tags": {"team": "fraud"}}]}
owners:
  description: Owners in the ownership marks of those that have one, by C(family/name).
  returned: success
  type: dict
  sample: {"experiments/fraud/training": "mlops.platform"}
server:
  description: Version and features of the server.
  returned: success
  type: dict
  sample: {"version": "3.17.2", "features": {"workspaces": false, "gateway": true}}
requests:
  description: How many requests were sent.
  returned: success
  type: dict
  sample: {"total": 4}
"""

from ansible_collections.mlops.platform.plugins.module_utils.engine.door import run_module
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.info import door

DOOR = door()


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
