# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the facts of a machine, for machines of several kinds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kind import host, settings
from ansible_collections.mlops.platform.plugins.module_utils.kind.command import KindError, Result

COMMON = {"containers": {"pids_limit": 0}, "network": {"network_backend": "netavark"}, "engine": {"stop_timeout": 5}}

HYBRID_VM = host.HostFacts(cgroup=1, systemd=False, podman="4.3.1", sys_resource=False, open_files=20000, processes=96365)
DEBIAN_12 = host.HostFacts(podman="4.3.1")
DEBIAN_12_BARE = host.HostFacts(runc=False, nft=False, helpers=False)
UBUNTU_2404_DOCKER = host.HostFacts(podman="", helpers=False, docker="28.5.1")
CGROUP_1_SYSTEMD = host.HostFacts(cgroup=1, podman="4.9.3", runc=False)
OLD_PODMAN = host.HostFacts(podman="3.4.4")
PODMAN = ("podman", "netavark", "aardvark-dns", "iptables", "nftables", "uidmap")


@pytest.mark.parametrize(("facts", "source", "engine", "packages", "conf"), [
    pytest.param(HYBRID_VM, "packages", "podman", (), {
        "containers": {"pids_limit": 0, "default_ulimits": ["nofile=20000:20000", "nproc=32768:32768"]},
        "network": {"network_backend": "netavark"},
        "engine": {"stop_timeout": 5, "runtime": "runc", "cgroup_manager": "cgroupfs", "events_logger": "file"},
    }, id="cgroup v1 beside v2, no systemd, no CAP_SYS_RESOURCE"),
    pytest.param(DEBIAN_12, "packages", "podman", (), COMMON, id="Debian 12, podman there"),
    pytest.param(DEBIAN_12_BARE, "packages", "podman", PODMAN, COMMON, id="Debian 12, bare"),
    pytest.param(UBUNTU_2404_DOCKER, "upstream", "docker", (), {}, id="Ubuntu 24.04 with docker, released images"),
    pytest.param(UBUNTU_2404_DOCKER, "packages", "podman", PODMAN, COMMON, id="Ubuntu 24.04 with docker, images built here"),
    pytest.param(UBUNTU_2404_DOCKER._replace(nft=False), "upstream", "docker", ("nftables",), {}, id="docker without nft"),
    pytest.param(CGROUP_1_SYSTEMD, "packages", "podman", ("runc",),
                 {**COMMON, "engine": {"stop_timeout": 5, "runtime": "runc"}}, id="cgroup v1 with systemd"),
])
def test_decide(facts: host.HostFacts, source: str, engine: str, packages: tuple[str, ...], conf: dict) -> None:
    decision = host.decide("auto", source, facts)
    assert (decision.engine, decision.packages, decision.containers_conf) == (engine, packages, conf)
    assert bool(decision.reasons) is bool(conf)


def test_every_setting_has_a_reason() -> None:
    decision = host.decide("auto", "packages", HYBRID_VM)
    explained = " ".join(reason.partition(":")[0] for reason in decision.reasons)
    for section in decision.containers_conf.values():
        for name in section:
            assert name in explained


@pytest.mark.parametrize(("declared", "facts", "says"), [
    ("docker", DEBIAN_12, "daemon does not answer"),
    ("auto", OLD_PODMAN, "podman 3.4.4 is too old: 4.0"),
    ("auto", DEBIAN_12_BARE._replace(apt=False), "no apt"),
])
def test_what_cannot_be(declared: str, facts: host.HostFacts, says: str) -> None:
    with pytest.raises(KindError, match=says):
        host.decide(declared, "packages", facts)


def test_a_cluster_stays_in_its_engine() -> None:
    both = host.HostFacts(podman="5.4.2", docker="28.5.1")
    assert host.choose_engine("auto", "upstream", both, holder="podman") == "podman"
    assert host.choose_engine("auto", "upstream", both) == "docker"
    assert host.choose_engine("podman", "upstream", both) == "podman"
    with pytest.raises(KindError, match="the cluster is in podman"):
        host.choose_engine("docker", "packages", both, holder="podman")


def test_the_administrators_settings_stay_below_ours(tmp_path: Path) -> None:
    folder = tmp_path / "etc/containers"
    (folder / "containers.conf.d").mkdir(parents=True)
    (folder / "containers.conf").write_text(
        '[containers]\npids_limit = 100\nenv = ["A=\\"b\\""]\n[engine]\nhttp_proxy = true\n[engine.runtimes]\nkata = ["/k"]\n'
    )
    (folder / "containers.conf.d/z.conf").write_text("[engine]\nretry = 7\n")
    merged = host.overlay(host.administrators_settings(str(tmp_path)), COMMON)
    assert merged == tomllib.loads(host.to_toml(merged))
    assert merged["containers"] == {"pids_limit": 0, "env": ['A="b"']}
    assert merged["engine"] == {"http_proxy": True, "runtimes": {"kata": ["/k"]}, "retry": 7, "stop_timeout": 5}


def test_broken_settings_of_the_administrator_are_named(tmp_path: Path) -> None:
    (tmp_path / "etc/containers").mkdir(parents=True)
    (tmp_path / "etc/containers/containers.conf").write_text("[containers\n")
    with pytest.raises(KindError, match=r"containers\.conf is not valid TOML"):
        host.administrators_settings(str(tmp_path))


def fake_root(root: Path, *, cgroup2: bool, init: str, capabilities: str) -> None:
    for path, text in {
        "proc/1/comm": f"{init}\n", "proc/self/status": f"Name:\tx\nCapEff:\t{capabilities}\n",
        "usr/bin/apt-get": "", "usr/sbin/nft": "", "usr/bin/runc": "", "usr/lib/podman/netavark": "", "usr/lib/podman/aardvark-dns": "",
        "sys/fs/cgroup/" + ("cgroup.controllers" if cgroup2 else "unified/cgroup.controllers"): "cpu\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o755)


@pytest.mark.parametrize(("cgroup2", "init", "capabilities", "expected"), [
    (False, "tini", "000001fffeffffff", (1, False, False)),
    (True, "systemd", "000001ffffffffff", (2, True, True)),
])
def test_facts_are_read(tmp_path: Path, cgroup2: bool, init: str, capabilities: str, expected: tuple) -> None:
    fake_root(tmp_path, cgroup2=cgroup2, init=init, capabilities=capabilities)

    def runner(command: list[str], **_options: object) -> Result:
        return Result(0, "4.3.1\n", "") if command[0] == "podman" else Result(127, "", "docker is not installed")

    facts = host.gather(runner, str(tmp_path))
    assert (facts.cgroup, facts.systemd, facts.sys_resource) == expected
    assert (facts.podman, facts.docker, facts.runc, facts.nft, facts.helpers, facts.apt) == ("4.3.1", "", True, True, True, True)


def test_sysctls_are_raised_never_lowered() -> None:
    current = {"a.b": "5", "c.d": "1 2 3", "e.f": "10"}
    assert settings.raised(current, {"a.b": 10, "c.d": 1, "e.f": 3, "not.here": 1}) == [settings.Change("a.b", "5", "10")]


def test_the_first_record_stays() -> None:
    first = settings.recorded(settings.EMPTY, {"a": "1"}, ["/lib/modules"], ["podman"])
    later = settings.recorded(first, {"a": "9", "b": "2"}, ["/lib/modules", "/x"], ["podman", "mmdebstrap"])
    assert later == settings.Record({"a": "1", "b": "2"}, ["/lib/modules", "/x"], ["podman", "mmdebstrap"])
    assert settings.restored(later, {"a": "9", "b": "2", "c": "3"}) == [settings.Change("a", "9", "1")]


def test_only_packages_that_are_missing_are_about_to_be_installed() -> None:
    states = {"podman": Result(0, "installed", ""), "runc": Result(0, "config-files", ""), "nftables": Result(1, "", "no packages found")}
    assert settings.not_installed(states, lambda command, **_options: states[command[-1]]) == ["runc", "nftables"]


def test_sysctls_and_the_record_are_kept_in_files(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "proc/sys/net/ipv4/ip_forward").write_text("0\n")
    assert settings.read_sysctls(["net.ipv4.ip_forward", "no.such"], str(tmp_path)) == {"net.ipv4.ip_forward": "0"}
    settings.write_sysctl("net.ipv4.ip_forward", "1", str(tmp_path))
    assert settings.read_sysctls(["net.ipv4.ip_forward"], str(tmp_path)) == {"net.ipv4.ip_forward": "1"}
    with pytest.raises(KindError, match="run with become"):
        settings.write_sysctl("no.such", "1", str(tmp_path))
    record = settings.Record({"net.ipv4.ip_forward": "0"}, ["/lib/modules"], ["podman"])
    (tmp_path / "record.json").write_text(settings.to_json(record))
    assert settings.read_record(str(tmp_path / "record.json")) == record
    assert settings.read_record(str(tmp_path / "none.json")) == settings.EMPTY
    (tmp_path / "old.json").write_text('{"sysctls": {}, "folders": []}')
    assert settings.read_record(str(tmp_path / "old.json")) == settings.EMPTY
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(KindError, match="cannot be read"):
        settings.read_record(str(tmp_path / "record.json"))
