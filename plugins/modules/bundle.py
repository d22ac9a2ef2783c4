#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Build the platform's programs and images from package registries
version_added: 0.1.0
description:
  - Builds what the platform runs on - Kubernetes and the node image included - from Debian packages, Go modules and Python wheels,
    without a container registry.
  - Every artifact is stored under the hash of its recipe, its pins and its toolchain, so nothing is built twice and a killed build is taken up where it ended.
author: The mlops.platform authors (@mlops-platform)
options:
  recipes:
    description: Folder with the recipes and their index C(artifacts.yml).
    type: path
    required: true
  index:
    description: Content of C(artifacts.yml).
    type: dict
    required: true
  cache:
    description: Folder the artifacts are kept in.
    type: path
    required: true
  artifacts:
    description: Names of the artifacts wanted; all of the index when empty.
    type: list
    elements: str
    default: []
  suite:
    description: Debian suite of the root file systems.
    type: str
    default: bookworm
  mirror:
    description: Debian mirror for the root file systems; the default mirror when empty.
    type: str
    default: ""
  podman:
    description: Program that builds the images.
    type: str
    default: podman
  containers_conf:
    description: File handed to O(podman) as E(CONTAINERS_CONF); the machine's own configuration when empty.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Says what would be built, with the same keys.
  diff_mode:
    support: none
    description: Artifacts are files; there is nothing to compare.
"""

EXAMPLES = r"""
- name: Build everything the platform needs
  mlops.platform.bundle:
    recipes: "{{ playbook_dir }}/../bundle"
    index: "{{ lookup('ansible.builtin.file', playbook_dir ~ '/../bundle/artifacts.yml') | from_yaml }}"
    cache: "{{ platform_cache_dir }}"
"""

RETURN = r"""
artifacts:
  description: Every artifact wanted, by name.
  returned: success
  type: dict
  contains:
    path:
      description: Absolute path of the file or folder.
      type: str
    version:
      description: Version of the program.
      type: str
    key:
      description: Hash the artifact is stored under.
      type: str
    ref:
      description: Image reference; empty for anything but an image.
      type: str
missing:
  description: What was not in the cache and was built, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.bundle import build, recipe, schedule, store
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "recipes": {"type": "path", "required": True},
            "index": {"type": "dict", "required": True},
            "cache": {"type": "path", "required": True},
            "artifacts": {"type": "list", "elements": "str", "default": []},
            "suite": {"type": "str", "default": "bookworm"},
            "mirror": {"type": "str", "default": ""},
            "podman": {"type": "str", "default": "podman"},
            "containers_conf": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    options = module.params
    progress = Progress()
    cache = store.Store(options["cache"])
    try:
        bundle = recipe.Bundle(options["recipes"], options["index"], {"suite": options["suite"], "mirror": options["mirror"]})
        # What nothing else needs is wanted by name; what it needs is built only when it is missing itself.
        names = options["artifacts"] or list(bundle.artifacts)
        wanted = bundle.closure(names)
        missing = needed(wanted, names, cache)
        if missing and not module.check_mode:
            with cache.lock(lambda pid: progress.say(f"bundle: process {pid} is building in {cache.root}; waiting for it")):
                missing = needed(wanted, names, cache)  # the other run may have built them
                settings = build.Settings(options["suite"], options["mirror"], options["podman"], options["containers_conf"])
                schedule.run(wanted, missing, build.Builder(bundle, cache, settings).build, cache.path, progress.say)
                cache.clean()
    except recipe.BundleError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(
        changed=bool(missing),
        missing=[f"{artifact.name} {artifact.version}" for artifact in missing],
        artifacts={artifact.name: {**artifact.describe(), "path": cache.path(artifact)} for artifact in wanted},
    )


def needed(wanted: list[recipe.Artifact], names: list[str], cache: store.Store) -> list[recipe.Artifact]:
    """What has to be built so that the named artifacts are there; an input of a finished artifact is not."""
    by_name = {artifact.name: artifact for artifact in wanted}
    build_these: set[str] = set()

    def visit(name: str) -> None:
        if name not in build_these and not cache.has(by_name[name]):
            build_these.add(name)
            for need in by_name[name].needs:
                visit(need)

    for name in names:
        visit(name)
    return [artifact for artifact in wanted if artifact.name in build_these]


if __name__ == "__main__":
    main()
