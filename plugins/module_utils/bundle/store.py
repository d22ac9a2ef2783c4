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

from .recipe import Artifact, BundleError

# In the work folder, kept from a build that did not end to the next one, which is much faster for it.
COMPILER_CACHES = ("go-build", "go-mod")


def remove_tree(path: str) -> None:
    """Removes a folder even where Go made its module cache read-only."""

    def retry(function: t.Callable[..., t.Any], name: str, _error: t.Any) -> None:
        os.chmod(os.path.dirname(name), stat.S_IRWXU)
        function(name)

    if os.path.lexists(path):
        shutil.rmtree(path, onerror=retry)


def flush(path: str) -> None:
    """Has a file or a folder on the disk, not in memory only: a power cut would leave an empty one under its final name."""
    if os.path.isdir(path):
        os.sync()
        return
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


class Store:
    """The folder artifacts are kept in.

    :param root: absolute path; made when something is stored.
    :ivar held: the open lock file while this process holds the lock; a program that inherits it holds it too until it ends.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.held: tuple[int, ...] = ()
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
        """Holds the cache for building; says once that another run holds it.

        :raises BundleError: when the cache cannot be written.
        """
        try:
            os.makedirs(self.root, exist_ok=True)
            fd = os.open(os.path.join(self.root, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise self.unwritable("the lock", exc) from exc
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting(os.pread(fd, 32, 0).decode() or "unknown")
                fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(OSError):  # on a full disk; it only tells others whom they wait for
                os.ftruncate(fd, 0)
                os.pwrite(fd, str(os.getpid()).encode(), 0)
            self.held = (fd,)
            yield
        finally:
            self.held = ()
            os.close(fd)

    def unwritable(self, what: str, exc: OSError) -> BundleError:
        """The error for a user when something cannot be written to the cache."""
        return BundleError(
            f"bundle: {what} could not be written to {self.root} ({exc.strerror}{f', {exc.filename}' if exc.filename else ''}): "
            "free space there or set platform_cache_dir to a larger disk, then run again"
        )

    def _folder(self, artifact: Artifact) -> str:
        return os.path.join(self.work, f"{artifact.name}@{artifact.key}")

    def begin(self, artifact: Artifact) -> str:
        """An empty folder to build in, and no log; what a killed build left is removed."""
        folder = self._folder(artifact)
        remove_tree(folder)
        os.makedirs(folder)
        os.makedirs(self.logs, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.log(artifact))
        return folder

    def finish(self, artifact: Artifact, made: str) -> None:
        """Puts a complete artifact in its place in one step, then drops its work folder."""
        target = self.path(artifact)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        flush(made)
        os.rename(made, target)
        self.abandon(artifact)

    def abandon(self, artifact: Artifact) -> None:
        """Removes the work folder of an artifact; its log stays."""
        remove_tree(self._folder(artifact))

    def clean(self, keep: t.Collection[str] = ()) -> None:
        """Removes work in progress and the compilers' caches.

        :param keep: names in the work folder that stay.
        """
        for name in os.listdir(self.work) if os.path.isdir(self.work) else ():
            if name not in keep:
                remove_tree(os.path.join(self.work, name))
        if not keep:
            remove_tree(self.work)
