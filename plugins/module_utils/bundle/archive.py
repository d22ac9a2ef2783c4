# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle in one file, for a machine without a network: a plain tar of artifacts under their paths, each followed by its SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tarfile
import typing as t

from .recipe import Artifact, BundleError
from .store import Store, flush

CHUNK = 1 << 20
SUFFIX = ".sha256"


class _Hashing:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: t.IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    def line(self, path: str) -> bytes:
        """As ``sha256sum`` writes it."""
        return f"{self._digest.hexdigest()}  {path}\n".encode()


def _sizes(path: str) -> dict[str, int]:
    """Sizes of the files in an archive by name; nothing when it is no whole archive."""
    try:
        with tarfile.open(path, "r:") as archive:
            return {member.name: member.size for member in archive if member.isfile()}
    except (OSError, tarfile.TarError):
        return {}


def _check_space(folder: str, needed: int, setting: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BundleError(
            f"bundle: {needed >> 20} MiB are needed in {folder} and {free >> 20} MiB are free: "
            f"free space there or set {setting} to a larger disk, then run again"
        )


def written(path: str, artifacts: t.Sequence[Artifact], store: Store) -> bool:
    """Whether the file holds these artifacts and nothing else; a name tells its content."""
    sizes = {name: size for name, size in _sizes(path).items() if not name.endswith(SUFFIX)}
    return sizes == {artifact.path: os.path.getsize(store.path(artifact)) for artifact in artifacts}


def write(path: str, artifacts: t.Sequence[Artifact], store: Store, say: t.Callable[[str], None]) -> None:
    """Writes artifacts to one file, aside first: there is never half a file under this name.

    :raises BundleError: when an artifact is not there, or the file cannot be written.
    """
    for artifact in artifacts:
        if not os.path.isfile(store.path(artifact)):
            raise BundleError(f"bundle: {artifact.name} {artifact.version} is not a file in {store.root}: build the bundle, then write it to {path}")
    aside = f"{path}.part"
    try:
        _check_space(os.path.dirname(path), sum(os.path.getsize(store.path(artifact)) for artifact in artifacts), "bundle_archive")
        with tarfile.open(aside, "w:", format=tarfile.PAX_FORMAT) as archive:
            for number, artifact in enumerate(artifacts, 1):
                say(f"bundle {number}/{len(artifacts)}: writing {artifact.name} {artifact.version}")
                _add(archive, artifact, store)
        flush(aside)
        os.replace(aside, path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise BundleError(f"bundle: {path} could not be written ({exc.strerror}): set bundle_archive to a file in a folder with space, then run again") from exc


def _add(archive: tarfile.TarFile, artifact: Artifact, store: Store) -> None:
    with open(store.path(artifact), "rb") as stream:
        entry = tarfile.TarInfo(artifact.path)
        entry.size = os.fstat(stream.fileno()).st_size
        entry.mode = os.fstat(stream.fileno()).st_mode & 0o777
        hashed = _Hashing(stream)
        archive.addfile(entry, t.cast(t.IO[bytes], hashed))
    line = hashed.line(artifact.path)
    entry = tarfile.TarInfo(artifact.path + SUFFIX)
    entry.size, entry.mode = len(line), 0o644
    archive.addfile(entry, io.BytesIO(line))


def check(path: str, artifacts: t.Sequence[Artifact], root: str) -> None:
    """Makes sure that a file has these artifacts and that the disk has room for them; nothing is written.

    :param root: folder they are going to.
    :raises BundleError: when something is missing.
    """
    if not os.path.isfile(path):
        raise BundleError(f"bundle: there is no file '{path}': set bundle_archive to the file that was written on the other machine")
    sizes = _sizes(path)
    if not sizes:
        raise BundleError(f"bundle: {path} is not a whole bundle, it was perhaps cut off: copy it again from the machine that wrote it")
    absent = [f"{artifact.name} {artifact.version}" for artifact in artifacts if not {artifact.path, artifact.path + SUFFIX} <= set(sizes)]
    if absent:
        raise BundleError(
            f"bundle: {path} does not hold {', '.join(absent)} as this version of the collection builds it: write it again with the same version as here"
        )
    there = root
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    _check_space(there, sum(sizes[artifact.path] for artifact in artifacts), "platform_cache_dir")


def read(path: str, artifacts: t.Sequence[Artifact], store: Store, say: t.Callable[[str], None]) -> None:
    """Puts artifacts from one file into the cache; each counts only once all of it is there and its hash is right.

    :param artifacts: what is missing; of everything else in the file nothing is read.
    :raises BundleError: when the file is damaged or the cache cannot be written.
    """
    with tarfile.open(path, "r:") as archive:
        for number, artifact in enumerate(artifacts, 1):
            say(f"bundle {number}/{len(artifacts)}: reading {artifact.name} {artifact.version}")
            try:
                store.finish(artifact, _extract(archive, path, artifact, store.begin(artifact)))
            except OSError as exc:
                raise store.unwritable(f"{artifact.name} {artifact.version}", exc) from exc


def _extract(archive: tarfile.TarFile, path: str, artifact: Artifact, folder: str) -> str:
    made = os.path.join(folder, "made")
    entry = archive.getmember(artifact.path)
    with open(made, "wb") as target:
        hashed = _Hashing(t.cast(t.IO[bytes], archive.extractfile(entry)))
        while data := hashed.read(CHUNK):
            target.write(data)
        os.fchmod(target.fileno(), 0o755 if entry.mode & 0o100 else 0o644)
    if t.cast(t.IO[bytes], archive.extractfile(artifact.path + SUFFIX)).read() != hashed.line(artifact.path):
        raise BundleError(f"bundle: {artifact.name} in {path} is damaged: copy the file again from the machine that wrote it")
    return made
