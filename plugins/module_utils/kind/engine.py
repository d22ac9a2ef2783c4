# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container engine: podman and docker behind the few questions and orders that a kind cluster needs."""

from __future__ import annotations

import json
import os
import typing as t

from .command import KindError, Result, Run, run
from .names import ANY_ADDRESS, CLUSTER_LABEL, IMAGE_PREFIX, KIND_CLUSTER_LABEL, KIND_ROLE_LABEL, is_node_of


class Port(t.NamedTuple):
    """A port of a node that is mapped to the machine."""

    container: int
    address: str
    host: int


class Node(t.NamedTuple):
    """A node's container."""

    name: str
    cluster: str
    role: str
    image: str
    running: bool
    networks: tuple[str, ...]
    ports: tuple[Port, ...]
    volumes: tuple[str, ...]


class Network(t.NamedTuple):
    """A container network.

    :ivar cluster: name of the platform's cluster it was made for; empty when it is somebody else's.
    :ivar bridge: network interface on the machine.
    """

    name: str
    cluster: str
    bridge: str


def parse_node(data: dict[str, t.Any]) -> Node:
    """A node from what either engine's ``inspect`` prints of a container."""
    labels = data["Config"].get("Labels") or {}
    bindings = data["HostConfig"].get("PortBindings") or {}
    ports = [
        Port(int(inner.partition("/")[0]), binding.get("HostIp") or ANY_ADDRESS, int(binding.get("HostPort") or 0))
        for inner, outer in bindings.items() for binding in outer or []
    ]
    return Node(
        name=data["Name"].lstrip("/"),
        cluster=labels.get(KIND_CLUSTER_LABEL, ""),
        role=labels.get(KIND_ROLE_LABEL, ""),
        image=data["Config"].get("Image") or data.get("ImageName") or "",
        running=bool(data["State"].get("Running")),
        networks=tuple(sorted((data.get("NetworkSettings") or {}).get("Networks") or {})),
        ports=tuple(sorted(ports)),
        volumes=tuple(sorted(mount["Name"] for mount in data.get("Mounts") or [] if mount.get("Type") == "volume" and mount.get("Name"))),
    )


def parse_network(data: dict[str, t.Any]) -> Network:
    """A network from what either engine's ``inspect`` prints."""
    data = {key.lower(): value for key, value in data.items()}
    labels = data.get("labels") or {}
    options = data.get("options") or {}
    bridge = data.get("network_interface") or options.get("com.docker.network.bridge.name") or f"br-{str(data.get('id', ''))[:12]}"
    return Network(data["name"], labels.get(CLUSTER_LABEL, ""), bridge)


class Engine:
    """One engine of this machine.

    :param provider: ``podman`` or ``docker``; also the program's name.
    :param containers_conf: CONTAINERS_CONF for podman; the machine's own configuration holds where there is no such file.
    """

    def __init__(self, provider: str, containers_conf: str = "", runner: Run = run) -> None:
        self.provider = provider
        self._env = {"CONTAINERS_CONF": containers_conf} if provider == "podman" and os.path.isfile(containers_conf) else {}
        self._run = runner

    @property
    def env(self) -> dict[str, str]:
        return dict(self._env)

    def call(self, *arguments: str, timeout: float = 60, stdin: t.Any = None) -> Result:
        return self._run([self.provider, *arguments], timeout=timeout, stdin=stdin, env=self._env)

    def order(self, what: str, *arguments: str, timeout: float = 60) -> str:
        """Runs a command that must succeed.

        :raises KindError: with the engine's own last line.
        """
        done = self.call(*arguments, timeout=timeout)
        if not done.ok:
            raise KindError(f"{self.provider} could not {what}: {done.reason()}")
        return done.out

    def available(self) -> bool:
        """Whether the engine is installed and answers."""
        return self.call("version", "--format", "{{.Server.Version}}" if self.provider == "docker" else "{{.Client.Version}}", timeout=20).ok

    def _names(self, *arguments: str) -> list[str]:
        done = self.call(*arguments)
        return sorted(set(done.out.split())) if done.ok else []

    def _inspect(self, kind: str, names: list[str]) -> list[dict[str, t.Any]]:
        if not names:
            return []
        done = self.call(kind, "inspect", *names)
        try:
            return json.loads(done.out) or []  # what vanished meanwhile is missing from it
        except ValueError:
            return []

    def nodes(self, name: str = "") -> list[Node]:
        """Nodes of the kind cluster of this name, or of all; the control plane first."""
        chosen = f"label={KIND_CLUSTER_LABEL}={name}" if name else f"label={KIND_CLUSTER_LABEL}"
        found = [parse_node(data) for data in self._inspect("container", self._names("ps", "--all", "--quiet", "--filter", chosen))]
        return sorted(found, key=lambda node: (node.role != "control-plane", node.name))

    def network(self, network: str) -> Network | None:
        found = self._inspect("network", [network])
        return parse_network(found[0]) if found else None

    def platform_networks(self) -> list[Network]:
        """Networks of all clusters of the platform."""
        names = self._names("network", "ls", "--filter", f"label={CLUSTER_LABEL}", "--format", "{{.Name}}")
        return [network for network in map(parse_network, self._inspect("network", names)) if network.cluster]

    def create_network(self, network: str, cluster: str) -> None:
        self.order(f"create the network {network}", "network", "create", "--driver", "bridge", "--label", f"{CLUSTER_LABEL}={cluster}", network)

    def volumes_of(self, name: str) -> list[str]:
        """Volumes that kind made for nodes of this cluster; it labels them with the node's name and nothing else.

        None in docker, where they have no names and go with their nodes.
        """
        if self.provider != "podman":
            return []
        done = self.call("volume", "ls", "--format", "json")
        try:
            volumes = json.loads(done.out or "[]") or []
        except ValueError:
            return []
        return sorted(volume["Name"] for volume in volumes if any(is_node_of(label, name) for label in volume.get("Labels") or {}))

    def volume_folder(self, volume: str) -> str:
        done = self.call("volume", "inspect", "--format", "{{.Mountpoint}}", volume)
        return done.out.strip() if done.ok else ""

    def start(self, node: str) -> None:
        self.order(f"start the node {node}", "start", node, timeout=90)

    def remove_nodes(self, nodes: t.Sequence[str]) -> None:
        """Removes nodes and their volumes; they are killed, not stopped, for nothing of them is to survive."""
        if nodes:
            self.call("kill", *nodes)
            self.order(f"remove {', '.join(nodes)}", "rm", "--force", "--volumes", *nodes, timeout=120)

    def remove_volumes(self, volumes: t.Sequence[str]) -> None:
        if volumes:
            self.order(f"remove the volumes {', '.join(volumes)}", "volume", "rm", "--force", *volumes)

    def remove_network(self, network: str) -> None:
        self.order(f"remove the network {network}", "network", "rm", network)

    def execute(self, node: str, *command: str, timeout: float = 60) -> Result:
        return self.call("exec", node, *command, timeout=timeout)

    def stream_into(self, node: str, archive: t.BinaryIO, *command: str, timeout: float = 600) -> Result:
        return self.call("exec", "--interactive", node, *command, timeout=timeout, stdin=archive)

    def has_image(self, ref: str) -> bool:
        return self.call("image", "inspect", "--format", "{{.Id}}", ref).ok

    def load(self, archive: str, ref: str) -> None:
        """Puts an image from its OCI archive into the engine's store.

        :raises KindError: when the archive cannot be read or holds another image.
        """
        self.order(f"load {archive}", "load", "--quiet", "--input", archive, timeout=600)
        if not self.has_image(ref):
            raise KindError(f"{archive} does not hold the image {ref}: remove the file and run again, so that it is built anew")

    def platform_images(self) -> list[str]:
        """Images of the platform in the engine's store that no container uses."""
        stored = self._names("images", "--format", "{{.Repository}}:{{.Tag}}")
        used = self._names("ps", "--all", "--format", "{{.Image}}")
        return [image for image in stored if image.startswith(IMAGE_PREFIX) and image not in used]

    def remove_images(self, images: t.Sequence[str]) -> None:
        """Never by force, which would take with them the containers that use them."""
        if images:
            self.order("remove the platform's images", "rmi", *images, timeout=180)
