# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine must have before anything is changed on it: facts are gathered here and judged by a pure function."""

from __future__ import annotations

import difflib
import os
import platform
import shutil
import socket
import subprocess
import sys
import typing as t

GIB = 1024**3
# Filesystems of /proc/filesystems and files that show a kernel feature, with what it is needed for.
KERNEL_FEATURES = {
    "overlayfs": ("filesystem", "overlay", "layers of container images"),
    "network namespaces": ("path", "/proc/self/ns/net", "one network a pod"),
    "PID namespaces": ("path", "/proc/self/ns/pid", "containers"),
    "cgroup namespaces": ("path", "/proc/self/ns/cgroup", "a node of its own cgroups"),
}
CGROUP_CONTROLLERS = ("cpu", "memory", "pids")


class Facts(t.NamedTuple):
    """What was found on the machine.

    :ivar memory: bytes of RAM.
    :ivar cores: processors this process may use.
    :ivar disks: free bytes by purpose and folder, ``{"the cache": ("/root/.cache", 123)}``.
    :ivar busy_ports: ports of 127.0.0.1 somebody listens on, with what is known of the listener.
    """

    architecture: str
    distribution: str
    python: tuple[int, int]
    memory: int
    cores: int
    disks: dict[str, tuple[str, int]]
    busy_ports: dict[int, str]
    root: bool
    sudo: bool
    engines: list[str]
    apt: bool
    missing_features: list[str]
    missing_controllers: list[str]


class Requirements(t.NamedTuple):
    """What the platform needs. Sizes are in GiB."""

    memory: float
    cores: int
    disk: float
    engine: str
    source: str
    bundled: bool


def evaluate(facts: Facts, need: Requirements) -> list[str]:
    """Every problem in words a user can act on; pure."""
    problems = []
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
                f"({'preflight_disk_gib' if need.bundled else 'preflight_disk_gib_build, nothing is built yet'}): free space there"
                f"{' or set platform_cache_dir to a larger disk' if purpose == 'the cache' else ''}."
            )
    for port, holder in sorted(facts.busy_ports.items()):
        problems.append(
            f"Port {port} of 127.0.0.1 is in use{f' by {holder}' if holder else ''}: stop that program, "
            "or choose another port (platform_http_port, platform_https_port)."
        )
    if not (facts.root or facts.sudo):
        problems.append("You are not root and may not use sudo without a password: run as root, allow sudo, or pass --ask-become-pass.")
    if need.engine != "auto" and need.engine not in facts.engines and not (need.engine == "podman" and facts.apt):
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


def misspelled(names: t.Iterable[str], known: t.Iterable[str], prefixes: t.Iterable[str]) -> list[str]:
    """Variables that look like the platform's and are none, each with the nearest that is; pure."""
    valid = set(known)
    starts = tuple(f"{prefix}_" for prefix in prefixes)
    problems = []
    for name in sorted(set(names) - valid):
        if name.startswith(starts):
            near = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else "see docs/roles for all variables."
            problems.append(f"Variable {name} is not one of the platform's: {hint} Correct or remove it in the inventory or on the command line.")
    return problems


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
    try:
        out = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, timeout=5, check=False).stdout
        return out.split('"')[1] if '"' in out else ""
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _answers(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _missing_features() -> list[str]:
    with open("/proc/filesystems", encoding="ascii") as stream:
        filesystems = stream.read().split()
    missing = []
    for name, (kind, what, _why) in KERNEL_FEATURES.items():
        present = what in filesystems or _answers(["modprobe", what]) if kind == "filesystem" else os.path.exists(what)
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


def gather(folders: dict[str, str], ports: list[int], node: str) -> Facts:
    """Looks at this machine and changes nothing.

    :param folders: folders whose disk is measured, by purpose; the nearest that exists counts.
    :param ports: ports of 127.0.0.1 to look at.
    :param node: container of the platform itself; where it exists the ports are its own.
    """
    if any(shutil.which(engine) and _answers([engine, "container", "inspect", node]) for engine in ("podman", "docker")):
        ports = []
    with open("/proc/meminfo", encoding="ascii") as stream:
        memory = int(next(line for line in stream if line.startswith("MemTotal")).split()[1]) * 1024
    try:
        distribution = platform.freedesktop_os_release().get("PRETTY_NAME", "this system")
    except OSError:
        distribution = "this system"
    root = os.geteuid() == 0
    return Facts(
        architecture=platform.machine(),
        distribution=distribution,
        python=sys.version_info[:2],
        memory=memory,
        cores=len(os.sched_getaffinity(0)),
        disks={purpose: (folder, shutil.disk_usage(_existing(folder)).free) for purpose, folder in folders.items()},
        busy_ports={port: holder for port in ports if (holder := _listener(port)) is not None},
        root=root,
        sudo=root or _answers(["sudo", "-n", "true"]),
        engines=[name for name in ("podman", "docker") if shutil.which(name) and _answers([name, "info"] if name == "docker" else [name, "--version"])],
        apt=shutil.which("apt-get") is not None,
        missing_features=_missing_features(),
        missing_controllers=_missing_controllers(),
    )
