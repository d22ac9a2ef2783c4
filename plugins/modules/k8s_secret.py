#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_secret
short_description: Keep Kubernetes Secrets whose values are generated once, given or copied
version_added: 0.1.0
description:
  - Makes sure that Secrets have the given keys, and reads them back.
  - A generated value is made once and never again. A given or copied one is kept in step. Other keys of a Secret are left alone.
  - Two runs at the same time end with the same values.
  - The result holds the values, so it is always hidden (as with C(no_log)); errors are not, for they hold none.
author: The mlops.platform authors (@mlops-platform)
options:
  namespace:
    description: Namespace of the Secret; must exist. Required unless O(secrets) is given.
    type: str
  name:
    description: Name of the Secret. Required unless O(secrets) is given.
    type: str
  type:
    description: Type of a new Secret; that of an existing one cannot be changed.
    type: str
    default: Opaque
  component:
    description: The component it belongs to; gives it the platform's labels.
    type: str
  labels:
    description: More labels that the Secret must have.
    type: dict
    default: {}
  data:
    description: What it must hold, by key; each as an entry of C(keys), without C(key).
    type: dict
    default: {}
  copy:
    description: Values to copy from one other Secret.
    type: dict
    suboptions:
      namespace:
        description: Namespace of that Secret.
        type: str
        required: true
      name:
        description: Name of that Secret.
        type: str
        required: true
      keys:
        description: Which keys to copy, and what they are called in the copy.
        type: dict
        required: true
  keys:
    description: What it must hold, as a list.
    type: list
    elements: dict
    default: []
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
            description: Number of characters; with V(base64) and V(base64url) of bytes before encoding.
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
  secrets:
    description: Several Secrets, in the order in which they are made; each with the options above.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the Secret; must exist.
        type: str
        required: true
      name:
        description: Name of the Secret.
        type: str
        required: true
      type:
        description: Type of a new Secret; that of an existing one cannot be changed.
        type: str
        default: Opaque
      component:
        description: The component it belongs to; gives it the platform's labels.
        type: str
      labels:
        description: More labels that the Secret must have.
        type: dict
        default: {}
      data:
        description: What it must hold, by key; each as an entry of C(keys), without C(key).
        type: dict
        default: {}
      copy:
        description: Values to copy from one other Secret.
        type: dict
        suboptions:
          namespace:
            description: Namespace of that Secret.
            type: str
            required: true
          name:
            description: Name of that Secret.
            type: str
            required: true
          keys:
            description: Which keys to copy, and what they are called in the copy.
            type: dict
            required: true
      keys:
        description: What it must hold, as a list.
        type: list
        elements: dict
        default: []
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
                description: Number of characters; with V(base64) and V(base64url) of bytes before encoding.
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
    description: Values that a real run would generate, or that cannot be read yet, are returned as a placeholder.
  diff_mode:
    support: none
    description: The result is hidden.
"""

EXAMPLES = r"""
- name: Generate a password once, and read it back
  mlops.platform.k8s_secret:
    namespace: platform-storage
    name: postgres-mlflow
    type: kubernetes.io/basic-auth
    component: storage
    data:
      username: {value: mlflow}
      password: {generate: {length: 32}}
  register: credentials

- name: Copy it for two other namespaces
  mlops.platform.k8s_secret:
    secrets:
      - namespace: mlflow
        name: mlflow-database
        component: mlflow
        copy: {namespace: platform-storage, name: postgres-mlflow, keys: {password: PGPASSWORD}}
      - namespace: keycloak
        name: keycloak-database
        component: keycloak
        keys:
          - {key: KC_DB_PASSWORD, from: {namespace: platform-storage, name: postgres-keycloak, key: password}}
"""

RETURN = r"""
data:
  description: All values of the Secret that are text, by key.
  returned: success, unless O(secrets) is given
  type: dict
created:
  description: Keys that were added.
  returned: success, unless O(secrets) is given
  type: list
  elements: str
updated:
  description: Keys that were overwritten.
  returned: success, unless O(secrets) is given
  type: list
  elements: str
secrets:
  description: The same for each of O(secrets), in the given order.
  returned: success, when O(secrets) is given
  type: list
  elements: dict
  contains:
    secret:
      description: Namespace and name.
      type: str
    data:
      description: All values that are text, by key.
      type: dict
    created:
      description: Keys that were added.
      type: list
      elements: str
    updated:
      description: Keys that were overwritten.
      type: list
      elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kube import secret
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ARGUMENTS, KubeError, reach
from ansible_collections.mlops.platform.plugins.module_utils.kube.labels import labels_of
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress

Spec = dict[str, dict[str, t.Any]]


def one(required: bool) -> Spec:
    """Options of one Secret. Values are not marked as secret: the action plugin hides the whole result, and marked values (user names, say)
    would be blotted out of every message that happens to hold them."""
    name: dict[str, t.Any] = {"type": "str", "required": True}
    place: Spec = {"namespace": name, "name": name}
    generate: Spec = {"length": {"type": "int", "default": 32}, "format": {"type": "str", "choices": list(secret.FORMATS), "default": "alphanumeric"}}
    kinds = ("generate", "value", "from")
    return {
        "namespace": {"type": "str", "required": required},
        "name": {"type": "str", "required": required},
        "type": {"type": "str", "default": "Opaque"},
        "component": {"type": "str"},
        "labels": {"type": "dict", "default": {}},
        "data": {"type": "dict", "default": {}},
        "copy": {"type": "dict", "options": {**place, "keys": {"type": "dict", "required": True, "no_log": False}}},
        "keys": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "no_log": False,
            "options": {
                "key": {"type": "str", "required": True, "no_log": False},
                "generate": {"type": "dict", "options": generate},
                "value": {"type": "str"},
                "from": {"type": "dict", "options": {**place, "key": {"type": "str", "required": True, "no_log": False}}},
            },
            "mutually_exclusive": [kinds],
            "required_one_of": [kinds],
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={**one(False), "secrets": {"type": "list", "elements": "dict", "default": [], "no_log": False, "options": one(True)}, **ARGUMENTS},
        required_one_of=[("name", "secrets")],
        mutually_exclusive=[("name", "secrets")],
        required_together=[("namespace", "name")],
        supports_check_mode=True,
        no_log=True,  # no line with values in the system's log
    )
    params = module.params
    items = [params] if params["name"] else params["secrets"]
    names = [f"{item['namespace']}/{item['name']}" for item in items]
    shown = {"module_args": {"kubeconfig": params["kubeconfig"], "context": params["context"], "secrets": names}}
    wrong = [f"Secret {name}, {text}" for name, item in zip(names, items, strict=True) for text in secret.problems(secret.declared(item)[0])]
    if wrong:
        module.fail_json(msg="; ".join(wrong), invocation=shown)
    progress = Progress()
    try:
        client = reach(params["kubeconfig"], params["context"], module.check_mode, progress.say)
    except KubeError as exc:
        module.fail_json(msg=str(exc), invocation=shown)
    results = []
    for name, item in zip(names, items, strict=True):
        wanted = {**item, "labels": {**item["labels"], **(labels_of(item["component"]) if item["component"] else {})}}
        try:
            results.append({"secret": name, **secret.ensure(client, wanted, module.check_mode)})
        except KubeError as exc:
            module.fail_json(msg=f"Secret {name}: {exc}", invocation=shown)
        if results[-1]["changed"]:
            what = ", ".join(results[-1]["created"] + results[-1]["updated"]) or "labels"
            progress.say(f"{'would be written' if module.check_mode else 'written'}: Secret {name} ({what})")
    changed = any(item["changed"] for item in results)
    if params["name"]:
        module.exit_json(**results[0], invocation=shown)
    module.exit_json(changed=changed, secrets=results, invocation=shown)


if __name__ == "__main__":
    main()
