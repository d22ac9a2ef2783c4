# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin base: whether a module can run inside the controller instead of a process of its own, and what it needs for that."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.mlops.platform.plugins.plugin_utils.progress_action import ProgressActionModule, printable

display = Display()

# Set it to false to start modules as programs, as for another host.
SWITCH = "mlops_platform_in_process"


def plain(value: Any) -> Any:
    """A value as a module would receive it: without Ansible's tags and lazy containers, vaulted texts decrypted."""
    return json.loads(json.dumps(value, cls=get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)))


def module_of(action: str) -> ModuleType:
    """The Python module that a task's module is.

    :param action: its full name.
    """
    namespace, collection, name = action.split(".", 2)
    return importlib.import_module(f"ansible_collections.{namespace}.{collection}.plugins.modules.{name}")


class InProcessActionModule(ProgressActionModule):
    """Base of action plugins that run modules inside the controller where these would run on the controller anyway."""

    def _inside(self, task_vars: Mapping[str, Any]) -> bool:
        wanted = task_vars.get(SWITCH, True)
        if not isinstance(wanted, bool):
            wanted = boolean(self._templar.template(wanted))
        return bool(wanted and self._is_local() and not self._task.async_val and not self._connection.become)

    @contextlib.contextmanager
    def _environment(self) -> Iterator[None]:
        """The task's environment, for options that fall back on it. A worker runs one task at a time."""
        variables: dict[str, Any] = {}
        self._compute_environment_string(variables)
        if not variables:
            yield
            return
        before = dict(os.environ)
        os.environ.update({str(key): str(value) for key, value in plain(variables).items()})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _say(self, text: str) -> None:
        if not self._task.no_log:
            for line in text.splitlines():
                display.display(f"    {printable(line)}")
