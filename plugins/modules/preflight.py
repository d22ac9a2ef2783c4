#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check that a machine can carry the platform
version_added: 0.1.0
description:
  - Looks at memory, disk, cores, ports, container engine, privileges and kernel, and at the names of variables.
  - Reports everything that is missing at once, before anything is changed.
author: The mlops.platform authors (@mlops-platform)
options:
  memory_gib:
    description: Memory needed, in GiB.
    type: float
    required: true
  cores:
    description: Processor cores needed.
    type: int
    required: true
  disk_gib:
    description: Free space needed in each of O(folders), in GiB.
    type: float
    required: true
  folders:
    description: Folders whose disk must have that space, by purpose. A folder need not exist; an empty one is that of the container engine.
    type: dict
    required: true
  ports:
    description: Ports of 127.0.0.1 that must be free, or held by a cluster called O(name), which only root can tell.
    type: list
    elements: int
    default: []
  domain:
    description: DNS domain of the platform's names.
    type: str
    required: true
  domain_ports:
    description: Ports of the platform's addresses, of HTTP and HTTPS.
    type: list
    elements: int
    required: true
  domain_local:
    description: Whether names below the domain must lead to this machine. Those below V(localhost) do, or will.
    type: bool
    default: false
  name:
    description: Name of the cluster.
    type: str
    required: true
  privileged:
    description: Whether root's rights can be had.
    type: bool
    required: true
  engine:
    description: Container engine asked for, V(auto), V(podman) or V(docker).
    type: str
    default: auto
  source:
    description: Where programs and images come from.
    type: str
    choices: [packages, upstream]
    required: true
  to_build:
    description: What has to be built yet.
    type: list
    elements: str
    default: []
  problems:
    description: What was found wrong before, a sentence each; reported with the rest.
    type: list
    elements: str
    default: []
  variables:
    description: Names of all variables in force; names, never values.
    type: list
    elements: str
    default: []
  known_variables:
    description: Names of all variables the platform has.
    type: list
    elements: str
    default: []
  prefixes:
    description: What the platform's variables begin with. A variable that begins so and is not known is an error.
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
- name: Check that this machine can carry the platform
  mlops.platform.preflight:
    memory_gib: 6
    cores: 2
    disk_gib: 15
    folders: {the cache: /var/cache/mlops-platform}
    ports: [8080, 8443]
    domain: mlops.localhost
    domain_ports: [8080, 8443]
    name: mlops
    privileged: true
    source: packages
"""

RETURN = r"""
problems:
  description: Everything that is missing, a sentence each.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import preflight


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "memory_gib": {"type": "float", "required": True},
            "cores": {"type": "int", "required": True},
            "disk_gib": {"type": "float", "required": True},
            "folders": {"type": "dict", "required": True},
            "ports": {"type": "list", "elements": "int", "default": []},
            "domain": {"type": "str", "required": True},
            "domain_ports": {"type": "list", "elements": "int", "required": True},
            "domain_local": {"type": "bool", "default": False},
            "name": {"type": "str", "required": True},
            "privileged": {"type": "bool", "required": True},
            "engine": {"type": "str", "default": "auto"},
            "source": {"type": "str", "choices": ["packages", "upstream"], "required": True},
            "to_build": {"type": "list", "elements": "str", "default": []},
            "problems": {"type": "list", "elements": "str", "default": []},
            "variables": {"type": "list", "elements": "str", "default": []},
            "known_variables": {"type": "list", "elements": "str", "default": []},
            "prefixes": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    options = module.params
    need = preflight.Requirements(
        options["name"], options["memory_gib"], options["cores"], options["disk_gib"], options["engine"], options["source"], options["to_build"]
    )
    facts = preflight.gather(need, options["folders"], options["ports"], options["privileged"])
    domain = options["domain"]
    looked_up = preflight.addresses_of(f"keycloak.{domain}") if options["domain_local"] and not f".{domain}".endswith(".localhost") else None
    problems = preflight.evaluate(facts, need) + preflight.addresses(domain, options["domain_ports"], looked_up) + options["problems"]
    problems += preflight.misspelled(options["variables"], options["known_variables"], options["prefixes"])
    if problems:
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        module.fail_json(msg="\n".join([f"This machine is not ready, {count}. Nothing was changed.", *(f"- {text}" for text in problems)]), problems=problems)
    module.exit_json(changed=False, problems=[])


if __name__ == "__main__":
    main()
