# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine needs before kind can make a cluster on it: a pure decision from facts, and the facts."""

from __future__ import annotations

import os
import re
import resource
import typing as t

from .command import KindError, Run, run

OLDEST_PODMAN = (4, 0)
CONMON_PROCESSES = 32768  # conmon's own hard limit of processes
CAP_SYS_RESOURCE = 24
# Debian and Ubuntu, by engine. netavark of Debian 12 calls iptables.
PACKAGES = {
    "podman": ("podman", "netavark", "aardvark-dns", "iptables", "nftables", "uidmap"),
    "docker": ("nftables",),
}


class HostFacts(t.NamedTuple):
    """What is known of the machine.

    :ivar cgroup: version of the cgroup hierarchy that containers get, 1 or 2; a hybrid counts as 1.
    :ivar systemd: systemd is PID 1.
    :ivar podman: version; empty when it is not installed.
    :ivar docker: version of its server; empty when it does not answer.
    :ivar sys_resource: limits may be raised (CAP_SYS_RESOURCE).
    :ivar open_files: hard limit of open files.
    :ivar processes: hard limit of processes.
    :ivar runc: it is installed.
    :ivar nft: it is installed.
    :ivar helpers: podman's helpers for networks and names are installed.
    :ivar apt: packages can be installed with apt.
    """

    cgroup: int = 2
    systemd: bool = True
    podman: str = ""
    docker: str = ""
    sys_resource: bool = True
    open_files: int = 1048576
    processes: int = 65536
    runc: bool = True
    nft: bool = True
    helpers: bool = True
    apt: bool = True


class Decision(t.NamedTuple):
    """What follows from the facts.

    :ivar engine: ``podman`` or ``docker``.
    :ivar packages: what has to be installed first.
    :ivar containers_conf: settings for podman by section; none for docker.
    :ivar reasons: why each of these settings is needed.
    """

    engine: str
    packages: tuple[str, ...]
    containers_conf: dict[str, dict[str, t.Any]]
    reasons: tuple[str, ...]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def choose_engine(declared: str, source: str, facts: HostFacts, holder: str = "") -> str:
    """The engine: the one that has the cluster already, else the declared one, else what suits the source.

    :param holder: engine that has a cluster of this name; empty for none.
    :raises KindError: when the cluster is in another engine than the declared one.
    """
    if holder:
        if declared not in ("auto", holder):
            raise KindError(
                f"cluster_kind_engine is {declared}, but the cluster is in {holder}: set cluster_kind_engine to {holder} or auto, "
                "or remove the cluster (make down) and make it anew"
            )
        return holder
    if declared != "auto":
        return declared
    # Images are built with podman; a running docker is taken only where nothing is built.
    return "docker" if source == "upstream" and facts.docker else "podman"


def decide(declared: str, source: str, facts: HostFacts, holder: str = "") -> Decision:
    """What the machine needs.

    :raises KindError: when it cannot have it.
    """
    engine = choose_engine(declared, source, facts, holder)
    if engine == "docker" and not facts.docker:
        raise KindError("docker was chosen but its daemon does not answer: start it, install it, or set cluster_kind_engine to podman")
    if engine == "podman" and facts.podman and version(facts.podman) < OLDEST_PODMAN:
        oldest = ".".join(map(str, OLDEST_PODMAN))
        raise KindError(f"podman {facts.podman} is too old: {oldest} or later is needed; upgrade it or set cluster_kind_engine to docker")
    packages = _packages(engine, facts)
    if packages and not facts.apt:
        raise KindError(f"these programs are needed and this machine has no apt to install them with: {', '.join(packages)}; install them and run again")
    if engine == "docker":
        return Decision(engine, packages, {}, ())
    settings, reasons = _containers_conf(facts)
    return Decision(engine, packages, settings, reasons)


def _packages(engine: str, facts: HostFacts) -> tuple[str, ...]:
    if engine == "podman":
        packages = PACKAGES["podman"] if not (facts.podman and facts.helpers and facts.nft) else ()
        return (*packages, "runc") if facts.cgroup == 1 and not facts.runc else packages
    return () if facts.nft else PACKAGES["docker"]


def _containers_conf(facts: HostFacts) -> tuple[dict[str, dict[str, t.Any]], tuple[str, ...]]:
    containers: dict[str, t.Any] = {"pids_limit": 0}
    network: dict[str, t.Any] = {"network_backend": "netavark"}
    engine: dict[str, t.Any] = {"stop_timeout": 5}
    reasons = [
        "pids_limit: a node holds more processes than podman's limit for one container",
        "network_backend: nodes find each other by name, which needs netavark with aardvark-dns",
        "stop_timeout: processes in pods do not heed systemd's signal to end",
    ]
    if facts.cgroup == 1:
        engine["runtime"] = "runc"
        reasons.append("runtime: crun does not start containers on cgroup v1 beside v2")
    if not facts.systemd:
        engine.update(cgroup_manager="cgroupfs", events_logger="file")
        reasons.append("cgroup_manager, events_logger: systemd and its journal are not running here")
    if not facts.sys_resource:
        files, processes = facts.open_files, min(facts.processes, CONMON_PROCESSES)
        containers["default_ulimits"] = [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]
        reasons.append("default_ulimits: without CAP_SYS_RESOURCE limits cannot be raised to podman's defaults")
    return {"containers": containers, "network": network, "engine": engine}, tuple(reasons)


def overlay(base: dict[str, t.Any], over: dict[str, t.Any]) -> dict[str, t.Any]:
    """The administrator's settings with ours over them, table by table."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = overlay(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return result


def to_toml(settings: dict[str, t.Any], path: tuple[str, ...] = ()) -> str:
    """TOML of what containers.conf can hold: tables of text, numbers, switches and lists."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    lines = [f"[{'.'.join(map(_key, path))}]"] if path and (plain or not settings) else []
    lines += [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    text = "".join(f"{line}\n" for line in lines)
    return text + "".join(to_toml(value, (*path, key)) for key, value in settings.items() if isinstance(value, dict))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def administrators_settings(root: str = "/") -> dict[str, t.Any]:
    """What containers.conf of this machine says; the file named by CONTAINERS_CONF would hide it, so it is laid under ours."""
    try:
        import tomllib
    except ImportError:
        return {}
    folder = os.path.join(root, "etc/containers")
    extra = os.path.join(folder, "containers.conf.d")
    files = [os.path.join(root, "usr/share/containers/containers.conf"), os.path.join(folder, "containers.conf")]
    files += sorted(os.path.join(extra, name) for name in (os.listdir(extra) if os.path.isdir(extra) else ()) if name.endswith(".conf"))
    settings: dict[str, t.Any] = {}
    for path in files:
        try:
            settings = overlay(settings, tomllib.loads(_read(path)))
        except tomllib.TOMLDecodeError as exc:
            raise KindError(f"{path} is not valid TOML ({exc}): podman itself would fail on it; mend it") from exc
    return settings


def gather(runner: Run = run, root: str = "/") -> HostFacts:
    """The facts of this machine."""
    def installed(name: str) -> bool:
        return any(os.access(os.path.join(root, folder, name), os.X_OK) for folder in ("usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"))

    podman = runner(["podman", "version", "--format", "{{.Client.Version}}"], timeout=20)
    docker = runner(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20)
    status = _read(os.path.join(root, "proc/self/status"))
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    files, processes = resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return HostFacts(
        cgroup=2 if os.path.exists(os.path.join(root, "sys/fs/cgroup/cgroup.controllers")) else 1,
        systemd=_read(os.path.join(root, "proc/1/comm")).strip() == "systemd",
        podman=podman.out.strip() if podman.ok else "",
        docker=docker.out.strip() if docker.ok else "",
        sys_resource=bool(effective and int(effective.group(1), 16) >> CAP_SYS_RESOURCE & 1),
        open_files=files if files != resource.RLIM_INFINITY else 1048576,
        processes=processes if processes != resource.RLIM_INFINITY else CONMON_PROCESSES,
        runc=installed("runc"),
        nft=installed("nft"),
        helpers=all(
            any(os.path.exists(os.path.join(root, folder, name)) for folder in ("usr/lib/podman", "usr/libexec/podman", "usr/bin"))
            for name in ("netavark", "aardvark-dns")
        ),
        apt=installed("apt-get"),
    )
