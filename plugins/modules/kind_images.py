#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kind_images
short_description: Put images into the nodes of a kind cluster
version_added: 0.1.0
description:
  - Imports into every node the images that it does not have yet, from OCI archives, without a container registry.
  - With O(state=absent), removes the platform's images from the store of the container engine; those in the nodes go with the nodes.
author: The mlops.platform authors (@mlops-platform)
options:
  state:
    description: V(present) imports into nodes, V(absent) removes from the engine's store.
    type: str
    choices: [present, absent]
    default: present
  cluster:
    description: Name of the cluster. Required with O(state=present).
    type: str
  provider:
    description: Container engine of the cluster.
    type: str
    choices: [podman, docker]
    default: podman
  images:
    description: Images that every node is to have.
    type: list
    elements: dict
    default: []
    suboptions:
      ref:
        description: Full reference of the image.
        type: str
        required: true
      archive:
        description: OCI archive that holds it under this reference.
        type: path
        required: true
  containers_conf:
    description: File handed to podman as E(CONTAINERS_CONF); the machine's own configuration when empty.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Says which images would be imported.
  diff_mode:
    support: none
    description: The result lists them.
"""

EXAMPLES = r"""
- name: Put an image into all nodes
  mlops.platform.kind_images:
    cluster: mlops
    images:
      - ref: localhost/mlops-platform/tools:v1
        archive: /root/.cache/mlops-platform/images/tools.tar
  become: true
"""

RETURN = r"""
images:
  description: What was imported or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kind import cluster, images, names
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Engine
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cluster": {"type": "str"},
            "provider": {"type": "str", "choices": list(names.PROVIDERS), "default": "podman"},
            "images": {
                "type": "list", "elements": "dict", "default": [],
                "options": {"ref": {"type": "str", "required": True}, "archive": {"type": "path", "required": True}},
            },
            "containers_conf": {"type": "str", "default": ""},
        },
        required_if=[("state", "present", ("cluster",))],
        supports_check_mode=True,
    )
    engine = Engine(module.params["provider"], module.params["containers_conf"])
    try:
        done = present(module, engine) if module.params["state"] == "present" else absent(module, engine)
    except KindError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=bool(done), images=done)


def present(module: AnsibleModule, engine: Engine) -> list[str]:
    wanted = [images.Image(image["ref"], image["archive"]) for image in module.params["images"]]
    there = engine.nodes(module.params["cluster"])
    nodes = [node for node in there if node.running]
    if not nodes and not module.check_mode:
        raise KindError(f"cluster {module.params['cluster']} has no running node in {engine.provider}: make the cluster first")
    if not nodes:  # in check mode; what stopped nodes hold cannot be told
        return [] if there else [image.ref for image in wanted]
    missing = images.missing(wanted, {node.name: images.in_node(engine, node.name) for node in nodes})
    if not module.check_mode:
        absent_archives = sorted({image.archive for _node, image in missing if not os.path.exists(image.archive)})
        if absent_archives:
            raise KindError(f"these image archives are not there: {', '.join(absent_archives)}; run the play from its start, so that they are built")
        images.load(engine, missing, Progress().say)
    return [f"{image.ref} into {node}" for node, image in missing]


def absent(module: AnsibleModule, engine: Engine) -> list[str]:
    found = engine.platform_images()
    if not found or module.check_mode:
        return found
    if cluster.platform_networks(engine):
        module.warn("a cluster is being made on this machine: the images in the engine's store stay, for it may need them")
        return []
    engine.remove_images(found)
    return found


if __name__ == "__main__":
    main()
