#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: platform_residue
short_description: List what the platform has on this machine
version_added: 0.1.0
description:
  - Lists containers, ports, volumes with the data in them, networks, images, the firewall table and the folders of a platform.
  - Changes nothing. What serves all clusters of the machine counts only when there is no other one.
  - What an adopted cluster consists of is its owner's and is not listed, and neither are Debian packages and the cache.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the cluster.
    type: str
    required: true
  state_root:
    description: Folder with the state of all clusters of this machine.
    type: path
    required: true
  containers_conf:
    description: File handed to podman as E(CONTAINERS_CONF); the machine's own configuration when empty.
    type: str
    default: ""
  ports:
    description: Ports that nothing may listen on; those that a cluster had.
    type: list
    elements: int
    default: []
  volumes:
    description: Volumes that may not exist; those that a cluster had.
    type: list
    elements: str
    default: []
  kubeconfigs:
    description: Kubeconfigs of users that may hold no entries of the cluster; those that its entries were put into.
    type: list
    elements: path
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
- name: List what is there
  mlops.platform.platform_residue:
    name: mlops
    state_root: /root/.local/state/mlops-platform
  become: true
"""

RETURN = r"""
residue:
  description: What there is, and goes with this platform.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What it is.
      type: str
    name:
      description: Its name.
      type: str
    where:
      description: Where it is.
      type: str
    shared:
      description: Whether it serves all clusters of this machine.
      type: bool
    holds:
      description: What goes with it.
      type: list
      elements: str
lines:
  description: The same for people.
  returned: success
  type: list
  elements: str
kept:
  description: What stays for other clusters of this machine.
  returned: success
  type: list
  elements: str
others:
  description: Other clusters of the platform on this machine.
  returned: success
  type: list
  elements: str
engines:
  description: Container engines that answer on this machine.
  returned: success
  type: list
  elements: str
ports:
  description: Ports of this machine that lead into the cluster.
  returned: success
  type: list
  elements: int
volumes:
  description: Volumes of the cluster's nodes.
  returned: success
  type: list
  elements: str
kubeconfigs:
  description: Kubeconfigs of users that the cluster's entries were put into.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kind import residue
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Engine
from ansible_collections.mlops.platform.plugins.module_utils.kind.names import NAME_RULE, PROVIDERS, valid


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state_root": {"type": "path", "required": True},
            "containers_conf": {"type": "str", "default": ""},
            "ports": {"type": "list", "elements": "int", "default": []},
            "volumes": {"type": "list", "elements": "str", "default": []},
            "kubeconfigs": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    name, state_root = module.params["name"], module.params["state_root"]
    if not valid(name):  # its folder would be another one, or all of them
        module.fail_json(msg=f"platform_name is '{name}': {NAME_RULE}")
    engines = [engine for provider in PROVIDERS if (engine := Engine(provider, module.params["containers_conf"])).available()]
    found = residue.gather(engines, name, state_root)
    items = residue.left(module.params["ports"], module.params["volumes"], engines) + residue.of_kubeconfigs(module.params["kubeconfigs"], name)
    items += [item for item in found.items if not (item.shared and found.others)]
    module.exit_json(
        changed=False,
        residue=[{**item._asdict(), "holds": list(item.holds)} for item in items],
        lines=[str(item) for item in items],
        kept=[str(item) for item in found.items if item.shared and found.others],
        others=sorted(found.others),
        ports=found.ports,
        volumes=found.volumes,
        kubeconfigs=found.kubeconfigs,
        engines=[engine.provider for engine in engines],
    )


if __name__ == "__main__":
    main()
