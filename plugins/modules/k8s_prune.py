#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_prune
short_description: Remove Kubernetes objects that others have superseded, or that failed
version_added: 0.1.0
description:
  - Removes the objects of one kind that bear a label, unless they are among those to keep or lack the condition asked for.
    Their dependants go with them, later unless O(timeout) is given.
author: The mlops.platform authors (@mlops-platform)
options:
  api_version:
    description: API version of the kind.
    type: str
    required: true
  kind:
    description: Kind of the objects.
    type: str
    required: true
  namespace:
    description: Namespace of the objects; all namespaces when it is not given.
    type: str
  label:
    description: Label selector they must match.
    type: str
    required: true
  keep:
    description: Names of those that stay, as C(namespace/name) without O(namespace). Without it, O(condition) is needed.
    type: list
    elements: str
  condition:
    description: Type of a condition that must be true, such as V(Failed) of a Job.
    type: str
  timeout:
    description: Seconds to wait until they and their dependants are gone; V(0) to not wait.
    type: int
    default: 0
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
- name: Remove the migrations of earlier versions
  mlops.platform.k8s_prune:
    api_version: batch/v1
    kind: Job
    namespace: mlflow
    label: mlops.platform/migration=database
    keep: [mlflow-migrate-0123456789]
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"

- name: Remove migrations that failed
  mlops.platform.k8s_prune:
    api_version: batch/v1
    kind: Job
    namespace: mlflow
    label: mlops.platform/migration=database
    condition: Failed
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
"""

RETURN = r"""
removed:
  description: Names of the objects that were removed, as in O(keep).
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import pods
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, UnknownKindError, reach


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "api_version": {"type": "str", "required": True},
            "kind": {"type": "str", "required": True},
            "namespace": {"type": "str"},
            "label": {"type": "str", "required": True},
            "keep": {"type": "list", "elements": "str"},
            "condition": {"type": "str"},
            "timeout": {"type": "int", "default": 0},
            **ARGUMENTS,
        },
        required_one_of=[("keep", "condition")],
        supports_check_mode=True,
    )
    params = module.params
    names: list[str] = []
    try:
        client = reach(params["kubeconfig"], params["context"], module.check_mode, module.debug)
        if client:
            resource = client.resource(params["api_version"], params["kind"])
            names = pods.superseded(client, resource, params["namespace"], params["label"], params["keep"] or [], params["condition"])
            for name in names if not module.check_mode else []:
                space, _slash, bare = name.rpartition("/")
                client.request("DELETE", resource.path(space or params["namespace"], bare), {"propagationPolicy": "Background"})
    except UnknownKindError:
        pass  # what the cluster does not know, it has none of
    except KubeError as exc:
        module.fail_json(msg=f"Removing what is superseded or failed, {params['kind']} in {params['namespace'] or 'all namespaces'}: {exc}")
    module.exit_json(changed=bool(names), removed=names)


if __name__ == "__main__":
    main()
