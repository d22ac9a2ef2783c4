# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle in one file: written on one machine, read on another."""

from __future__ import annotations

import os
import pathlib
import shutil
import tarfile

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.bundle import archive, recipe, store

KIND = recipe.Artifact("kind", "go", "v1", "0123456789ab", (), {}, "")
TOOLS = recipe.Artifact("image-tools", "image", "v2", "ba9876543210", (), {}, "")
BOTH = [KIND, TOOLS]


@pytest.fixture
def built(tmp_path: pathlib.Path) -> store.Store:
    cache = store.Store(str(tmp_path / "built"))
    for artifact, mode in ((KIND, 0o755), (TOOLS, 0o644)):
        path = pathlib.Path(cache.path(artifact))
        path.parent.mkdir(parents=True)
        path.write_bytes(os.urandom(3 * archive.CHUNK + 17))
        path.chmod(mode)
    (pathlib.Path(cache.root) / "rootfs").mkdir()
    (pathlib.Path(cache.root) / "rootfs" / "rootfs-tools@0.tar").write_text("an input")
    return cache


@pytest.fixture
def empty(tmp_path: pathlib.Path) -> store.Store:
    return store.Store(str(tmp_path / "empty"))


@pytest.fixture
def file(tmp_path: pathlib.Path, built: store.Store) -> str:
    path = str(tmp_path / "bundle.tar")
    archive.write(path, BOTH, built, lambda line: None)
    return path


def content(cache: store.Store, artifact: recipe.Artifact) -> bytes:
    return pathlib.Path(cache.path(artifact)).read_bytes()


def refused(message: str, path: str, cache: store.Store) -> None:
    with pytest.raises(recipe.BundleError, match=message) as caught:
        archive.check(path, BOTH, cache.root)
        archive.read(path, BOTH, cache, lambda line: None)
    assert "\n" not in str(caught.value)


def test_what_is_read_is_what_was_written(file: str, built: store.Store, empty: store.Store) -> None:
    archive.check(file, BOTH, empty.root)
    said: list[str] = []
    archive.read(file, BOTH, empty, said.append)
    assert [content(empty, artifact) for artifact in BOTH] == [content(built, artifact) for artifact in BOTH]
    assert os.access(empty.path(KIND), os.X_OK) and not pathlib.Path(empty.path(TOOLS)).stat().st_mode & 0o111
    assert said == ["bundle 1/2: reading kind v1", "bundle 2/2: reading image-tools v2"]


def test_it_holds_what_was_named_and_no_inputs(file: str) -> None:
    with tarfile.open(file) as written:
        names = written.getnames()
    assert names == [KIND.path, KIND.path + ".sha256", TOOLS.path, TOOLS.path + ".sha256"]


def test_the_same_content_is_not_written_again(file: str, built: store.Store) -> None:
    assert archive.written(file, BOTH, built)
    assert not archive.written(file, [KIND], built)
    assert not archive.written(file + "2", BOTH, built)


def test_what_is_not_built_is_not_written(tmp_path: pathlib.Path, empty: store.Store) -> None:
    with pytest.raises(recipe.BundleError, match=r"kind v1 is not a file in .*: build the bundle"):
        archive.write(str(tmp_path / "bundle.tar"), BOTH, empty, lambda line: None)
    assert not (tmp_path / "bundle.tar").exists()


def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path: pathlib.Path, built: store.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "flush", full)
    with pytest.raises(recipe.BundleError, match=r"could not be written \(No space left on device\): set bundle_archive"):
        archive.write(str(tmp_path / "bundle.tar"), BOTH, built, lambda line: None)
    assert not list(tmp_path.glob("bundle.tar*"))


def test_too_little_disk_is_said_before_anything_is_written(file: str, empty: store.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    refused("6 MiB are needed in .* and 1 MiB are free: .*platform_cache_dir", file, empty)
    assert not os.path.exists(empty.root)


def test_a_file_that_was_cut_off_is_refused(file: str, empty: store.Store) -> None:
    os.truncate(file, os.path.getsize(file) // 2)
    refused("is not a whole bundle", file, empty)
    assert not os.path.exists(empty.root)


def test_a_file_that_is_not_there_is_refused(empty: store.Store) -> None:
    refused("there is no file '': set bundle_archive", "", empty)


def test_a_damaged_artifact_never_gets_its_name(file: str, empty: store.Store) -> None:
    with tarfile.open(file) as written:
        offset = written.getmember(TOOLS.path).offset_data
    with open(file, "r+b") as stream:
        stream.seek(offset + 5)
        byte = stream.read(1)
        stream.seek(offset + 5)
        stream.write(bytes([byte[0] ^ 1]))
    refused("image-tools in .* is damaged: copy the file again", file, empty)
    assert empty.has(KIND) and not empty.has(TOOLS)


def test_a_bundle_of_another_version_is_refused_before_anything_is_written(file: str, empty: store.Store) -> None:
    other = TOOLS._replace(key="ffffffffffff")
    with pytest.raises(recipe.BundleError, match="does not hold image-tools v2 as this version of the collection builds it"):
        archive.check(file, [KIND, other], empty.root)


def test_a_killed_import_keeps_what_is_whole_and_nothing_else(file: str, built: store.Store, empty: store.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(path: str) -> None:
        if os.path.getsize(path) and empty.has(KIND):
            raise Killed

    with monkeypatch.context() as during:
        during.setattr(store, "flush", killed)
        with pytest.raises(Killed):
            archive.read(file, BOTH, empty, lambda line: None)
    assert empty.has(KIND) and not empty.has(TOOLS)
    said: list[str] = []
    archive.read(file, [artifact for artifact in BOTH if not empty.has(artifact)], empty, said.append)
    assert said == ["bundle 1/1: reading image-tools v2"]
    assert content(empty, TOOLS) == content(built, TOOLS)
