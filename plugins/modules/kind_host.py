#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kind_host
short_description: Decide which container engine a kind cluster uses and what it needs here
version_added: 0.1.0
description:
  - Looks at the machine (cgroups, systemd, capabilities, engines) and says which engine to use and which packages are missing.
  - Where podman's defaults do not fit, writes a containers.conf for the platform's own calls. The machine's configuration is not touched.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the cluster; the engine that already has it is chosen.
    type: str
    required: true
  engine:
    description: Container engine; V(auto) takes docker where released images are used and it runs, else podman.
    type: str
    choices: [auto, podman, docker]
    default: auto
  source:
    description: Where programs and images come from.
    type: str
    choices: [packages, upstream]
    required: true
  containers_conf:
    description: File to write podman's settings to.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: The file is not written.
  diff_mode:
    support: full
    description: Shows the change of the file.
"""

EXAMPLES = r"""
- name: Choose the container engine
  mlops.platform.kind_host:
    name: mlops
    source: packages
    containers_conf: "{{ platform_state_dir }}/containers.conf"
  become: true
"""

RETURN = r"""
engine:
  description: The engine to use.
  returned: success
  type: str
packages:
  description: Packages that have to be installed before it can be used; nothing was written if there are any.
  returned: success
  type: list
  elements: str
containers_conf:
  description: File to hand to podman as E(CONTAINERS_CONF); empty when none is needed.
  returned: success
  type: str
cgroup:
  description: Version of cgroups that containers get.
  returned: success
  type: int
reasons:
  description: Why each setting in the file is needed.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kind import host, kubeconfig
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Engine
from ansible_collections.mlops.platform.plugins.module_utils.kind.names import NAME_RULE, PROVIDERS, valid

HEADER = "# Written by the platform for its own calls of podman (CONTAINERS_CONF).\n"


def holder(facts: host.HostFacts, name: str) -> str:
    """The engine in which the cluster is."""
    for provider in PROVIDERS:
        if getattr(facts, provider):
            engine = Engine(provider)
            if any(network.cluster == name for network in engine.platform_networks()) or engine.nodes(name):
                return provider
    return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "engine": {"type": "str", "choices": ["auto", *PROVIDERS], "default": "auto"},
            "source": {"type": "str", "choices": ["packages", "upstream"], "required": True},
            "containers_conf": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    if not valid(module.params["name"]):
        module.fail_json(msg=f"platform_name is '{module.params['name']}': {NAME_RULE}")
    path = module.params["containers_conf"]
    try:
        facts = host.gather()
        decision = host.decide(module.params["engine"], module.params["source"], facts, holder(facts, module.params["name"]))
        text = HEADER + "".join(f"# {reason}\n" for reason in decision.reasons)
        text += host.to_toml(host.overlay(host.administrators_settings(), decision.containers_conf))
    except KindError as exc:
        module.fail_json(msg=str(exc))
    needed = bool(decision.containers_conf)
    before = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            before = stream.read()
    changed = needed and before != text and not decision.packages
    if changed and not module.check_mode:
        kubeconfig.write(path, text)
    module.exit_json(
        changed=changed,
        engine=decision.engine,
        packages=list(decision.packages),
        containers_conf=path if needed else "",
        cgroup=facts.cgroup,
        reasons=list(decision.reasons),
        diff={"before": before, "after": text, "before_header": path, "after_header": path} if changed else {},
    )


if __name__ == "__main__":
    main()
