#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_secret
short_description: Keep a Kubernetes Secret whose values are generated once, given or copied
version_added: 0.1.0
description:
  - Makes sure that a Secret has the given keys, and reads them back.
  - A generated value is made once and never again. A given or copied one is kept in step. Other keys of the Secret are left alone.
  - Two runs at the same time end with the same values.
  - The result holds the values. Use C(no_log) with the task; module and diff show none.
author: The mlops.platform authors (@mlops-platform)
options:
  namespace:
    description: Namespace of the Secret; must exist.
    type: str
    required: true
  name:
    description: Name of the Secret.
    type: str
    required: true
  type:
    description: Type of a new Secret; the type of an existing one cannot be changed.
    type: str
    default: Opaque
  labels:
    description: Labels that the Secret must have.
    type: dict
    default: {}
  keys:
    description: What the Secret must hold.
    type: list
    elements: dict
    required: true
    suboptions:
      key:
        description: Name of the key.
        type: str
        required: true
      generate:
        description: Generate a value, unless there is one.
        type: dict
        suboptions:
          length:
            description: Number of characters; for V(base64) and V(base64url) of bytes before encoding.
            type: int
            default: 32
          format:
            description: What the value is made of. V(base64url) of 32 bytes is a Fernet key.
            type: str
            choices: [alphanumeric, hex, base64, base64url]
            default: alphanumeric
      value:
        description: The value.
        type: str
      from:
        description: Where to copy the value from.
        type: dict
        suboptions:
          namespace:
            description: Namespace of the Secret.
            type: str
            required: true
          name:
            description: Name of the Secret.
            type: str
            required: true
          key:
            description: Its key.
            type: str
            required: true
extends_documentation_fragment:
  - mlops.platform.kube
attributes:
  check_mode:
    support: full
    description: Values that a real run would generate or cannot read yet are returned as a placeholder.
  diff_mode:
    support: full
    description: Shows names of keys, never values.
"""

EXAMPLES = r"""
- name: Generate a password once, and read it back
  mlops.platform.k8s_secret:
    namespace: platform-storage
    name: postgres-mlflow
    type: kubernetes.io/basic-auth
    keys:
      - {key: username, value: mlflow}
      - {key: password, generate: {length: 32}}
  no_log: true
  register: credentials

- name: Copy it for another namespace
  mlops.platform.k8s_secret:
    namespace: mlflow
    name: mlflow-database
    keys:
      - {key: PGPASSWORD, from: {namespace: platform-storage, name: postgres-mlflow, key: password}}
  no_log: true
"""

RETURN = r"""
data:
  description: All text values of the Secret, by key.
  returned: success
  type: dict
created:
  description: Keys that were added.
  returned: success
  type: list
  elements: str
updated:
  description: Keys that were overwritten.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kube import secret
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, reach
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress

SPEC: dict[str, dict[str, t.Any]] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "default": "Opaque"},
    "labels": {"type": "dict", "default": {}},
    "keys": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "no_log": False,  # the values inside are hidden; names of keys are no secret
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "generate": {
                "type": "dict",
                "options": {"length": {"type": "int", "default": 32}, "format": {"type": "str", "choices": list(secret.FORMATS), "default": "alphanumeric"}},
            },
            "value": {"type": "str"},
            "from": {
                "type": "dict",
                "options": {
                    "namespace": {"type": "str", "required": True},
                    "name": {"type": "str", "required": True},
                    "key": {"type": "str", "required": True, "no_log": False},
                },
            },
        },
        "mutually_exclusive": [("generate", "value", "from")],
        "required_one_of": [("generate", "value", "from")],
    },
    **ARGUMENTS,
}


def ensure(params: dict[str, t.Any], check_mode: bool, say: t.Callable[[str], object]) -> dict[str, t.Any]:
    """Brings the Secret about and returns the module's result."""
    client = reach(params["kubeconfig"], params["context"], check_mode, say)
    wanted = {item["key"]: item for item in params["keys"]}
    namespace, name = params["namespace"], params["name"]
    for _attempt in range(5):
        existing = client.find(secret.path_of(namespace, name)) if client else None
        data = (existing or {}).get("data") or {}
        plan = secret.plan(wanted, data if existing else None, secret.read_copies(client, wanted, check_mode))
        have = ((existing or {}).get("metadata") or {}).get("labels") or {}
        relabel = any(have.get(key) != value for key, value in params["labels"].items())
        changed = existing is None or bool(plan.write) or relabel
        if not changed or check_mode or secret.write(client, namespace, name, params["type"], params["labels"], existing, plan.write):
            break
    else:
        raise KubeError(f"Secret {namespace}/{name} is being changed by somebody else all the time")
    values = secret.decoded({**data, **plan.write})
    if check_mode:
        values.update({key: secret.PLACEHOLDER for key in plan.created if wanted[key].get("generate") is not None})
    title = f"Secret {namespace}/{name}"
    before = {key: "kept" for key in sorted(data)} if existing else ""
    after = {**dict.fromkeys(sorted(data), "kept"), **dict.fromkeys(plan.created, "created"), **dict.fromkeys(plan.changed, "changed")}
    return {
        "changed": changed,
        "data": values,
        "created": plan.created,
        "updated": plan.changed,
        "diff": {"before_header": title, "after_header": title, "before": before, "after": after} if changed else {},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, no_log=True)  # no line with values in the system's log
    shown = {"module_args": {**module.params, "keys": [item["key"] for item in module.params["keys"]]}}
    try:
        result = ensure(module.params, module.check_mode, Progress().say)
    except KubeError as exc:
        module.fail_json(msg=f"Secret {module.params['namespace']}/{module.params['name']}: {exc}", invocation=shown)
    module.exit_json(**result, invocation=shown)


if __name__ == "__main__":
    main()
