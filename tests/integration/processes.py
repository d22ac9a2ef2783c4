# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of a play: Ansible's workers are in sessions of their own and would go on."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def kill_all(pid: int) -> None:
    """Kills a process and all that it started."""
    for one in _with_children(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def _with_children(pid: int) -> list[int]:
    """A process and all that it started, itself first, so that it starts no more."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(found for child in children for found in _with_children(int(child)))]
