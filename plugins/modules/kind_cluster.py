#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kind_cluster
short_description: Make, keep or remove a kind cluster
version_added: 0.1.0
description:
  - Makes a Kubernetes cluster with kind in podman or docker, starts its nodes when they are stopped, and keeps its kubeconfig in a file of its own.
  - The cluster is the platform's when its container network carries the label C(mlops.platform/cluster) with its name. Only such a cluster is ever removed.
  - A cluster whose creation was interrupted is removed and made anew. A cluster that was complete once is never removed to repair it.
  - What kind cannot change in a cluster that exists (ports, number of nodes, node image) is reported as a failure that says what differs.
author: The mlops.platform authors (@mlops-platform)
options:
  name:
    description: Name of the cluster.
    type: str
    required: true
  state:
    description: V(present) makes it or keeps it, V(absent) removes it with its data. An adopted or a stranger's cluster is left alone by V(absent).
    type: str
    choices: [present, absent]
    default: present
  provider:
    description: Container engine.
    type: str
    choices: [podman, docker]
    default: podman
  network:
    description: Container network of the cluster's own; C(mlops-) and the name when empty.
    type: str
    default: ""
  image:
    description: Node image. Required to make a cluster.
    type: str
    default: ""
  archive:
    description: OCI archive of O(image), loaded when the engine does not have the image. Pulled when empty.
    type: path
  kind_binary:
    description: The program kind.
    type: str
    default: kind
  config:
    description: Configuration of the cluster as kind takes it (C(kind.x-k8s.io/v1alpha4)).
    type: dict
    default: {}
  kubeconfig:
    description: File for the cluster's kubeconfig, with mode 0600. It belongs to the owner of its folder.
    type: path
    required: true
  merge_kubeconfig:
    description:
      - The user's kubeconfig, when the cluster's entries are to be there too. Its current context is not changed.
      - Its path is recorded beside O(kubeconfig), and V(absent) removes the entries wherever they were put.
    type: path
  adopt:
    description: Use a kind cluster of this name that the platform did not make, as it is. It is then never removed.
    type: bool
    default: false
  containers_conf:
    description: File handed to podman as E(CONTAINERS_CONF); the machine's own configuration when empty.
    type: str
    default: ""
  guard:
    description:
      - Ranges of Services and pods. Packets from the cluster's network to them never leave this machine, even before a node has rules for a Service.
        They are rejected in an nftables table of its own, C(inet mlops_platform), which serves all clusters of the machine.
      - No table is made when empty.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds the creation may take, and the API after a start of the nodes.
    type: int
    default: 300
requirements:
  - PyYAML
attributes:
  check_mode:
    support: full
    description: Says what would be done.
  diff_mode:
    support: none
    description: The actions say it.
"""

EXAMPLES = r"""
- name: Make a cluster
  mlops.platform.kind_cluster:
    name: mlops
    image: docker.io/kindest/node:v1.35.4
    config:
      kind: Cluster
      apiVersion: kind.x-k8s.io/v1alpha4
      nodes:
        - role: control-plane
    kubeconfig: /root/.local/state/mlops-platform/mlops/kubeconfig
  become: true

- name: Remove it
  mlops.platform.kind_cluster:
    name: mlops
    state: absent
    kubeconfig: /root/.local/state/mlops-platform/mlops/kubeconfig
  become: true
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
created:
  description: Whether the cluster was made by this run.
  returned: success
  type: bool
nodes:
  description: Names of the nodes, the control plane first.
  returned: success
  type: list
  elements: str
network:
  description: Container network of the cluster.
  returned: success
  type: str
bridge:
  description: Interface of that network on this machine; empty when it does not exist.
  returned: success
  type: str
owner:
  description: Whose cluster it is, V(ours), V(adopted), V(stranger) or V(none).
  returned: success
  type: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kind import cluster, names, plan
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Engine
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "provider": {"type": "str", "choices": list(names.PROVIDERS), "default": "podman"},
            "network": {"type": "str", "default": ""},
            "image": {"type": "str", "default": ""},
            "archive": {"type": "path"},
            "kind_binary": {"type": "str", "default": "kind"},
            "config": {"type": "dict", "default": {}},
            "kubeconfig": {"type": "path", "required": True},
            "merge_kubeconfig": {"type": "path"},
            "adopt": {"type": "bool", "default": False},
            "containers_conf": {"type": "str", "default": ""},
            "guard": {"type": "list", "elements": "str", "default": []},
            "wait": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ("image", "config"))],
        supports_check_mode=True,
    )
    options = module.params
    name, network = options["name"], options["network"] or names.network_of(options["name"])
    if not names.valid(name):
        module.fail_json(msg=f"platform_name is '{name}': {names.NAME_RULE}")
    say = Progress().say
    engine = Engine(options["provider"], options["containers_conf"])
    wanted = plan.Wanted(name, network, options["image"], options["config"], options["adopt"])
    settings = cluster.Settings(
        options["kind_binary"], options["kubeconfig"], options["merge_kubeconfig"] or "", options["archive"] or "", tuple(options["guard"]), options["wait"]
    )
    work = cluster.Cluster(engine, wanted, settings, say)
    try:
        actions = carry_out(module, work, settings, name, say)
        found = work.look(complete=False)
    except KindError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(
        changed=bool(actions),
        actions=[str(action) for action in actions],
        created=any(action.verb == "create" for action in actions),
        nodes=[node.name for node in found.nodes],
        network=network,
        bridge=found.network.bridge if found.network else "",
        owner=plan.ownership(found, name, network),
    )


def carry_out(module: AnsibleModule, work: cluster.Cluster, settings: cluster.Settings, name: str, say: cluster.Say) -> list[plan.Action]:
    step = work.present if module.params["state"] == "present" else work.absent
    folder = os.path.dirname(settings.kubeconfig)
    if module.check_mode or (module.params["state"] == "absent" and not os.path.isdir(folder)):
        return step(module.check_mode)
    with cluster.alone(folder, name, say, timeout=2 * settings.wait):
        return step(False)


if __name__ == "__main__":
    main()
