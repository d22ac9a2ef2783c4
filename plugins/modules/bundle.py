#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle
short_description: Build the platform's programs and images from package registries
version_added: 0.1.0
description:
  - Builds what the platform runs on - Kubernetes and the node image included - from Debian packages, Go modules, Python wheels and
    distributions of Maven repositories, without a container registry.
  - Every artifact is stored under the hash of its recipe, its pins and its toolchain, so nothing is built twice and a killed build is taken up where it ended.
  - What was built can be written to one file and read from it on a machine without a network.
author: The mlops.platform authors (@mlops-platform)
options:
  state:
    description:
      - V(present) builds what is missing.
      - V(exported) writes the artifacts to O(archive), without what they were built from.
      - V(imported) takes what is missing out of O(archive), and checks its hash.
    type: str
    choices: [present, exported, imported]
    default: present
  archive:
    description: File to write or to read; required for both.
    type: path
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
    description: Says what would be built, written or read, with the same keys.
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

- name: Write MLflow's image to one file
  mlops.platform.bundle:
    state: exported
    archive: /media/bundle.tar
    recipes: "{{ playbook_dir }}/../bundle"
    index: "{{ lookup('ansible.builtin.file', playbook_dir ~ '/../bundle/artifacts.yml') | from_yaml }}"
    cache: "{{ platform_cache_dir }}"
    artifacts: [image-mlflow]
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
  description: What was not in the cache and was built or read from the file, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

import signal

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.bundle import archive, build, recipe, schedule, store
from ansible_collections.mlops.platform.plugins.module_utils.progress import Progress


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "exported", "imported"], "default": "present"},
            "archive": {"type": "path"},
            "recipes": {"type": "path", "required": True},
            "index": {"type": "dict", "required": True},
            "cache": {"type": "path", "required": True},
            "artifacts": {"type": "list", "elements": "str", "default": []},
            "mirror": {"type": "str", "default": ""},
            "podman": {"type": "str", "default": "podman"},
            "containers_conf": {"type": "str", "default": ""},
        },
        required_if=[("state", "exported", ("archive",)), ("state", "imported", ("archive",))],
        supports_check_mode=True,
    )
    # Interrupted, it does not wait for its builders: it ends, and they with it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    options = module.params
    cache = store.Store(options["cache"])
    try:
        bundle = recipe.Bundle(options["recipes"], options["index"])
        # What nothing else needs is wanted by name; what it needs is built only when it is missing itself.
        names = options["artifacts"] or list(bundle.artifacts)
        wanted = bundle.closure(names)
        changed, missing = {"present": present, "exported": exported, "imported": imported}[options["state"]](module, bundle, cache, names)
    except recipe.BundleError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(
        changed=changed,
        missing=[f"{artifact.name} {artifact.version}" for artifact in missing],
        artifacts={artifact.name: {**artifact.describe(), "path": cache.path(artifact)} for artifact in wanted},
    )


Done = tuple[bool, list[recipe.Artifact]]


def present(module: AnsibleModule, bundle: recipe.Bundle, cache: store.Store, names: list[str]) -> Done:
    options = module.params
    progress = Progress()
    wanted = bundle.closure(names)
    missing = needed(wanted, names, cache)
    if missing and not module.check_mode:
        with cache.lock(lambda pid: progress.say(f"bundle: process {pid} is building in {cache.root}; waiting for it")):
            missing = needed(wanted, names, cache)  # the other run may have built them
            cache.clean(keep=store.COMPILER_CACHES)
            build.remove_cgroups()
            settings = build.Settings(options["mirror"], options["podman"], options["containers_conf"])
            schedule.run(wanted, missing, build.Builder(bundle, cache, settings).build, cache.path, progress.say)
            cache.clean()
            build.remove_cgroups()
    return bool(missing), missing


def exported(module: AnsibleModule, bundle: recipe.Bundle, cache: store.Store, names: list[str]) -> Done:
    path = module.params["archive"]
    chosen = [bundle.artifacts[name] for name in names]
    missing = [artifact for artifact in chosen if not cache.has(artifact)]
    if missing and module.check_mode:  # they would have been built before
        return True, missing
    changed = bool(missing) or not archive.written(path, chosen, cache)
    if changed and not module.check_mode:
        archive.write(path, chosen, cache, Progress().say)
    return changed, missing


def imported(module: AnsibleModule, bundle: recipe.Bundle, cache: store.Store, names: list[str]) -> Done:
    path = module.params["archive"]
    progress = Progress()
    missing = [bundle.artifacts[name] for name in names if not cache.has(bundle.artifacts[name])]
    if missing:
        archive.check(path, missing, cache.root)
    if missing and not module.check_mode:
        with cache.lock(lambda pid: progress.say(f"bundle: process {pid} is building in {cache.root}; waiting for it")):
            missing = [artifact for artifact in missing if not cache.has(artifact)]
            archive.read(path, missing, cache, progress.say)
            cache.clean()
    return bool(missing), missing


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
