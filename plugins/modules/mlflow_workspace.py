#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_workspace
short_description: Workspaces of an MLflow server
version_added: 0.2.0
description:
  - Makes, changes and deletes workspaces. The server must run with C(--enable-workspaces).
  - What a workspace holds is declared with M(mlops.platform.mlflow_config), or by the other modules with their option O(workspace).
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: "Name: lower-case letters, digits and C(-)."
    type: str
  description:
    description: What the workspace is for.
    type: str
  default_artifact_root:
    description: Where artifacts of new experiments go; the server's own root without it.
    type: str
  trace_archival_config:
    description: When traces are moved out of the database, in the words of MLflow's API.
    type: dict
extends_documentation_fragment:
  - mlops.platform.mlflow
  - mlops.platform.mlflow.content
  - mlops.platform.mlflow.writing
  - mlops.platform.connection
  - mlops.platform.engine
  - mlops.platform.engine.object
seealso:
  - module: mlops.platform.mlflow_config
"""

EXAMPLES = r"""
- name: A workspace for the fraud team
  mlops.platform.mlflow_workspace:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: fraud
    description: Models that score payments

- name: A workspace that is no longer needed; what it holds goes to the default one
  mlops.platform.mlflow_workspace:
    url: https://mlflow.example.com
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: trial
    state: absent
    workspace_content: move
"""

RETURN = r"""
plan:
  description: What was done, or in check mode would be, object by object; fields by name, no values.
  returned: always
  type: list
  elements: dict
  sample: [{"action": "create", "family": "workspaces", "name": "fraud", "fields": ["description", "name"], "reason": "missing"}]
counts:
  description: Objects created, updated, deleted and unchanged.
  returned: always
  type: dict
  sample: {"workspaces": {"create": 1, "update": 0, "delete": 0, "unchanged": 0}}
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

DOOR = door("mlflow_workspace")


def main() -> None:
    run_module(DOOR)


if __name__ == "__main__":
    main()
