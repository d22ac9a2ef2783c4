#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: job_output
short_description: Read what a Kubernetes Job said
version_added: 0.1.0
description:
  - Returns the lines that the newest pod of a Job wrote, and the last of them that is a JSON object.
author: The mlops.platform authors (@mlops-platform)
options:
  namespace:
    description: Namespace of the Job.
    type: str
    required: true
  name:
    description: Name of the Job.
    type: str
    required: true
extends_documentation_fragment:
  - mlops.platform.kube
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Read what the training said
  mlops.platform.job_output:
    namespace: platform-verify
    name: verify-train-1
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
  register: training
"""

RETURN = r"""
lines:
  description: The lines.
  returned: success
  type: list
  elements: str
result:
  description: The last line that is a JSON object, as a dictionary; empty where none is.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import pods
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, connect


def main() -> None:
    module = AnsibleModule(
        argument_spec={"namespace": {"type": "str", "required": True}, "name": {"type": "str", "required": True}, **ARGUMENTS}, supports_check_mode=True
    )
    params = module.params
    try:
        lines = pods.job_output(connect(params["kubeconfig"], params["context"]), params["namespace"], params["name"])
    except KubeError as exc:
        module.fail_json(msg=f"Reading what a Job said: {exc}")
    module.exit_json(changed=False, lines=lines, result=pods.result_of(lines))


if __name__ == "__main__":
    main()
