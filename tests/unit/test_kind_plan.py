# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a kind cluster is, what differs, and what is done about it."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kind import names
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Network, Node, Port
from ansible_collections.mlops.platform.plugins.module_utils.kind.plan import Found, Wanted, drift, ownership, plan_absent, plan_present

IMAGE = "localhost/mlops-platform/kind-node:v1"
OURS = Network("mlops-a", "a", "podman1")
FOREIGN = Network("mlops-a", "", "podman1")
CONFIG = {
    "nodes": [
        {"role": "control-plane", "extraPortMappings": [
            {"containerPort": 30080, "hostPort": 8080, "listenAddress": "127.0.0.1"},
            {"containerPort": 30443, "hostPort": 8443, "listenAddress": "127.0.0.1"},
        ]},
    ]
}
PORTS = (Port(6443, "127.0.0.1", 40001), Port(30080, "127.0.0.1", 8080), Port(30443, "127.0.0.1", 8443))


def node(name: str = "a-control-plane", role: str = "control-plane", **changes: object) -> Node:
    values = {"image": IMAGE, "running": True, "networks": ("mlops-a",), "ports": PORTS if role == "control-plane" else (), "volumes": ("v1",)}
    return Node(name=name, cluster="a", role=role, **{**values, **changes})


def wanted(config: dict | None = None, image: str = IMAGE, adopt: bool = False) -> Wanted:
    return Wanted("a", "mlops-a", image, config or CONFIG, adopt)


def verbs(actions: list) -> list[str]:
    return [str(action) for action in actions]


@pytest.mark.parametrize(("found", "owner"), [
    (Found(), "none"),
    (Found(network=FOREIGN), "none"),
    (Found(network=Network("mlops-a", "b", "podman1")), "none"),
    (Found(network=OURS), "ours"),  # creation ended before the first node
    (Found((node(),), OURS, created=True), "ours"),
    (Found((node(),), OURS, created=False), "ours"),  # creation ended half-way
    (Found((node(networks=("kind",)),)), "stranger"),
    (Found((node(networks=("kind",)),), OURS), "stranger"),  # the label alone does not make its nodes ours
    (Found((node(),), FOREIGN), "stranger"),
    (Found((node(networks=("kind",)),), adopted=True), "adopted"),
    (Found((node(),), OURS, adopted=True), "ours"),
    (Found(adopted=True), "none"),
])
def test_ownership(found: Found, owner: str) -> None:
    assert ownership(found, "a", "mlops-a") == owner


@pytest.mark.parametrize(("found", "actions"), [
    (Found(), ["create network mlops-a", "create a"]),
    (Found(network=OURS), ["create a"]),
    (Found(network=OURS, volumes=("v9",)), ["remove volume v9", "create a"]),
    (Found((node(),), OURS, created=True), []),
    (Found((node(),), OURS, created=False), ["remove half-made a", "create a"]),
    (Found((node(running=False),), OURS, created=None), ["start a-control-plane", "look again"]),
    (Found((node(networks=("kind",)),), adopted=True, created=False), []),
    (Found((node(networks=("kind",), running=False),), adopted=True, created=None), ["start a-control-plane"]),
])
def test_plan_present(found: Found, actions: list[str]) -> None:
    assert verbs(plan_present(found, wanted())) == actions


def test_a_stopped_worker_is_started() -> None:
    config = {"nodes": [*CONFIG["nodes"], {"role": "worker"}]}
    found = Found((node(), node("a-worker", "worker", running=False)), OURS, created=True)
    assert verbs(plan_present(found, wanted(config))) == ["start a-worker"]


def test_a_strangers_cluster_is_refused_unless_it_may_be_adopted() -> None:
    found = Found((node(networks=("kind",)),), created=False)
    with pytest.raises(KindError, match="cluster_kind_adopt"):
        plan_present(found, wanted())
    assert verbs(plan_present(found, wanted(adopt=True))) == ["adopt a"]


def test_an_adopted_cluster_may_differ() -> None:
    ports = (Port(80, "0.0.0.0", 80), Port(30080, "0.0.0.0", 8080), PORTS[2])
    found = Found((node(networks=("kind",), image="other", ports=ports), node("a-worker", "worker", networks=("kind",))), adopted=True, created=False)
    assert plan_present(found, wanted()) == []


@pytest.mark.parametrize(("ports", "adopted"), [((), True), (PORTS[:2], False), ((*PORTS[:2], Port(30443, "127.0.0.1", 9443)), True)])
def test_an_adopted_cluster_that_the_ports_do_not_lead_into_is_refused(ports: tuple[Port, ...], adopted: bool) -> None:
    found = Found((node(networks=("kind",), ports=ports),), adopted=adopted, created=False)
    with pytest.raises(KindError, match=r"did not make, cannot be used as it is: .*port 30443 .*platform_https_port"):
        plan_present(found, wanted(adopt=True))
    assert verbs(plan_present(found, wanted({"nodes": [{"role": "control-plane"}]}, adopt=True))) == ([] if adopted else ["adopt a"])


def test_a_strangers_network_is_not_used() -> None:
    with pytest.raises(KindError, match="container network mlops-a exists that is not the platform's"):
        plan_present(Found(network=FOREIGN), wanted())


@pytest.mark.parametrize(("nodes", "config", "image", "says"), [
    ((node(),), CONFIG, IMAGE, []),
    ((node(), node("a-worker", "worker")), CONFIG, IMAGE, ["1 worker node(s) instead of 0"]),
    ((node(),), {"nodes": [*CONFIG["nodes"], {"role": "worker"}, {"role": "worker"}]}, IMAGE, ["0 worker node(s) instead of 2"]),
    ((node(),), CONFIG, "other:v2", [f"node image {IMAGE} instead of other:v2"]),
    ((node(ports=PORTS[:2]),), CONFIG, IMAGE, ["port 30443 of the cluster at no port of this machine instead of 127.0.0.1:8443"]),
    ((node(ports=(*PORTS[:2], Port(30443, "127.0.0.1", 9443))),), CONFIG, IMAGE, ["port 30443 of the cluster at 127.0.0.1:9443 instead of 127.0.0.1:8443"]),
    ((node(ports=(*PORTS[:2], Port(30443, "0.0.0.0", 8443))),), CONFIG, IMAGE, ["port 30443 of the cluster at 0.0.0.0:8443 instead of 127.0.0.1:8443"]),
    ((node(ports=(*PORTS, Port(80, "127.0.0.1", 80))),), CONFIG, IMAGE, ["port 80 of the cluster at 127.0.0.1:80 instead of no port of this machine"]),
])
def test_drift(nodes: tuple[Node, ...], config: dict, image: str, says: list[str]) -> None:
    assert drift(wanted(config, image), nodes) == says


def test_drift_fails_and_says_all_of_it_and_what_to_do() -> None:
    found = Found((node(image="old:v1", ports=PORTS[:2]),), OURS, created=True)
    with pytest.raises(KindError, match=r"port 30443 .*make down") as failure:
        plan_present(found, wanted())
    assert "node image old:v1 instead of" in str(failure.value)


@pytest.mark.parametrize(("found", "actions"), [
    (Found(), []),
    (Found((node(),), OURS, created=True, volumes=("v1",)), ["remove node a-control-plane", "remove volume v1", "remove network mlops-a"]),
    (Found((node(),), OURS, created=True), ["remove node a-control-plane", "remove network mlops-a"]),
    (Found((node(),), OURS, volumes=("v9",)), ["remove node a-control-plane", "remove volume v9", "remove network mlops-a"]),
    (Found(network=OURS), ["remove network mlops-a"]),
    (Found(network=FOREIGN), []),
    (Found((node(networks=("kind",)),)), []),
    (Found((node(networks=("kind",)),), adopted=True), ["leave adopted a"]),
])
def test_plan_absent(found: Found, actions: list[str]) -> None:
    assert verbs(plan_absent(found, "a", "mlops-a")) == actions


@pytest.mark.parametrize(("name", "good"), [
    ("mlops", True), ("a", True), ("mlops-b2", True), ("", False), ("-a", False),
    ("a-", False), ("A", False), ("a.b", False), ("a" * 41, False), ("a\n", False),
])
def test_names_of_clusters(name: str, good: bool) -> None:
    assert names.valid(name) is good


@pytest.mark.parametrize(("container", "good"), [
    ("a-control-plane", True), ("a-worker", True), ("a-worker12", True), ("b-worker", False), ("a-b-worker", False), ("a-worker-x", False), ("a", False),
])
def test_names_of_nodes(container: str, good: bool) -> None:
    assert names.is_node_of(container, "a") is good
