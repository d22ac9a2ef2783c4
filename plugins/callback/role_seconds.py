# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: role_seconds
type: aggregate
short_description: Show the seconds each role took
version_added: 0.1.0
description:
  - Prints a table of seconds per role, in the order the roles were first used, when a run ends.
  - A task that a role takes from another one counts for the role the play named. What no role names counts as C(playbook).
author: The mlops.platform authors (@mlops-platform)
requirements:
  - Listed in C(callbacks_enabled).
"""

import time
import typing as t

from ansible.plugins.callback import CallbackBase


def table(seconds: dict[str, float]) -> list[str]:
    """Lines of a table with a total; pure."""
    width = max([len(name) for name in seconds] + [len("total")])
    lines = [f"  {name:<{width}}  {value:7.1f} s" for name, value in seconds.items()]
    return ["Seconds per role", *lines, f"  {'total':<{width}}  {sum(seconds.values()):7.1f} s"]


def role_of(task: t.Any) -> str:
    """The role the play named for a task, without its collection; ``playbook`` for a task of no role."""
    role = getattr(task, "_role", None)
    while role is not None and role.get_parents():
        role = role.get_parents()[0]
    return role.get_name().rpartition(".")[2] if role is not None else "playbook"


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mlops.platform.role_seconds"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._seconds: dict[str, float] = {}
        self._role = "playbook"
        self._since = time.monotonic()

    def _switch(self, role: str) -> None:
        now = time.monotonic()
        self._seconds[self._role] = self._seconds.get(self._role, 0.0) + now - self._since
        self._role, self._since = role, now

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._switch(role_of(task))

    def v2_playbook_on_handler_task_start(self, task: t.Any) -> None:
        self._switch(role_of(task))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._switch("playbook")
        for line in table(self._seconds):
            self._display.display(line)
