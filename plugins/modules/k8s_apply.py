#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_apply
short_description: Apply Kubernetes objects on the server's side
version_added: 0.1.0
description:
  - Applies any number of objects over one connection with server-side apply and strict field validation.
  - An object counts as changed when the server keeps something else than before, its status aside.
  - Shows a line for each object that is created or changed. Values of Secrets are shown nowhere.
  - What is merely not ready yet (a webhook that starts, a kind that was just defined) is tried again for O(timeout) seconds.
author: The mlops.platform authors (@mlops-platform)
options:
  objects:
    description: The objects. Namespaces and definitions of kinds are applied first, the others as given.
    type: list
    elements: dict
    required: true
  field_manager:
    description: In whose name fields are owned.
    type: str
    default: mlops-platform
  timeout:
    description: Seconds during which what is not ready yet is tried again, for each object.
    type: int
    default: 60
extends_documentation_fragment:
  - mlops.platform.kube
attributes:
  check_mode:
    support: full
    description:
      - The server says what it would keep. Objects whose kind or namespace does not exist yet count as created.
      - Where no API answers, all objects count as created.
  diff_mode:
    support: full
    description: Shows each changed object before and after.
"""

EXAMPLES = r"""
- name: Apply the objects of a template
  mlops.platform.k8s_apply:
    objects: "{{ lookup('ansible.builtin.template', 'objects.yml.j2') | from_yaml_all | mlops.platform.labelled('storage') }}"
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
"""

RETURN = r"""
objects:
  description: What became of each object.
  returned: success
  type: list
  elements: dict
  contains:
    object:
      description: Kind, namespace and name.
      type: str
    action:
      description: V(created), V(changed) or V(unchanged).
      type: str
requests:
  description: Number of requests to the API.
  returned: success
  type: int
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kube.apply import Applier, Change, redacted
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, reach, title
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def diff(change: Change) -> dict[str, t.Any]:
    before, after = redacted(change.before, change.after)
    return {"before_header": change.title, "after_header": f"{change.title} ({change.action})", "before": before or "", "after": after or ""}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "objects": {"type": "list", "elements": "dict", "required": True},
            "field_manager": {"type": "str", "default": "mlops-platform"},
            "timeout": {"type": "int", "default": 60},
            **ARGUMENTS,
        },
        supports_check_mode=True,
        no_log=True,  # no line with the objects, Secrets among them, in the system's log
    )
    progress = Progress()
    shown = {"module_args": {**module.params, "objects": [title(item) for item in module.params["objects"]]}}
    for number, item in enumerate(module.params["objects"], 1):
        if not item.get("apiVersion") or not item.get("kind") or not (item.get("metadata") or {}).get("name"):
            module.fail_json(msg=f"object {number} needs apiVersion, kind and metadata.name", invocation=shown)
    try:
        client = reach(module.params["kubeconfig"], module.params["context"], module.check_mode, progress.say)
        applier = Applier(client, module.params["field_manager"], module.check_mode, progress.say, module.params["timeout"])
        changes = applier.apply(module.params["objects"])
    except KubeError as exc:
        module.fail_json(msg=str(exc), invocation=shown)
    changed = [change for change in changes if change.action != "unchanged"]
    result: dict[str, t.Any] = {
        "changed": bool(changed),
        "objects": [{"object": change.title, "action": change.action} for change in changes],
        "requests": client.requests if client else 0,
        "invocation": shown,
    }
    if module._diff:
        result["diff"] = [diff(change) for change in changed]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
