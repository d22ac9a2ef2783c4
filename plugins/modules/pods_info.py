#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: pods_info
short_description: See which pods serve, which are not ready, and what they run
version_added: 0.1.0
description:
  - Lists the pods that are there to serve in some namespaces; pods of Jobs, finished ones and those on their way out are left out.
  - Says which are not ready and why, and gives a hash of what they run, to notice when that changes.
author: The mlops.platform authors (@mlops-platform)
options:
  namespaces:
    description: Namespaces to look at; those that do not exist have no pods.
    type: list
    elements: str
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
- name: Look at the pods of MLflow
  mlops.platform.pods_info:
    namespaces: [mlflow]
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
  register: found
"""

RETURN = r"""
pods:
  description: The pods, each with C(namespace) and C(name).
  returned: success
  type: list
  elements: dict
not_ready:
  description: A line for each pod that is not ready, which and why.
  returned: success
  type: list
  elements: str
running:
  description: A hash of images and revisions of the workloads, whatever the number of pods and their names.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import pods
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, connect


def main() -> None:
    module = AnsibleModule(argument_spec={"namespaces": {"type": "list", "elements": "str", "required": True}, **ARGUMENTS}, supports_check_mode=True)
    params = module.params
    try:
        client = connect(params["kubeconfig"], params["context"])
        found = pods.serving(client.items(client.resource("v1", "Pod").path()), params["namespaces"])
    except KubeError as exc:
        module.fail_json(msg=f"Looking at pods: {exc}")
    names = [{"namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"]} for pod in found]
    module.exit_json(changed=False, pods=names, not_ready=pods.not_ready(found), running=pods.running(found))


if __name__ == "__main__":
    main()
