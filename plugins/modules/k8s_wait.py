#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_wait
short_description: Wait until Kubernetes objects are ready, and say what is missing
version_added: 0.1.0
description:
  - Waits until every given object is ready in the sense of its kind. Knows Deployments, StatefulSets, DaemonSets, Jobs, Pods, claims, namespaces, nodes,
    custom resource definitions, API services, CloudNativePG clusters and databases, gateways, routes and Envoy Gateway's policies; of other kinds it
    looks at the conditions C(Ready) and C(Available).
  - While it waits it shows what is not ready and why. When it fails, the message holds the events and the last log lines of the pods concerned.
  - A failed Job, an image that is never pulled and a pod that crashed five times end the wait at once.
author: The mlops.platform authors (@mlops-platform)
options:
  resources:
    description: What is waited for.
    type: list
    elements: dict
    required: true
    suboptions:
      api_version:
        description: API version.
        type: str
        default: v1
      kind:
        description: Kind.
        type: str
        required: true
      namespace:
        description: Namespace; none for an object of the cluster.
        type: str
      name:
        description: Name. Exclusive with O(resources[].label_selector).
        type: str
      label_selector:
        description: Label selector; at least one object must match, and all that do must be ready.
        type: str
      condition:
        description: Type of a condition that must be true, instead of the kind's own meaning of ready.
        type: str
  timeout:
    description: Seconds to wait for all of them together.
    type: int
    default: 300
  interval:
    description: Seconds between two looks.
    type: float
    default: 1
extends_documentation_fragment:
  - mlops.platform.kube
attributes:
  check_mode:
    support: full
    description: Waits for nothing, since nothing was changed that could become ready.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Wait for MLflow
  mlops.platform.k8s_wait:
    resources:
      - {api_version: apps/v1, kind: Deployment, namespace: mlflow, name: mlflow}
    timeout: 180
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
"""

RETURN = r"""
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kube import wait
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, connect
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "resources": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "api_version": {"type": "str", "default": "v1"},
                    "kind": {"type": "str", "required": True},
                    "namespace": {"type": "str"},
                    "name": {"type": "str"},
                    "label_selector": {"type": "str"},
                    "condition": {"type": "str"},
                },
                "mutually_exclusive": [("name", "label_selector")],
                "required_one_of": [("name", "label_selector")],
            },
            "timeout": {"type": "int", "default": 300},
            "interval": {"type": "float", "default": 1},
            **ARGUMENTS,
        },
        supports_check_mode=True,
    )
    options = module.params
    targets = [wait.Target(**entry) for entry in options["resources"]]
    if module.check_mode:
        module.exit_json(changed=False, seconds=0.0)
    try:
        api = connect(options["kubeconfig"], options["context"])
        seconds = wait.Waiter(api, Progress().say, options["interval"]).wait(targets, options["timeout"])
    except wait.WaitError as exc:
        module.fail_json(msg=str(exc))
    except KubeError as exc:
        module.fail_json(msg=f"k8s_wait: {exc}")
    module.exit_json(changed=False, seconds=round(seconds, 1))


if __name__ == "__main__":
    main()
