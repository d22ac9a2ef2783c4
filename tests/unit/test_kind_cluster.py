# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kind cluster's configuration, its kubeconfig, and how its making is carried out."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mlops.platform.plugins.filter.corefile import with_dns_names
from ansible_collections.mlops.platform.plugins.module_utils.kind import cluster, kubeconfig, plan, residue
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError, Result
from ansible_collections.mlops.platform.plugins.module_utils.kind.engine import Engine, Node, Port

ROLE = Path(__file__).resolve().parents[2] / "roles/cluster_kind"
VARIABLES = {
    "cluster_kind_pod_network": "10.244.0.0/16", "__cluster_kind_service_subnet": "10.96.0.0/16", "__cluster_kind_packages": True,
    "cluster_kind_cgroup": 1, "cluster_kind_workers": 0, "platform_http_port": 8080, "platform_https_port": 8443, "platform_load_balancer": "node_port",
    "bundle_artifacts": {"etcd": {"version": "v3.6.8"}, "coredns": {"version": "v1.14.3"}},
}
CONFIG: dict[str, Any] = {
    "clusters": [{"name": "kind-a", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "kind-a", "user": {"token": "t"}}],
    "contexts": [{"name": "kind-a", "context": {"cluster": "kind-a", "user": "kind-a"}}],
    "current-context": "kind-a",
}


def render(**changes: object) -> dict[str, Any]:
    templar = Templar(DataLoader(), variables={**VARIABLES, **changes})
    text = (ROLE / "templates/kind.yml.j2").read_text(encoding="utf-8")
    return yaml.safe_load(templar.template(trust_as_template(text), escape_backslashes=False))


def kubeadm(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {patch["kind"]: patch for patch in map(yaml.safe_load, config["kubeadmConfigPatches"])}


def test_configuration_with_packages() -> None:
    config = render()
    assert config["networking"] == {
        "apiServerAddress": "127.0.0.1", "podSubnet": "10.244.0.0/16", "serviceSubnet": "10.96.0.0/16", "disableDefaultCNI": True,
    }
    assert config["nodes"] == [{"role": "control-plane", "extraPortMappings": [
        {"containerPort": 30080, "hostPort": 8080, "listenAddress": "127.0.0.1"},
        {"containerPort": 30443, "hostPort": 8443, "listenAddress": "127.0.0.1"},
    ]}]
    assert kubeadm(config)["ClusterConfiguration"] == {
        "kind": "ClusterConfiguration", "imageRepository": "localhost/mlops-platform",
        "etcd": {"local": {"imageTag": "v3.6.8"}}, "dns": {"imageTag": "v1.14.3"},
    }
    assert kubeadm(config)["KubeletConfiguration"] == {"kind": "KubeletConfiguration", "serverTLSBootstrap": True, "failCgroupV1": False}


def test_configuration_with_released_images_on_cgroup_2() -> None:
    config = render(__cluster_kind_packages=False, cluster_kind_cgroup=2, bundle_artifacts={})
    assert config["networking"]["disableDefaultCNI"] is False
    assert kubeadm(config) == {"KubeletConfiguration": {"kind": "KubeletConfiguration", "serverTLSBootstrap": True}}


@pytest.mark.parametrize("workers", [2, "2"])  # a number on the command line is text
def test_workers(workers: int | str) -> None:
    assert [node["role"] for node in render(cluster_kind_workers=workers)["nodes"]] == ["control-plane", "worker", "worker"]


def test_no_ports_where_nothing_uses_them() -> None:
    assert render(platform_load_balancer="none")["nodes"] == [{"role": "control-plane"}]


def test_the_pod_network_is_the_contracts() -> None:
    inventory = yaml.safe_load((ROLE / "../../inventories/local/group_vars/all/contract.yml").read_text(encoding="utf-8"))
    declared = [trust_as_template(text) for text in inventory["platform_pod_networks"]]
    default = yaml.safe_load((ROLE / "defaults/main.yml").read_text(encoding="utf-8"))["cluster_kind_pod_network"]
    assert Templar(DataLoader(), variables={}).template(declared) == [default]
    assert Templar(DataLoader(), variables={"cluster_kind_pod_network": "10.1.0.0/16"}).template(declared) == ["10.1.0.0/16"]


def test_the_configuration_is_no_drift_of_itself() -> None:
    ports = (Port(6443, "127.0.0.1", 40001), Port(30080, "127.0.0.1", 8080), Port(30443, "127.0.0.1", 8443))
    node = Node("a-control-plane", "a", "control-plane", "image", True, ("mlops-a",), ports, ())
    assert plan.drift(plan.Wanted("a", "mlops-a", "image", render()), [node]) == []


@pytest.mark.parametrize(("line", "step"), [
    (" • Preparing nodes 📦   ...", "preparing nodes"),
    (" ✓ Preparing nodes 📦", ""),
    (" ✗ Starting control-plane 🕹️", ""),
    ("Have a nice day! 👋", ""),
    (" • ", ""),
])
def test_what_kind_says_is_told_in_plain_words(line: str, step: str) -> None:
    assert cluster._step(line) == step


def test_a_nodes_kubeconfig_becomes_one_for_this_machine() -> None:
    admin = {
        "clusters": [{"name": "a", "cluster": {"certificate-authority-data": "ca", "server": "https://a-control-plane:6443"}}],
        "users": [{"name": "kubernetes-admin", "user": {"client-certificate-data": "c", "client-key-data": "k"}}],
    }
    config = yaml.safe_load(cluster.exported(admin, "a", "https://127.0.0.1:40001"))
    assert config["clusters"] == [{"name": "kind-a", "cluster": {"certificate-authority-data": "ca", "server": "https://127.0.0.1:40001"}}]
    assert config["contexts"] == [{"name": "kind-a", "context": {"cluster": "kind-a", "user": "kind-a"}}]
    assert (config["users"][0]["name"], config["current-context"]) == ("kind-a", "kind-a")


def test_the_users_kubeconfig_keeps_what_is_the_users() -> None:
    own = {"clusters": [{"name": "own", "cluster": {}}], "users": [], "contexts": [], "current-context": "own"}
    both = kubeconfig.merged(own, CONFIG)
    assert [entry["name"] for entry in both["clusters"]] == ["own", "kind-a"]
    assert both["current-context"] == "own"
    assert kubeconfig.same(both, CONFIG, "kind-a")
    assert kubeconfig.merged(both, CONFIG) == both
    left = kubeconfig.without(both, "kind-a")
    assert {key: left[key] for key in own} == own


def test_an_empty_kubeconfig_gets_a_current_context_and_loses_it_again() -> None:
    assert kubeconfig.merged({}, CONFIG)["current-context"] == "kind-a"
    assert kubeconfig.without(kubeconfig.merged({}, CONFIG), "kind-a")["current-context"] == ""


def test_only_sections_that_are_there_are_touched() -> None:
    assert kubeconfig.without({}, "kind-a") == {}
    assert kubeconfig.without({"users": CONFIG["users"]}, "kind-a") == {"users": []}
    assert kubeconfig.has_entries({"users": CONFIG["users"]}, "kind-a") and not kubeconfig.has_entries({"clusters": None}, "kind-a")
    assert kubeconfig.holds_nothing(kubeconfig.without(kubeconfig.merged({}, CONFIG), "kind-a"))
    assert not kubeconfig.holds_nothing({"current-context": "own"})


def test_another_server_is_not_the_same() -> None:
    moved = {**CONFIG, "clusters": [{"name": "kind-a", "cluster": {"server": "https://127.0.0.1:2"}}]}
    assert not kubeconfig.same(moved, CONFIG, "kind-a")
    assert not kubeconfig.same({}, CONFIG, "kind-a")


def test_a_kubeconfig_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state/a/kubeconfig"
    path.parent.parent.mkdir()
    kubeconfig.write(str(path), "text")
    kubeconfig.write(str(path), "new")
    assert (path.read_text(), path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == ("new", 0o600, 0o700)
    assert os.listdir(path.parent) == ["kubeconfig"]


def test_folders_belong_to_the_owner_of_the_one_they_are_made_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "chown", lambda path, user, group: given.update({os.path.basename(str(path)): (user, group)}))
    kubeconfig.write(str(tmp_path / ".local/state/a/kubeconfig"), "text")
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert given == dict.fromkeys([".local", "state", "a", f"kubeconfig.{os.getpid()}"], owner)


@pytest.mark.parametrize("text", [None, "", "[]", "a: [", "\xff"])
def test_what_is_no_kubeconfig_counts_as_empty(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    assert kubeconfig.read(str(path)) == {}


def test_two_runs_meet(tmp_path: Path) -> None:
    said: list[str] = []
    order: list[str] = []
    held, go = threading.Event(), threading.Event()

    def first() -> None:
        with cluster.alone(str(tmp_path), "a", said.append, 10):
            held.set()
            go.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    with pytest.raises(KindError, match="another run has been working on the cluster a"), cluster.alone(str(tmp_path), "a", said.append, 0):
        pass
    go.set()
    with cluster.alone(str(tmp_path), "a", said.append, 10):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


class Program:
    """Stands in for podman: no node, no network, and a memory of what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __call__(self, command: list[str], **_options: object) -> Result:
        self.told.append(" ".join(command[1:]))
        return Result(0 if command[1:3] in (["network", "create"], ["network", "ls"]) or command[1] == "ps" else 125, "", "Error: no such thing")


def test_what_kind_complains_of_is_the_first_thing_said(tmp_path: Path) -> None:
    kind = tmp_path / "kind"
    kind.write_text(
        "#!/bin/sh\n"
        'cat >"$0.config"; echo "$@ $KIND_EXPERIMENTAL_PROVIDER $KIND_EXPERIMENTAL_PODMAN_NETWORK" >"$0.called"\n'
        "echo ' • Preparing nodes 📦   ...'; echo 'ERROR: failed to create cluster' >&2\n"
        "echo 'Command Output: Error: cannot listen on the TCP port: address already in use' >&2; exit 1\n"
    )
    kind.chmod(0o755)
    program, said = Program(), list[str]()
    settings = cluster.Settings(str(kind), str(tmp_path / "state/kubeconfig"), wait=20)
    work = cluster.Cluster(Engine("podman", runner=program), plan.Wanted("a", "mlops-a", "image:v1", render()), settings, said.append)
    with pytest.raises(KindError) as failure:
        work.present(check=False)
    assert str(failure.value).startswith(
        "kind could not create the cluster a on podman: cannot listen on the TCP port: address already in use. What was made of it is removed;"
    )
    assert said == ["cluster a: create network mlops-a", "cluster a: preparing nodes (0 s)"]
    assert yaml.safe_load((tmp_path / "kind.config").read_text()) == render()
    called = (tmp_path / "kind.called").read_text()
    assert called.startswith("create cluster --name a --image image:v1 --config - --wait 0s --kubeconfig ")
    assert called.endswith(" podman mlops-a\n")


def test_check_mode_tells_the_plan_and_does_nothing(tmp_path: Path) -> None:
    program = Program()
    settings = cluster.Settings("/no/kind", str(tmp_path / "state/kubeconfig"), guard=("10.96.0.0/16",))
    work = cluster.Cluster(Engine("podman", runner=program), plan.Wanted("a", "mlops-a", "image:v1", render()), settings, print)
    assert [str(action) for action in work.present(check=True)] == ["create network mlops-a", "guard mlops-a", "create a"]
    assert not any("create" in line for line in program.told)
    assert not (tmp_path / "state").exists()


class OneNode(Program):
    """Stands in for podman with one running node of a cluster that somebody made."""

    ADMIN = {
        "clusters": [{"name": "a", "cluster": {"server": "https://a-control-plane:6443"}}],
        "users": [{"name": "kubernetes-admin", "user": {"token": "t"}}],
    }
    NODE = [{
        "Name": "a-control-plane", "State": {"Running": True}, "NetworkSettings": {"Networks": {"kind": {}}},
        "Config": {"Labels": {"io.x-k8s.kind.cluster": "a", "io.x-k8s.kind.role": "control-plane"}},
        "HostConfig": {"PortBindings": {"6443/tcp": [{"HostIp": "127.0.0.1", "HostPort": "40001"}]}},
    }]

    def __call__(self, command: list[str], **_options: object) -> Result:
        super().__call__(command)
        answers = {"ps": "1\n", "container": json.dumps(self.NODE), "exec": yaml.safe_dump(self.ADMIN), "network": "", "volume": "[]"}
        return Result(0, answers[command[1]], "")


@pytest.mark.parametrize("own", ["", "clusters: [{name: own, cluster: {}}]\n"])
def test_entries_in_the_users_kubeconfig_are_removed_wherever_they_were_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    monkeypatch.setattr(cluster, "read_contract", lambda *_arguments: {})
    monkeypatch.setattr(cluster.guards, "current", lambda: None)
    user, state = tmp_path / "user/config", tmp_path / "state/a/kubeconfig"
    user.parent.mkdir()
    if own:
        user.write_text(own)

    def work(merge_into: str) -> cluster.Cluster:
        settings = cluster.Settings("/no/kind", str(state), merge_into=merge_into)
        return cluster.Cluster(Engine("podman", runner=OneNode()), plan.Wanted("a", "mlops-a", "image:v1", {}, adopt=True), settings, print)

    assert f"merge into {user}" in map(str, work(str(user)).present(check=False))
    assert work(str(user)).present(check=False) == []
    assert [item.where for item in residue.of_kubeconfigs(cluster.merged_into(str(state)), "a")] == [str(user)]
    done = [str(action) for action in work("").absent(check=False)]  # nobody says again where they are
    assert f"remove entries from {user}" in done and f"remove file {state}" in done
    assert os.listdir(state.parent) == []
    assert (yaml.safe_load(user.read_text())["clusters"] == [{"name": "own", "cluster": {}}]) if own else not user.exists()
    assert work(str(user)).absent(check=False) == [] and user.exists() is bool(own)


COREFILE = """.:53 {
    errors
    kubernetes cluster.local
}
"""


def test_names_of_domains_are_answered() -> None:
    names = [{"domain": "mlops.localhost", "service": "gateway.gateway-system.svc.cluster.local"}]
    made = with_dns_names(COREFILE, names)
    assert r"    rewrite name regex ^(.*\.)?mlops\.localhost\.$ gateway.gateway-system.svc.cluster.local. answer auto" in made.splitlines()
    assert with_dns_names(made, names) == made
    assert with_dns_names(made, [{**names[0], "domain": "other.example"}]).count("rewrite") == 1
    assert with_dns_names(made, []) == COREFILE


@pytest.mark.parametrize(("corefile", "domain"), [("other:53 {\n}\n", "a.b"), (COREFILE, "a b"), (COREFILE, "a.b\n} evil {")])
def test_what_would_break_the_corefile_is_refused(corefile: str, domain: str) -> None:
    with pytest.raises(AnsibleFilterError):
        with_dns_names(corefile, [{"domain": domain, "service": "s.svc"}])


@pytest.mark.parametrize("name", ["kube-router", "local-path-provisioner", "metrics-server"])
def test_addons_are_valid_objects(name: str) -> None:
    images = {image: f"localhost/mlops-platform/{image}:v1" for image in ("kube-router", "local-path-provisioner", "metrics-server")}
    text = (ROLE / f"templates/{name}.yml.j2").read_text(encoding="utf-8")
    rendered = Templar(DataLoader(), variables={**VARIABLES, "platform_images": images}).template(trust_as_template(text))
    objects = [document for document in yaml.safe_load_all(rendered) if document]
    assert all(document["apiVersion"] and document["kind"] and document["metadata"]["name"] for document in objects)
    for document in objects:
        if document["kind"] == "ClusterRole":
            assert not any("*" in [*rule["verbs"], *rule["resources"]] for rule in document["rules"])
        if document["kind"] in ("Deployment", "DaemonSet"):
            for container in document["spec"]["template"]["spec"]["containers"]:
                assert container["resources"]["requests"], container["name"]
                assert container["image"] == images[name]
