# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs: each with a time limit, none outliving the module that started it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import time
import typing as t

TAIL_LINES = 20
_PR_SET_PDEATHSIG = 1


class KindError(Exception):
    """What went wrong, in one line for a user: what, where, why, what to do."""


class Result(t.NamedTuple):
    """How a program ended."""

    rc: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.rc == 0

    def reason(self) -> str:
        """The last line that says something."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1] if lines else f"ended with {self.rc}"


class Run(t.Protocol):
    """Runs a program to its end; what the rest of this package is given, so that tests can give something else."""

    def __call__(self, command: t.Sequence[str], *, timeout: float = 60, stdin: t.Any = None, env: dict[str, str] | None = None) -> Result: ...


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _environment(extra: dict[str, str] | None) -> dict[str, str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(extra or {})}
    # Programs for administrators are not on every user's path.
    environment["PATH"] = f"{environment.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    return environment


def run(command: t.Sequence[str], *, timeout: float = 60, stdin: t.Any = None, env: dict[str, str] | None = None) -> Result:
    """Runs a program; a program that is not installed ends with 127, one that takes too long with 124.

    :param stdin: text for it, or an open file.
    """
    given: dict[str, t.Any] = {"input": stdin.encode()} if isinstance(stdin, str) else {"stdin": stdin if stdin is not None else subprocess.DEVNULL}
    try:
        done = subprocess.run(list(command), capture_output=True, timeout=timeout, check=False, env=_environment(env), preexec_fn=_die_with_parent, **given)
    except FileNotFoundError:
        return Result(127, "", f"{command[0]} is not installed")
    except PermissionError:
        return Result(126, "", f"{command[0]} may not be executed")
    except subprocess.TimeoutExpired:
        return Result(124, "", f"{' '.join(command[:3])} did not end within {timeout:.0f} s")
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def follow(command: t.Sequence[str], say: t.Callable[[str], None], *, timeout: float, stdin: str = "", env: dict[str, str] | None = None) -> Result:
    """Runs a program and hands over each line it prints while it runs; both streams are one."""
    try:
        process = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment(env),
                                   preexec_fn=_die_with_parent)
    except FileNotFoundError:
        return Result(127, "", f"{command[0]} is not installed")
    except PermissionError:
        return Result(126, "", f"{command[0]} may not be executed")
    if process.stdin is None or process.stdout is None:
        raise KindError(f"{command[0]} could not be started with pipes")
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(stdin.encode())
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    deadline = time.monotonic() + timeout
    printed: list[str] = []
    rest = b""
    with process, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                process.kill()
                return Result(124, "\n".join(printed), f"{' '.join(command[:3])} did not end within {timeout:.0f} s")
            data = os.read(process.stdout.fileno(), 65536)
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
            for line in [*lines, *([rest] if not data else [])]:
                text = line.decode(errors="replace").rstrip()
                if text:
                    printed.append(text)
                    say(text)
            if not data:
                break
    return Result(process.returncode, "\n".join(printed), "\n".join(printed[-TAIL_LINES:]) if process.returncode else "")
