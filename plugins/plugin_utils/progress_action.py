# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin base: runs the module of the same name and shows its Progress lines while it runs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.mlops.platform.plugins.module_utils.progress import PROGRESS_FILE_VARIABLE

display = Display()

POLL_SECONDS = 0.2
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def printable(text: str) -> str:
    """A line without colours and other control characters, which would spoil plain logs."""
    return "".join(c for c in ESCAPES.sub("", text).expandtabs(4) if c.isprintable())


class Follower:
    """Follows a file in a thread and hands every complete line to show."""

    def __init__(self, path: str, show: Callable[[str], object], poll: float = POLL_SECONDS) -> None:
        self._path = path
        self._show = show
        self._poll = poll
        self._offset = 0
        self._rest = b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Shows what is left and ends the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._poll):
            self._read()
        self._read()
        if self._rest:
            self._emit(self._rest)

    def _read(self) -> None:
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except OSError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._emit(line)

    def _emit(self, line: bytes) -> None:
        text = printable(line.decode("utf-8", "replace"))
        if text.strip():
            self._show(text)


class ProgressActionModule(ActionBase):
    """Subclass it, named ActionModule, in plugins/action/<module>.py."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        del tmp
        wrap_async = bool(self._task.async_val)
        with self._followed(enabled=not wrap_async and not self._task.no_log and self._is_local()):
            result.update(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
        return result

    def _is_local(self) -> bool:
        return getattr(self._connection, "_remote_is_local", False) or self._connection.transport == "local"

    @contextlib.contextmanager
    def _followed(self, enabled: bool) -> Iterator[None]:
        if not enabled:
            yield
            return
        # Inside the folder that Ansible itself removes when it is interrupted; only another user (become) cannot get in there.
        # That user may write to the file, but neither read it nor list the folder.
        home = None if self._is_become_unprivileged() else constants.DEFAULT_LOCAL_TMP
        folder = tempfile.mkdtemp(prefix="mlops-platform-progress-", dir=home)
        os.chmod(folder, 0o711)
        path = os.path.join(folder, "lines")
        with open(path, "wb"):
            pass
        os.chmod(path, 0o622)
        environment = list(self._task.environment or [])
        self._task.environment = [*environment, {PROGRESS_FILE_VARIABLE: path}]
        follower = Follower(path, lambda text: display.display(f"    {text}"))
        follower.start()
        try:
            yield
        finally:
            follower.stop()
            self._task.environment = environment
            shutil.rmtree(folder, ignore_errors=True)
