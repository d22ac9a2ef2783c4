# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access tokens between tasks, so that a playbook logs in once a minute and not once a task. Only this user can read them; passwords are not kept.

Failing to keep or to find a token is never an error: a login does instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import stat
import tempfile
import time
import typing as t

_SPARE = 5.0  # seconds of life a token must have left


def name_of(public: t.Sequence[str], private: t.Sequence[str]) -> str:
    """File name for a login; the secrets in it cannot be found by trying, for they are mixed with all else.

    :param public: address, realm, client, user.
    :param private: what proves them.
    """
    key = "\0".join(public).encode()
    return hashlib.sha256(key + hmac.new(key, "\0".join(private).encode(), hashlib.sha256).digest()).hexdigest()


def load(name: str) -> tuple[str, float] | None:
    """A token that is still good, and how many seconds it may be used."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        fd = os.open(os.path.join(_folder(), name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, encoding="utf-8") as stream:
            state = os.fstat(stream.fileno())
            if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o077:
                return None
            found = json.load(stream)
        left = float(found["until"]) - time.time()
        if left > _SPARE:
            return str(found["token"]), left
    return None


def save(name: str, token: str, seconds: float) -> None:
    """Keeps a token for so many seconds."""
    with contextlib.suppress(OSError):
        folder = _folder()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        state = os.lstat(folder)
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o022:
            return
        fd, path = tempfile.mkstemp(dir=folder)  # 0600
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            json.dump({"token": token, "until": time.time() + seconds}, stream)
        os.replace(path, os.path.join(folder, name))
        _sweep(folder)


def drop(name: str) -> None:
    """Forgets a token that the server no longer takes."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(_folder(), name))


def _folder() -> str:
    base = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "mlops-platform", "keycloak-tokens")


def _sweep(folder: str) -> None:
    """Removes what nobody can use any more."""
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > 86400:
                os.unlink(entry.path)
