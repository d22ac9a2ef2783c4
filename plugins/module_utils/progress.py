# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that a module shows while it runs.

A module's own output reaches the reader only at its end. Progress appends lines to a file that the action plugin of the
same name (plugin_utils/progress_action.py) made, follows and shows at once. Without such a file it does nothing. A module that runs inside the
controller has a listener instead.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

PROGRESS_FILE_VARIABLE = "MLOPS_PLATFORM_PROGRESS_FILE"

_listener: t.Callable[[str], object] | None = None


@contextlib.contextmanager
def listening(show: t.Callable[[str], object]) -> t.Iterator[None]:
    """Hands what is said meanwhile, in this process, to somebody who is in it too."""
    global _listener  # a worker runs one module at a time
    before, _listener = _listener, show
    try:
        yield
    finally:
        _listener = before


class Progress:
    """Says lines to whoever watches the task; never fails, for no work should stop because nobody listens."""

    def __init__(self, path: str | None = None) -> None:
        self._path = path or os.environ.get(PROGRESS_FILE_VARIABLE) or None

    def say(self, text: str) -> None:
        """Shows one line; several lines in text are shown one after the other."""
        if _listener is not None:
            _listener(text)
            return
        if self._path is None:
            return
        line = text.rstrip("\n") + "\n"
        try:
            # Never created here: a file that is gone means that the watcher is gone.
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            self._path = None
            return
        try:
            os.write(fd, line.encode("utf-8", "replace"))
        except OSError:
            self._path = None
        finally:
            os.close(fd)
