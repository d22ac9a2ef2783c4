# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin base: runs a module's main() inside the controller where the module would run on the controller anyway.

Starting a module as a program costs a third of a second, and an unchanged site runs some sixty of them. The way is that of ansible.netcommon
(its option import_modules): the module gets its options where it looks for them, and hands its result over instead of printing it.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible_collections.mlops.platform.plugins.module_utils.progress import listening
from ansible_collections.mlops.platform.plugins.plugin_utils.in_process import InProcessActionModule, module_of

PROFILE = "legacy"


@contextlib.contextmanager
def replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Another value for an attribute, for as long as the context lasts."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


class ModuleActionModule(InProcessActionModule):
    """Runs the module of the task: one of this collection, that needs nothing but this collection and Python."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        if not self._inside(task_vars):
            return super().run(tmp, task_vars)
        name = self._task.resolved_action or self._task.action
        args = dict(self._task.args)
        self._update_module_args(name, args, task_vars)
        with self._environment(), listening(self._say):
            return self._called(name, args)

    def _called(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """The result of a module's main()."""
        module = module_of(name)
        given = json.dumps({"ANSIBLE_MODULE_ARGS": args}, cls=get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)).encode()
        printed = io.StringIO()

        def keep(_module: basic.AnsibleModule, result: dict[str, Any]) -> None:
            printed.write(json.dumps(result, cls=get_module_encoder(PROFILE, Direction.MODULE_TO_CONTROLLER)))

        with (
            replaced(basic, "_ANSIBLE_ARGS", given),
            replaced(basic, "_ANSIBLE_PROFILE", PROFILE),
            replaced(basic.AnsibleModule, "_record_module_result", keep),
            contextlib.suppress(SystemExit),
        ):
            module.main()
        result: dict[str, Any] = self._parse_returned_data({"stdout": printed.getvalue()}, PROFILE)
        return {key: value for key, value in result.items() if not key.startswith("_ansible_")}
