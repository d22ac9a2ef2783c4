# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight finds missing, over fixtures of machines."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import preflight
from ansible_collections.mlops.platform.plugins.module_utils.preflight import GIB, Facts, Requirements

GOOD = Facts(
    architecture="x86_64", distribution="Debian GNU/Linux 12 (bookworm)", python=(3, 11), memory=24 * GIB, cores=2,
    disks={"the cache": ("/cache", 80 * GIB), "images and volumes": ("/var/lib/containers", 80 * GIB)}, busy_ports={}, root=True, sudo=True,
    engines=[], apt=True, missing_features=[], missing_controllers=[],
)
NEED = Requirements(memory=6, cores=2, disk=25, engine="auto", source="packages", bundled=False)


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
        ({"disks": {"images and volumes": ("/var/lib/containers", 3 * GIB)}}, {"bundled": True, "disk": 12}, ["12 GiB", "preflight_disk_gib)"]),
        ({"busy_ports": {8080: "nginx"}}, {}, ["8080", "nginx", "platform_http_port"]),
        ({"root": False, "sudo": False}, {}, ["sudo", "--ask-become-pass"]),
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


def test_everything_is_reported_at_once() -> None:
    facts = GOOD._replace(memory=GIB, cores=1, root=False, sudo=False, busy_ports={8080: "", 8443: "java"})
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
        facts = preflight.gather({"the cache": str(tmp_path / "not" / "there")}, [port], "no-such-node")
    assert port in facts.busy_ports
    assert facts.disks["the cache"][1] > 0 and facts.memory > 0
    assert port not in preflight.gather({}, [port], "no-such-node").busy_ports
