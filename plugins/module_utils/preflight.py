# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine must have before anything is changed on it: facts are gathered here and judged by a pure function."""

from __future__ import annotations

import difflib
import ipaddress
import os
import platform
import re
import shutil
import socket
import sys
import typing as t

from .kind.command import run
from .kind.engine import Engine
from .kind.host import HostFacts, choose_engine
from .kind.names import NAME_RULE, PROVIDERS, valid

GIB = 1024**3
# Filesystems of /proc/filesystems and files that show a kernel feature, with what it is needed for.
KERNEL_FEATURES = {
    "overlayfs": ("filesystem", "overlay", "layers of container images"),
    "network namespaces": ("path", "/proc/self/ns/net", "one network a pod"),
    "PID namespaces": ("path", "/proc/self/ns/pid", "containers"),
    "cgroup namespaces": ("path", "/proc/self/ns/cgroup", "a node of its own cgroups"),
}
CGROUP_CONTROLLERS = ("cpu", "memory", "pids")
ENGINE_FOLDERS = {"podman": "/var/lib/containers", "docker": "/var/lib/docker"}
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_DOMAIN = 200  # what is left of 253 characters when names are put before it
NAMED = 3  # artefacts still to be built that a message names


class Facts(t.NamedTuple):
    """What was found on the machine.

    :ivar memory: bytes of RAM.
    :ivar cores: processors this process may use.
    :ivar disks: free bytes by purpose and folder, ``{"the cache": ("/root/.cache", 123)}``.
    :ivar busy_ports: ports of 127.0.0.1 somebody listens on, with what is known of the listener.
    :ivar privileged: root's rights can be had.
    """

    architecture: str
    distribution: str
    python: tuple[int, int]
    memory: int
    cores: int
    disks: dict[str, tuple[str, int]]
    busy_ports: dict[int, str]
    privileged: bool
    engines: list[str]
    apt: bool
    missing_features: list[str]
    missing_controllers: list[str]


class Requirements(t.NamedTuple):
    """What the platform needs. Sizes are in GiB.

    :ivar to_build: what has to be built yet.
    """

    name: str
    memory: float
    cores: int
    disk: float
    engine: str
    source: str
    to_build: list[str]


def evaluate(facts: Facts, need: Requirements) -> list[str]:
    """Every problem in words a user can act on; pure."""
    problems = []
    if not valid(need.name):
        problems.append(f"platform_name is '{need.name}': {NAME_RULE}.")
    if need.source == "packages" and facts.architecture != "x86_64":
        problems.append(
            f"The processor is {facts.architecture}; programs from package registries exist for x86_64 only: "
            "use an x86_64 machine, or platform_source=upstream."
        )
    if facts.python < (3, 11):
        problems.append(f"Python is {facts.python[0]}.{facts.python[1]}; 3.11 or newer is needed: install it and run 'make venv' again.")
    if facts.memory < need.memory * GIB:
        problems.append(
            f"Memory is {facts.memory / GIB:.1f} GiB; {need.memory:g} GiB are needed: add memory, or lower preflight_memory_gib at your own risk."
        )
    if facts.cores < need.cores:
        problems.append(f"There {'is' if facts.cores == 1 else 'are'} {facts.cores} processor core(s); {need.cores} are needed (preflight_cores): add cores.")
    for purpose, (folder, free) in facts.disks.items():
        if free < need.disk * GIB:
            problems.append(
                f"{folder} ({purpose}) has {free / GIB:.1f} GiB free; {need.disk:g} GiB are needed "
                f"({_why_so_much(need)}): free space there"
                f"{' or set platform_cache_dir to a larger disk' if purpose == 'the cache' else ''}."
            )
    for port, holder in sorted(facts.busy_ports.items()):
        problems.append(
            f"Port {port} of 127.0.0.1 is in use{f' by {holder}' if holder else ''}: stop that program, "
            "or choose another port (platform_http_port, platform_https_port)."
        )
    if not facts.privileged:
        problems.append("You are not root and sudo does not let you become root: run as root, allow sudo without a password, or pass --ask-become-pass.")
    if need.engine in PROVIDERS and need.engine not in facts.engines and not (need.engine == "podman" and facts.apt):
        problems.append(f"{need.engine} does not answer, and cluster_kind_engine asks for it: start or install it, or set cluster_kind_engine to auto.")
    if not facts.engines and not facts.apt:
        problems.append(f"There is no container engine, and {facts.distribution} has no apt to install podman with: install podman or docker.")
    if need.source == "packages" and not facts.apt:
        problems.append(f"{facts.distribution} has no apt; root file systems are made of Debian packages: use Debian or Ubuntu, or platform_source=upstream.")
    for name in facts.missing_features:
        problems.append(f"The kernel has no {name} ({KERNEL_FEATURES[name][2]}): load its module (modprobe) or use a kernel that has it.")
    if facts.missing_controllers:
        problems.append(
            f"The kernel offers no cgroup controller {', '.join(facts.missing_controllers)} (limits of pods): enable it on the kernel's command line."
        )
    return problems


def _why_so_much(need: Requirements) -> str:
    if not need.to_build:
        return "preflight_disk_gib"
    more = len(need.to_build) - NAMED
    return f"preflight_disk_gib_build, for {', '.join(need.to_build[:NAMED])}{f' and {more} more' if more > 0 else ''} must be built"


def misspelled(names: t.Iterable[str], known: t.Iterable[str], prefixes: t.Iterable[str]) -> list[str]:
    """Variables that look like the platform's and are none, each with the nearest that is; pure."""
    right = set(known)
    starts = tuple(f"{prefix}_" for prefix in prefixes)
    problems = []
    for name in sorted(set(names) - right):
        if name.startswith(starts):
            near = difflib.get_close_matches(name, right, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else "see docs/roles for all variables."
            problems.append(f"Variable {name} is not one of the platform's: {hint} Correct or remove it in the inventory or on the command line.")
    return problems


def addresses(domain: str, ports: list[int], found: list[str] | None) -> list[str]:
    """What is wrong with where people shall find the platform; pure.

    :param ports: of HTTP and HTTPS.
    :param found: addresses that names below the domain have on this machine, ``None`` where that is nobody's business.
    """
    problems = []
    if DOMAIN.fullmatch(domain) is None or len(domain) > LONGEST_DOMAIN:
        problems.append(
            f"platform_domain is '{domain}': it must be a DNS name of two parts or more in lower-case letters, digits and -, such as mlops.localhost."
        )
    elif found is not None and not any(ipaddress.ip_address(address).is_loopback for address in found):
        where = f"lead to {', '.join(found)}, not to 127.0.0.1" if found else "do not resolve here"
        problems.append(
            f"Names below platform_domain {where} (tried: keycloak.{domain}): have your DNS or /etc/hosts answer 127.0.0.1, "
            "or take a domain below localhost, such as mlops.localhost."
        )
    if any(not 0 < port < 65536 for port in ports):
        problems.append(f"platform_http_port and platform_https_port are {' and '.join(map(str, ports))}: ports are 1 to 65535: correct them.")
    elif len(set(ports)) < len(ports):
        problems.append(f"platform_http_port and platform_https_port are both {ports[0]}: choose two different ones.")
    return problems


def addresses_of(name: str) -> list[str]:
    """What a name resolves to on this machine; empty for nothing."""
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []


def _existing(folder: str) -> str:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _listener(port: int) -> str | None:
    """Who listens on a port of loopback: a name, an empty string when unknown, ``None`` when nobody does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return None
        except PermissionError:
            return None  # below 1024 and not root: the engine binds it, not we
        except OSError:
            pass
    out = run(["ss", "-Hltnp", f"sport = :{port}"], timeout=5).out
    return out.split('"')[1] if '"' in out else ""


def _missing_features() -> list[str]:
    with open("/proc/filesystems", encoding="ascii") as stream:
        filesystems = stream.read().split()
    missing = []
    for name, (kind, what, _why) in KERNEL_FEATURES.items():
        present = what in filesystems or run(["modprobe", "--dry-run", what], timeout=10).ok if kind == "filesystem" else os.path.exists(what)
        if not present:
            missing.append(name)
    return missing


def _missing_controllers() -> list[str]:
    try:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as stream:
            offered = set(stream.read().split())
    except OSError:  # version 1, alone or beside an empty version 2
        with open("/proc/cgroups", encoding="ascii") as stream:
            rows = [line.split() for line in stream if not line.startswith("#")]
        offered = {row[0] for row in rows if row[3] == "1"}
    return [name for name in CGROUP_CONTROLLERS if name not in offered]


def own_ports(name: str) -> set[int]:
    """Ports of this machine that running nodes of the cluster of this name hold. Only root sees them."""
    if os.geteuid() != 0 or not valid(name):
        return set()
    found = [node for provider in PROVIDERS if shutil.which(provider) for node in Engine(provider).nodes(name)]
    return {port.host for node in found if node.running for port in node.ports}


def engine_folder(engine: str, source: str, docker_folder: str) -> str:
    """Where images and volumes will be.

    :param docker_folder: of a docker that answers; empty for none.
    """
    chosen = choose_engine(engine, source, HostFacts(docker=docker_folder))
    return docker_folder if chosen == "docker" and docker_folder else ENGINE_FOLDERS.get(chosen, ENGINE_FOLDERS["podman"])


def gather(need: Requirements, folders: dict[str, str], ports: list[int], privileged: bool) -> Facts:
    """Looks at this machine and changes nothing.

    :param folders: folders whose disk is measured, by purpose; the nearest that exists counts, the engine's own for an empty one.
    :param ports: ports of 127.0.0.1 that must be free, or the platform's own.
    :param privileged: root's rights can be had.
    """
    with open("/proc/meminfo", encoding="ascii") as stream:
        memory = int(next(line for line in stream if line.startswith("MemTotal")).split()[1]) * 1024
    try:
        distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "this system")
    except OSError:
        distribution = "this system"
    docker = run(["docker", "info", "--format", "{{.DockerRootDir}}"], timeout=10)
    docker_folder = docker.out.strip() if docker.ok else ""
    places = {purpose: folder or engine_folder(need.engine, need.source, docker_folder) for purpose, folder in folders.items()}
    busy = {port: holder for port in ports if (holder := _listener(port)) is not None}
    own = own_ports(need.name) if busy else set()
    return Facts(
        architecture=platform.machine(),
        distribution=distribution,
        python=sys.version_info[:2],
        memory=memory,
        cores=len(os.sched_getaffinity(0)),
        disks={purpose: (folder, shutil.disk_usage(_existing(folder)).free) for purpose, folder in places.items()},
        busy_ports={port: holder for port, holder in busy.items() if port not in own},
        privileged=privileged,
        engines=[name for name, found in (("podman", shutil.which("podman")), ("docker", docker_folder)) if found],
        apt=shutil.which("apt-get") is not None,
        missing_features=_missing_features(),
        missing_controllers=_missing_controllers(),
    )
