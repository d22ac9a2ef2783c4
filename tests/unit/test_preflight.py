# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight finds missing, over fixtures of machines."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.platform.plugins.module_utils import preflight
from ansible_collections.mlops.platform.plugins.module_utils.preflight import GIB, Facts, Requirements

GOOD = Facts(
    architecture="x86_64", distribution="Debian GNU/Linux 12 (bookworm)", python=(3, 11), memory=24 * GIB, cores=2,
    disks={"the cache": ("/cache", 80 * GIB), "images and volumes": ("/var/lib/containers", 80 * GIB)}, busy_ports={}, privileged=True,
    engines=[], apt=True, missing_features=[], missing_controllers=[],
)
NEED = Requirements(name="mlops", memory=6, cores=2, disk=25, engine="auto", source="packages", to_build=["kubernetes v1.35.4", "etcd", "kind", "mlflow"])


def test_a_bare_debian_is_ready() -> None:
    assert preflight.evaluate(GOOD, NEED) == []


@pytest.mark.parametrize(
    ("facts", "need", "words"),
    [
        ({"architecture": "aarch64"}, {}, ["aarch64", "x86_64", "platform_source=upstream"]),
        ({"python": (3, 9)}, {}, ["3.9", "3.11"]),
        ({"memory": 4 * GIB}, {}, ["4.0 GiB", "6 GiB", "preflight_memory_gib"]),
        ({"cores": 1}, {}, ["1 processor core", "preflight_cores"]),
        ({"disks": {"the cache": ("/cache", 3 * GIB)}}, {}, ["/cache", "3.0 GiB free", "25 GiB", "platform_cache_dir"]),
        ({"disks": {"the cache": ("/cache", 3 * GIB)}}, {}, ["preflight_disk_gib_build", "kubernetes v1.35.4, etcd, kind and 1 more must be built"]),
        ({"disks": {"images and volumes": ("/var/lib/containers", 3 * GIB)}}, {"to_build": [], "disk": 12}, ["12 GiB", "preflight_disk_gib)"]),
        ({"busy_ports": {8080: "nginx"}}, {}, ["8080", "nginx", "platform_http_port"]),
        ({"privileged": False}, {}, ["sudo", "--ask-become-pass"]),
        ({}, {"name": ""}, ["platform_name is ''", "lower-case letters"]),
        ({"engines": ["podman"]}, {"engine": "docker"}, ["docker does not answer", "cluster_kind_engine"]),
        ({"apt": False, "distribution": "Fedora 43", "engines": ["podman"]}, {}, ["Fedora 43", "platform_source=upstream"]),
        ({"apt": False, "distribution": "Fedora 43"}, {"source": "upstream"}, ["no container engine"]),
        ({"missing_features": ["overlayfs"]}, {}, ["overlayfs", "modprobe"]),
        ({"missing_controllers": ["memory"]}, {}, ["cgroup controller memory"]),
    ],
)
def test_each_lack_is_one_line_that_says_what_to_do(facts: dict, need: dict, words: list[str]) -> None:
    problems = preflight.evaluate(GOOD._replace(**facts), NEED._replace(**need))
    assert len(problems) == 1 and "\n" not in problems[0]
    for word in words:
        assert word in problems[0]


@pytest.mark.parametrize(
    ("domain", "ports", "found", "words"),
    [
        ("MLops.localhost", [80, 443], None, ["platform_domain is 'MLops.localhost'", "lower-case"]),
        ("localhost", [80, 443], None, ["two parts or more"]),
        ("192.168.1.4", [80, 443], None, ["DNS name"]),
        ("mlops.example.org", [80, 443], [], ["do not resolve here", "keycloak.mlops.example.org", "/etc/hosts"]),
        ("mlops.example.org", [80, 443], ["203.0.113.7"], ["203.0.113.7", "not to 127.0.0.1"]),
        ("mlops.localhost", [8443, 8443], None, ["both 8443"]),
        ("mlops.localhost", [0, 8443], None, ["0 and 8443", "1 to 65535"]),
    ],
)
def test_an_address_that_nobody_would_find_is_one_line(domain: str, ports: list[int], found: list[str] | None, words: list[str]) -> None:
    (problem,) = preflight.addresses(domain, ports, found)
    assert all(word in problem for word in words) and "\n" not in problem


@pytest.mark.parametrize("found", [None, ["127.0.0.1"], ["127.0.1.1", "203.0.113.7"], ["::1"]])
def test_an_address_that_leads_here_is_right(found: list[str] | None) -> None:
    assert preflight.addresses("mlops.example.org", [8080, 8443], found) == []


def test_names_are_looked_up_on_this_machine() -> None:
    assert "127.0.0.1" in preflight.addresses_of("localhost")
    assert preflight.addresses_of(f"{'x' * 70}.invalid") == []


def test_everything_is_reported_at_once() -> None:
    facts = GOOD._replace(memory=GIB, cores=1, privileged=False, busy_ports={8080: "", 8443: "java"})
    assert len(preflight.evaluate(facts, NEED)) == 5


def test_arm_may_pull_images() -> None:
    assert preflight.evaluate(GOOD._replace(architecture="aarch64"), NEED._replace(source="upstream")) == []


def test_a_misspelled_variable_is_named_with_the_nearest() -> None:
    (problem,) = preflight.misspelled(["mlflow_replica", "mlflow_replicas", "my_own"], ["mlflow_replicas"], ["mlflow"])
    assert "mlflow_replica " in problem and "did you mean mlflow_replicas?" in problem


def test_a_port_in_use_is_seen_on_this_machine(tmp_path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        facts = preflight.gather(NEED, {"the cache": str(tmp_path / "not" / "there"), "images and volumes": ""}, [port], privileged=True)
    assert port in facts.busy_ports
    assert facts.disks["the cache"][1] > 0 and facts.memory > 0
    assert facts.disks["images and volumes"][0].startswith("/var/lib/")
    assert port not in preflight.gather(NEED, {}, [port], privileged=True).busy_ports


@pytest.mark.parametrize(("engine", "source", "docker", "folder"), [
    ("auto", "packages", "/data/docker", "/var/lib/containers"),
    ("auto", "upstream", "/data/docker", "/data/docker"),
    ("auto", "upstream", "", "/var/lib/containers"),
    ("docker", "packages", "/data/docker", "/data/docker"),
    ("docker", "packages", "", "/var/lib/docker"),  # which is reported as not answering
    ("podmn", "packages", "", "/var/lib/containers"),  # so is this
])
def test_the_disk_that_counts_is_that_of_the_engine(engine: str, source: str, docker: str, folder: str) -> None:
    assert preflight.engine_folder(engine, source, docker) == folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("known", "missing"), [(0, []), (1, ["overlayfs"])])
def test_a_module_of_the_kernel_is_looked_for_and_not_loaded(known: int, missing: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "modprobe", f'[ "$1" = --dry-run ] && [ "$2" = nosuchfs ] || exit 9; exit {known}')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setitem(preflight.KERNEL_FEATURES, "overlayfs", ("filesystem", "nosuchfs", "layers of container images"))
    assert preflight._missing_features() == missing


def test_ports_of_the_platforms_own_running_node_are_not_in_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = """{"Name": "mlops-control-plane", "Config": {"Labels": {"io.x-k8s.kind.cluster": "mlops"}}, "State": {"Running": %s},
    "HostConfig": {"PortBindings": {"30080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}}}"""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for running, ports in (("true", {8080}), ("false", set())):
        program(tmp_path, "podman", f"case $1 in ps) echo 1 ;; container) cat <<'E'\n[{node % running}]\nE\n;; esac")
        assert preflight.own_ports("mlops") == ports
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(tmp_path, "podman", f"touch {tmp_path}/called")  # it would make folders in the user's home
    assert preflight.own_ports("mlops") == set() and not (tmp_path / "called").exists()


def public_facts(tasks: object) -> set[str]:
    """Names that set_fact gives in a list of tasks, but private ones and those given by a variable."""
    if isinstance(tasks, list):
        return set().union(*map(public_facts, tasks))
    if not isinstance(tasks, dict):
        return set()
    names = {name for name in tasks.get("ansible.builtin.set_fact") or {} if not name.startswith(("_", "{"))}
    return names.union(*(public_facts(value) for value in tasks.values()))


def test_every_fact_that_is_handed_on_is_a_known_variable(repository: Path) -> None:
    known = set(yaml.safe_load((repository / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["__preflight_run_time"])
    files = [*repository.glob("roles/*/tasks/*.yml"), *repository.glob("playbooks/**/*.yml")]
    given = set().union(*(public_facts(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in files))
    assert given == known


def test_every_role_with_variables_of_a_site_is_checked(repository: Path) -> None:
    roles = set(re.findall(r"mlops\.platform\.(\w+)", (repository / "playbooks/site.yml").read_text(encoding="utf-8")))
    checked = yaml.safe_load((repository / "roles/preflight/vars/main.yml").read_text(encoding="utf-8"))["__preflight_roles"]
    assert roles - {"platform"} == set(checked)
