# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache folder: finished artifacts under their keys, work in progress aside, one lock for all who build."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import typing as t

from .recipe import Artifact


def remove_tree(path: str) -> None:
    """Removes a folder even where Go made its module cache read-only."""

    def retry(function: t.Callable[..., t.Any], name: str, _error: t.Any) -> None:
        os.chmod(os.path.dirname(name), stat.S_IRWXU)
        function(name)

    if os.path.lexists(path):
        shutil.rmtree(path, onerror=retry)


class Store:
    """The folder artifacts are kept in.

    :param root: absolute path; made when something is stored.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.work = os.path.join(root, "work")
        self.logs = os.path.join(root, "logs")

    def path(self, artifact: Artifact) -> str:
        return os.path.join(self.root, artifact.path)

    def has(self, artifact: Artifact) -> bool:
        return os.path.exists(self.path(artifact))

    def log(self, artifact: Artifact) -> str:
        return os.path.join(self.logs, f"{artifact.name}@{artifact.key}.log")

    @contextlib.contextmanager
    def lock(self, waiting: t.Callable[[str], None]) -> t.Iterator[None]:
        """Holds the cache for building; says once that another run holds it."""
        os.makedirs(self.root, exist_ok=True)
        with open(os.path.join(self.root, ".lock"), "a+", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.seek(0)
                waiting(stream.read().strip() or "unknown")
                fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            stream.truncate()
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def begin(self, artifact: Artifact) -> str:
        """An empty folder to build in; what a killed build left there is removed."""
        folder = os.path.join(self.work, f"{artifact.name}@{artifact.key}")
        remove_tree(folder)
        os.makedirs(folder)
        os.makedirs(self.logs, exist_ok=True)
        return folder

    def finish(self, artifact: Artifact, made: str) -> None:
        """Puts a complete artifact in its place in one step, then drops its work folder."""
        target = self.path(artifact)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(made, target)
        remove_tree(os.path.join(self.work, f"{artifact.name}@{artifact.key}"))

    def clean(self) -> None:
        """Removes all work in progress and the compilers' caches."""
        remove_tree(self.work)
