#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_info
short_description: Read objects of a cluster
version_added: 0.1.0
description:
  - Reads objects of one kind, as M(kubernetes.core.k8s_info) does and with the same options, as far as the platform needs them.
  - It runs inside the controller and asks for nothing else, so that reading costs a tenth of a second instead of one or two.
author: The mlops.platform authors (@mlops-platform)
options:
  api_version:
    description: Group and version of the kind.
    type: str
    default: v1
  kind:
    description: The kind, as in manifests. One that the cluster does not know has no objects.
    type: str
    required: true
  namespace:
    description: Where to look; everywhere without it.
    type: str
  name:
    description: The one object to read. Exclusive with O(label_selectors).
    type: str
  label_selectors:
    description: Labels that objects must have, each as C(key=value).
    type: list
    elements: str
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
- name: List the namespaces of the platform
  mlops.platform.k8s_info:
    kind: Namespace
    label_selectors: [app.kubernetes.io/part-of=mlops-platform]
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
  register: found
"""

RETURN = r"""
resources:
  description: The objects, as the API returns them; none where there are none.
  returned: success
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, Client, KubeError, UnknownKindError, connect


def resources(client: Client, params: t.Mapping[str, t.Any]) -> list[t.Any]:
    """The objects that somebody asks for.

    :raises KubeError: when the API does not answer, or refuses.
    """
    try:
        path = client.resource(params["api_version"], params["kind"]).path(params["namespace"], params["name"])
    except UnknownKindError:
        return []
    if params["name"]:
        found = client.find(path)
        return [found] if found else []
    return client.items(path, labelSelector=",".join(params["label_selectors"] or []) or None)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "api_version": {"type": "str", "default": "v1"},
            "kind": {"type": "str", "required": True},
            "namespace": {"type": "str"},
            "name": {"type": "str"},
            "label_selectors": {"type": "list", "elements": "str"},
            **ARGUMENTS,
        },
        mutually_exclusive=[("name", "label_selectors")],
        supports_check_mode=True,
    )
    try:
        found = resources(connect(module.params["kubeconfig"], module.params["context"]), module.params)
    except KubeError as exc:
        module.fail_json(msg=f"Reading {module.params['kind']}: {exc}")
    module.exit_json(changed=False, resources=found)


if __name__ == "__main__":
    main()
