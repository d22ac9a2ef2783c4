#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_remove
short_description: Remove all Kubernetes objects of a component of the platform
version_added: 0.1.0
description:
  - Removes everything that bears the labels of a component, whatever its kind, and waits until it is gone.
  - Custom objects go first, so that their operators can still clear up; then all else in the given namespaces, the namespaces
    themselves where they are the component's, what spans the cluster, and definitions of kinds.
  - In namespaces that are not given nothing is removed.
author: The mlops.platform authors (@mlops-platform)
options:
  component:
    description: Name of the component, the value of the label C(mlops.platform/component).
    type: str
    required: true
  namespaces:
    description: Namespaces in which objects may be removed.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait until all is gone.
    type: int
    default: 180
extends_documentation_fragment:
  - mlops.platform.kube
attributes:
  check_mode:
    support: full
    description: Says what would be removed.
  diff_mode:
    support: none
    description: The result lists what is removed.
"""

EXAMPLES = r"""
- name: Remove MLflow
  mlops.platform.k8s_remove:
    component: mlflow
    namespaces: [mlflow]
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
"""

RETURN = r"""
removed:
  description: What was removed, kind, namespace and name, in that order.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, reach
from ansible_collections.mlops.platform.plugins.module_utils.kube.remove import Remover, find
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "component": {"type": "str", "required": True},
            "namespaces": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 180},
            **ARGUMENTS,
        },
        supports_check_mode=True,
    )
    params = module.params
    progress = Progress()
    try:
        client = reach(params["kubeconfig"], params["context"], module.check_mode, progress.say)
        found = find(client, params["component"], params["namespaces"]) if client else []
        if client and not module.check_mode:
            Remover(client, progress.say, params["timeout"]).remove(found)
    except KubeError as exc:
        module.fail_json(msg=f"Removing {params['component']}: {exc}")
    if module.check_mode:
        for item in found:
            progress.say(f"would be removed: {item.title}")
    module.exit_json(changed=bool(found), removed=[item.title for item in found])


if __name__ == "__main__":
    main()
