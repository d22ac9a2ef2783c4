#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: host_settings
short_description: Prepare this machine for clusters, and put it back as it was
version_added: 0.1.0
description:
  - Raises sysctls to what the nodes of a cluster need, and makes folders that they mount. Higher values are left alone.
  - Records before the first change what was there, also for sysctls that only the cluster itself changes, and puts it back with O(state=absent).
  - Makes nothing permanent. A machine that was started anew has its own settings again until the next run.
  - Records which Debian packages are about to be installed, so that O(state=absent) can name them; it installs and removes none.
author: The mlops.platform authors (@mlops-platform)
options:
  state:
    description: V(present) prepares, V(absent) puts back what the record holds and removes the record.
    type: str
    choices: [present, absent]
    default: present
  sysctls:
    description: Least values by name.
    type: dict
    default: {}
  recorded:
    description: Further sysctls to record, which the cluster changes.
    type: list
    elements: str
    default: []
  folders:
    description: Folders that have to be there.
    type: list
    elements: path
    default: []
  packages:
    description: Debian packages that are about to be installed; those that are missing now are recorded.
    type: list
    elements: str
    default: []
  record:
    description: File of the record; one for the machine, as its settings are, whatever the folders of its platforms.
    type: path
    default: /var/lib/mlops-platform/settings.json
attributes:
  check_mode:
    support: full
    description: Nothing is set.
  diff_mode:
    support: full
    description: Shows the values.
"""

EXAMPLES = r"""
- name: Raise the limits
  mlops.platform.host_settings:
    sysctls:
      fs.inotify.max_user_instances: 8192
  become: true
"""

RETURN = r"""
changes:
  description: What was set, or would be.
  returned: success
  type: list
  elements: str
packages:
  description: Debian packages that the record names.
  returned: success
  type: list
  elements: str
"""

import contextlib
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils.kind import kubeconfig, settings
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "sysctls": {"type": "dict", "default": {}},
            "recorded": {"type": "list", "elements": "str", "default": []},
            "folders": {"type": "list", "elements": "path", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
            "record": {"type": "path", "default": "/var/lib/mlops-platform/settings.json"},
        },
        supports_check_mode=True,
    )
    try:
        least = {name: int(value) for name, value in module.params["sysctls"].items()}
    except (TypeError, ValueError):
        module.fail_json(msg=f"sysctls takes whole numbers, not {module.params['sysctls']}")
    try:
        step = present(module, least) if module.params["state"] == "present" else absent(module)
    except KindError as exc:
        module.fail_json(msg=str(exc))
    sysctls, folders, packages = step
    module.exit_json(
        changed=bool(sysctls or folders),
        changes=[f"{change.name} {change.before} -> {change.after}" for change in sysctls] + folders,
        packages=packages,
        diff={
            "before": "".join(f"{change.name} = {change.before}\n" for change in sysctls),
            "after": "".join(f"{change.name} = {change.after}\n" for change in sysctls) + "".join(f"{line}\n" for line in folders),
        },
    )


def present(module: AnsibleModule, least: dict[str, int]) -> tuple[list[settings.Change], list[str], list[str]]:
    path = module.params["record"]
    record = settings.read_record(path)
    current = settings.read_sysctls([*least, *module.params["recorded"]])
    changes = settings.raised(current, least)
    folders = [folder for folder in module.params["folders"] if not os.path.isdir(folder)]
    wanted = settings.recorded(record, current, folders, settings.not_installed(module.params["packages"]))
    lines = [f"made {folder}" for folder in folders] + ([f"recorded the settings of this machine in {path}"] if wanted != record else [])
    if not module.check_mode:
        if wanted != record:
            kubeconfig.write(path, settings.to_json(wanted))
        for folder in folders:
            os.makedirs(folder, mode=0o755)
        for change in changes:
            settings.write_sysctl(change.name, change.after)
    return changes, lines, wanted.packages


def absent(module: AnsibleModule) -> tuple[list[settings.Change], list[str], list[str]]:
    path = module.params["record"]
    if not os.path.exists(path):
        return [], [], []
    record = settings.read_record(path)
    changes = settings.restored(record, settings.read_sysctls(record.sysctls))
    folders = [folder for folder in record.folders if os.path.isdir(folder) and not os.listdir(folder)]
    if not module.check_mode:
        for change in changes:
            settings.write_sysctl(change.name, change.after)
        for folder in folders:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        os.remove(path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))
    return changes, [*[f"removed {folder}" for folder in folders], f"removed {path}"], record.packages


if __name__ == "__main__":
    main()
