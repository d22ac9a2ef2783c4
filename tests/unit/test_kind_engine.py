# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the container engines say and are told. Only their programs are stood in for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kind import guard, images, residue
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError, Result, follow, run
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Engine, Network, Node, Port, parse_network, parse_node
from ansible_collections.mlops.platform.plugins.module_utils.kind.plan import Found

PODMAN_NODE = {
    "Name": "a-control-plane", "ImageName": "localhost/mlops-platform/kind-node:v1", "State": {"Running": True},
    "Config": {"Image": "localhost/mlops-platform/kind-node:v1",
               "Labels": {"io.x-k8s.kind.cluster": "a", "io.x-k8s.kind.role": "control-plane"}},
    "HostConfig": {"PortBindings": {"6443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "40001"}], "30080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}},
    "NetworkSettings": {"Networks": {"mlops-a": {"IPAddress": "10.89.0.2"}}},
    "Mounts": [{"Type": "volume", "Name": "v1", "Destination": "/var"}, {"Type": "bind", "Source": "/lib/modules"}],
}
DOCKER_NODE = {
    "Name": "/a-worker", "State": {"Running": False},
    "Config": {"Image": "kindest/node:v1.35.4", "Labels": {"io.x-k8s.kind.cluster": "a", "io.x-k8s.kind.role": "worker"}},
    "HostConfig": {"PortBindings": None},
    "NetworkSettings": {"Networks": {"kind": {}}},
    "Mounts": [{"Type": "volume", "Name": "anonymous", "Destination": "/var"}],
}


class Program:
    """Stands in for an engine's program: answers by the beginning of the command, and remembers what it was told."""

    def __init__(self, answers: dict[str, str | Result]) -> None:
        self.answers = answers
        self.told: list[str] = []
        self.environments: list[dict[str, str]] = []

    def __call__(self, command: list[str], *, timeout: float = 60, stdin: object = None, env: dict[str, str] | None = None) -> Result:
        line = " ".join(command[1:])
        self.told.append(line)
        self.environments.append(env or {})
        for beginning, answer in self.answers.items():
            if line.startswith(beginning):
                return answer if isinstance(answer, Result) else Result(0, answer, "")
        return Result(125, "", f"Error: unexpected {line}")


def test_nodes_are_read_from_both_engines() -> None:
    assert parse_node(PODMAN_NODE) == Node(
        "a-control-plane", "a", "control-plane", "localhost/mlops-platform/kind-node:v1", True, ("mlops-a",),
        (Port(6443, "127.0.0.1", 40001), Port(30080, "127.0.0.1", 8080)), ("v1",),
    )
    assert parse_node(DOCKER_NODE) == Node("a-worker", "a", "worker", "kindest/node:v1.35.4", False, ("kind",), (), ("anonymous",))


@pytest.mark.parametrize(("data", "network"), [
    ({"name": "mlops-a", "network_interface": "podman1", "labels": {"mlops.platform/cluster": "a"}}, Network("mlops-a", "a", "podman1")),
    ({"name": "kind", "network_interface": "podman2"}, Network("kind", "", "podman2")),
    ({"Name": "mlops-a", "Id": "0123456789abcdef", "Labels": {"mlops.platform/cluster": "a"}, "Options": {}}, Network("mlops-a", "a", "br-0123456789ab")),
    ({"Name": "x", "Id": "0", "Labels": None, "Options": {"com.docker.network.bridge.name": "br-own"}}, Network("x", "", "br-own")),
])
def test_networks_are_read_from_both_engines(data: dict, network: Network) -> None:
    assert parse_network(data) == network


def test_the_control_plane_comes_first() -> None:
    program = Program({"ps": "1\n2\n", "container inspect": json.dumps([DOCKER_NODE, PODMAN_NODE])})
    assert [node.name for node in Engine("podman", runner=program).nodes("a")] == ["a-control-plane", "a-worker"]


def test_an_engine_that_is_not_there_has_nothing() -> None:
    engine = Engine("docker", runner=Program({"": Result(127, "", "docker is not installed")}))
    assert (engine.available(), engine.nodes("a"), engine.network("mlops-a"), engine.platform_networks(), engine.platform_images()) == (False, [], None, [], [])


def test_what_an_engine_refuses_is_said_in_its_own_words() -> None:
    program = Program({"start": Result(125, "", "Error: no such container\n")})
    with pytest.raises(KindError, match="podman could not start the node x: Error: no such container"):
        Engine("podman", runner=program).start("x")


def test_settings_are_handed_to_podman_only_and_only_where_the_file_is(tmp_path: Path) -> None:
    conf = tmp_path / "containers.conf"
    assert Engine("podman", str(conf)).env == {}
    conf.write_text("")
    assert Engine("podman", str(conf)).env == {"CONTAINERS_CONF": str(conf)}
    assert Engine("docker", str(conf)).env == {}


def test_volumes_are_found_by_the_names_of_nodes() -> None:
    volumes = [{"Name": "1", "Labels": {"a-control-plane": "true"}}, {"Name": "2", "Labels": {"b-control-plane": "true"}},
               {"Name": "3", "Labels": {"a-worker2": "true"}}, {"Name": "4"}]
    assert Engine("podman", runner=Program({"volume ls": json.dumps(volumes)})).volumes_of("a") == ["1", "3"]


def test_images_in_use_are_not_the_platforms_to_remove() -> None:
    stored = "localhost/mlops-platform/a:1\nlocalhost/mlops-platform/b:1\nlocalhost/other:1\n"
    program = Program({"images": stored, "ps": "localhost/mlops-platform/b:1\n", "rmi": ""})
    engine = Engine("podman", runner=program)
    assert engine.platform_images() == ["localhost/mlops-platform/a:1"]
    engine.remove_images(engine.platform_images())
    assert program.told[-1] == "rmi localhost/mlops-platform/a:1"


def test_a_wrong_archive_of_the_node_image_is_named() -> None:
    program = Program({"load": "Loaded image: other\n", "image inspect": Result(125, "", "Error: no such image")})
    with pytest.raises(KindError, match=r"node\.tar does not hold the image x:1"):
        Engine("podman", runner=program).load("node.tar", "x:1")


def test_missing_images_go_image_by_image() -> None:
    wanted = [images.Image("a", "a.tar"), images.Image("b", "b.tar")]
    assert images.missing(wanted, {"n1": {"b"}, "n2": set()}) == [("n1", wanted[0]), ("n2", wanted[0]), ("n2", wanted[1])]
    assert images.missing(wanted, {}) == []


def load_into(program: Program, archive: Path) -> list[str]:
    said: list[str] = []
    images.load(Engine("podman", runner=program), [("n1", images.Image("r/a:1", str(archive)))], said.append)
    return said


def test_images_are_imported_and_looked_for_afterwards(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(b"x" * (3 << 20))
    importing = "exec --interactive n1 ctr --namespace k8s.io images import"
    listing = "exec n1 ctr --namespace k8s.io images list"
    assert load_into(Program({importing: "", listing: "r/a:1\n"}), archive) == ["image 1 of 1: a:1 into n1 (3 MiB, 0 s)"]
    with pytest.raises(KindError, match=r"a\.tar does not hold the image r/a:1"):
        load_into(Program({importing: "", listing: "r/b:1\n"}), archive)
    with pytest.raises(KindError, match="no space left"):
        load_into(Program({importing: Result(1, "", "ctr: no space left on device")}), archive)


GUARDED = guard.Guard(frozenset({"podman1"}), frozenset({"10.96.0.0/16"}))
LISTING = {"nftables": [
    {"metainfo": {}}, {"table": {"family": "inet", "name": "mlops_platform"}},
    {"set": {"family": "inet", "name": "bridges", "table": "mlops_platform", "type": "ifname", "elem": ["podman1"]}},
    {"chain": {"name": "leave"}},
    {"rule": {"chain": "leave", "expr": [
        {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "@bridges"}},
        {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"prefix": {"addr": "10.96.0.0", "len": 16}}}},
        {"counter": {}}, {"reject": {}},
    ]}},
]}


def test_the_firewall_table_is_read() -> None:
    assert guard.parse(json.dumps(LISTING)) == GUARDED
    assert guard.parse("") is None
    assert guard.current(Program({"--json": Result(1, "", "No such file or directory")})) is None


def test_the_firewall_table_is_replaced_in_one_step() -> None:
    text = guard.ruleset(GUARDED)
    assert text.splitlines()[:2] == ["table inet mlops_platform {}", "delete table inet mlops_platform"]
    assert 'elements = { "podman1" }' in text
    assert "iifname @bridges oifname != @bridges ip daddr 10.96.0.0/16 counter reject" in text


@pytest.mark.parametrize(("now", "networks", "leaving", "wanted"), [
    (None, [], "", None),
    (None, [Network("mlops-a", "a", "podman1")], "", GUARDED),
    (GUARDED, [Network("mlops-a", "a", "podman1"), Network("mlops-b", "b", "podman2")], "a", guard.Guard(frozenset({"podman2"}), GUARDED.ranges)),
    (GUARDED, [Network("mlops-a", "a", "podman1")], "a", None),
])
def test_the_firewall_table_serves_all_clusters(now: guard.Guard | None, networks: list[Network], leaving: str, wanted: guard.Guard | None) -> None:
    assert guard.wanted(now, networks, ["10.96.0.0/16"], leaving) == wanted


@pytest.mark.parametrize(("bridge", "ranges", "holds"), [
    ("podman1", ["10.96.0.0/16"], True), ("podman2", ["10.96.0.0/16"], False), ("podman1", ["10.244.0.0/16"], False),
])
def test_whether_a_cluster_is_guarded(bridge: str, ranges: list[str], holds: bool) -> None:
    assert guard.holds(GUARDED, bridge, ranges) is holds
    assert guard.holds(None, bridge, ranges) is False


def test_without_nftables_the_way_out_is_named() -> None:
    with pytest.raises(KindError, match="cluster_kind_host_guard to false"):
        guard.write(GUARDED, Program({"--file": Result(1, "", "netlink: Error: cache initialization failed")}))


def test_people_are_told_which_data_goes() -> None:
    found = Found((parse_node(PODMAN_NODE),), Network("mlops-a", "a", "podman1"), volumes=("v1",))
    folder = "pvc-01234567-89ab-cdef-0123-456789abcdef_platform-storage_postgres-1"
    lines = [str(item) for item in residue.of_engine("podman", found, "a", "mlops-a", {"v1": [folder, "lost+found"]})]
    assert lines == [
        "container a-control-plane (podman)",
        "port 40001 (127.0.0.1, of a-control-plane)",
        "port 8080 (127.0.0.1, of a-control-plane)",
        "volume v1 (podman) with data of volume platform-storage/postgres-1",
        "network mlops-a (podman)",
    ]


@pytest.mark.parametrize("found", [
    Found((parse_node(PODMAN_NODE),)),
    Found((parse_node(PODMAN_NODE)._replace(networks=("kind",)),), adopted=True),
    Found(network=Network("mlops-a", "", "podman1")),
    Found(),
])
def test_what_is_somebody_elses_is_not_listed(found: Found) -> None:
    assert residue.of_engine("podman", found, "a", "mlops-a", {}) == []


def test_other_clusters_are_found_by_their_networks_and_their_kubeconfigs(tmp_path: Path) -> None:
    for name, file in (("a", "kubeconfig"), ("b", "kubeconfig"), ("c", "source")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("")
    assert residue.other_clusters([Network("mlops-a", "a", "1"), Network("mlops-d", "d", "2")], str(tmp_path), "a") == {"b", "d"}
    assert residue.other_clusters([], str(tmp_path / "none"), "a") == frozenset()


def test_files_are_listed_as_long_as_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/kubeconfig").write_text("")
    assert [item.where for item in residue.of_files(str(tmp_path), "a") if item.name.startswith(str(tmp_path))] == ["1 file(s)"]
    (tmp_path / "a/kubeconfig").unlink()
    (tmp_path / "a").rmdir()
    assert [item.where for item in residue.of_files(str(tmp_path), "a") if item.name.startswith(str(tmp_path))] == ["empty"]


def test_a_port_that_is_still_in_use_is_found() -> None:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert [item.name for item in residue.left([port], [], [])] == [str(port)]
    assert residue.left([port], [], []) == []


@pytest.mark.parametrize("start", [run, lambda command, **options: follow(command, print, **{"timeout": 20, **options})])
def test_programs_that_fail(start: Callable[..., Result]) -> None:
    assert start(["/no/such/program"]).rc == 127
    assert start(["sh", "-c", "echo why >&2; exit 3"]).reason() == "why"
    slow = start(["sh", "-c", "exec sleep 30"], timeout=0.2)
    assert (slow.rc, slow.ok) == (124, False)
    assert "did not end within" in slow.err


def test_input_and_environment_reach_a_program() -> None:
    assert run(["sh", "-c", 'cat; echo "$X"'], stdin="in ", env={"X": "out"}).out == "in out\n"
    assert run(["cat"], stdin=None).out == ""
    assert follow(["cat"], print, timeout=20, stdin="text\n").out == "text"


def test_lines_are_handed_over_while_a_program_runs() -> None:
    seen: list[tuple[str, float]] = []
    began = time.monotonic()
    done = follow(["sh", "-c", "echo one; sleep 0.3; printf two"], lambda line: seen.append((line, time.monotonic() - began)), timeout=20)
    assert (done.ok, [line for line, _when in seen]) == (True, ["one", "two"])
    assert seen[0][1] < seen[1][1]


def test_an_archive_is_streamed_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\x00\xff")
    with open(tmp_path / "f", "rb") as stream:
        assert run(["wc", "-c"], stdin=stream).out.strip() == "2"
