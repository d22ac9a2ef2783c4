#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: platform_info
short_description: Read what is known of a platform
version_added: 0.1.0
description:
  - Tells whether the platform's API answers, reads the ConfigMap C(platform-contract), and decides where programs and images come from.
  - Tells whether the cluster is somebody else's, that the platform only uses.
  - The source is what the platform was made with, else what is declared, else what a probe of container registries finds.
author: The mlops.platform authors (@mlops-platform)
options:
  kubeconfig:
    description: Kubeconfig of the platform's cluster; need not exist.
    type: path
    required: true
  context:
    description: Context in O(kubeconfig).
    type: str
    required: true
  namespace:
    description: Namespace of the ConfigMap.
    type: str
    required: true
  state_dir:
    description:
      - Folder of the platform's state. Its file C(source) holds the source of a platform that has no API yet; a file C(adopted) in it says
        that the cluster is not the platform's own.
    type: path
    required: true
  source:
    description: The declared source.
    type: str
    choices: [auto, packages, upstream]
    default: auto
  probe_urls:
    description: Container registries that must answer for V(auto) to choose V(upstream). Asked for 5 seconds at most.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Read what is known of the platform
  mlops.platform.platform_info:
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
    namespace: "{{ platform_namespaces.platform }}"
    state_dir: "{{ platform_state_dir }}"
    source: "{{ platform_source }}"
"""

RETURN = r"""
api_available:
  description: Whether the API answers.
  returned: success
  type: bool
contract:
  description: Data of the ConfigMap C(platform-contract); empty when there is none.
  returned: success
  type: dict
adopted:
  description: Whether the cluster is somebody else's, and stays when the platform is removed.
  returned: success
  type: bool
source:
  description: Source in force, V(packages) or V(upstream).
  returned: success
  type: str
source_reason:
  description: Why it is in force.
  returned: success
  type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import contract


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "required": True},
            "context": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "state_dir": {"type": "path", "required": True},
            "source": {"type": "str", "choices": ["auto", "packages", "upstream"], "default": "auto"},
            "probe_urls": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    options = module.params
    data = contract.read_contract(options["kubeconfig"], options["context"], options["namespace"])
    kept = (data or {}).get("source", "")
    remembered = os.path.join(options["state_dir"], "source")
    if not kept and os.path.exists(remembered):
        with open(remembered, encoding="utf-8") as stream:
            kept = stream.read().strip()
    try:
        source, reason = contract.choose_source(options["source"], kept, lambda: contract.probe_registries(options["probe_urls"]))
    except contract.ContractError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(
        changed=False,
        api_available=data is not None,
        contract=data or {},
        adopted=os.path.exists(os.path.join(options["state_dir"], "adopted")),
        source=source,
        source_reason=reason,
    )


if __name__ == "__main__":
    main()
