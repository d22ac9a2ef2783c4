# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a platform has on this machine. Only looks."""

from __future__ import annotations

import os
import re
import socket
import typing as t

from . import guard, kubeconfig
from .cluster import look, merged_into
from .command import Run, run
from .engine import Engine, Network
from .names import GUARD_TABLE, IMAGE_PREFIX, network_of
from .plan import Found, ownership

HOST_FOLDER = "/var/lib/mlops-platform"  # what was recorded of the machine
CLAIM = re.compile(r"(?P<volume>pvc-[0-9a-f-]{36})_(?P<namespace>[^_]+)_(?P<claim>.+)")


class Item(t.NamedTuple):
    """One thing.

    :ivar kind: what it is, in words.
    :ivar shared: it serves all clusters of this machine, and goes with the last one.
    :ivar holds: what goes with it; data of people, mostly.
    """

    kind: str
    name: str
    where: str
    shared: bool = False
    holds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.where})" + (f" with {', '.join(self.holds)}" if self.holds else "")


def claims(names: t.Iterable[str]) -> tuple[str, ...]:
    """Volumes of people from the folders that hold them, as namespace/claim."""
    found = [CLAIM.fullmatch(name) for name in names]
    return tuple(sorted(f"data of volume {match['namespace']}/{match['claim']}" for match in found if match))


def of_engine(provider: str, found: Found, name: str, network: str, data: t.Mapping[str, t.Sequence[str]]) -> list[Item]:
    """What a cluster has in an engine. An adopted or a stranger's cluster is not the platform's.

    :param data: folder names in each volume, where provisioned volumes are.
    """
    if ownership(found, name, network) != "ours":
        return []
    items = [Item("container", node.name, provider) for node in found.nodes]
    items += [
        Item("port", str(port.host), f"{port.address}, of {node.name}")
        for node in found.nodes for port in node.ports if port.host
    ]
    volumes = sorted({volume for node in found.nodes for volume in node.volumes} | set(found.volumes))
    items += [Item("volume", volume[:12], provider, holds=claims(data.get(volume, ()))) for volume in volumes]
    return [*items, Item("network", network, provider)]


def of_shared(provider: str, images: t.Sequence[str]) -> list[Item]:
    return [Item("image", image.removeprefix(IMAGE_PREFIX), provider, shared=True) for image in images]


def of_files(state_root: str, name: str) -> list[Item]:
    """Folders of the platform's state."""
    items = []
    folder = os.path.join(state_root, name)
    if os.path.isdir(folder):
        count = sum(len(files) for _path, _folders, files in os.walk(folder))
        items.append(Item("folder", folder, f"{count} file(s)"))
    elif os.path.isdir(state_root) and not os.listdir(state_root):
        items.append(Item("folder", state_root, "empty"))
    if os.path.exists(HOST_FOLDER):
        items.append(Item("folder", HOST_FOLDER, "settings of this machine before the platform changed them", shared=True))
    return items


def of_kubeconfigs(paths: t.Iterable[str], name: str) -> list[Item]:
    """Entries of a cluster in kubeconfigs of users."""
    return [Item("entries", f"kind-{name}", path) for path in paths if kubeconfig.has_entries(kubeconfig.read(path), f"kind-{name}")]


def of_firewall(runner: Run = run) -> list[Item]:
    return [Item("firewall table", GUARD_TABLE, "nftables", shared=True)] if guard.current(runner) is not None else []


def left(ports: t.Iterable[int], volumes: t.Iterable[str], engines: t.Sequence[Engine]) -> list[Item]:
    """What a cluster had and nothing tells its owner any more: ports that something still listens on, and volumes."""
    items = [Item("port", str(port), "127.0.0.1, in use") for port in ports if _in_use(port)]
    return items + [Item("volume", volume, engine.provider) for volume in volumes for engine in engines if engine.volume_folder(volume)]


def _in_use(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def other_clusters(networks: t.Iterable[Network], state_root: str, name: str) -> frozenset[str]:
    """Other clusters of the platform: what has a network of ours, and what has a kubeconfig in the same state."""
    with_network = {network.cluster for network in networks}
    folders = os.listdir(state_root) if os.path.isdir(state_root) else []
    with_state = {folder for folder in folders if os.path.exists(os.path.join(state_root, folder, "kubeconfig"))}
    return frozenset((with_network | with_state) - {name})


def data_folders(engine: Engine, found: Found) -> dict[str, list[str]]:
    """Folder names in each volume of a cluster's nodes where the provisioner puts volumes."""
    result = {}
    for volume in {volume for node in found.nodes for volume in node.volumes} | set(found.volumes):
        folder = os.path.join(engine.volume_folder(volume) or "/nonexistent", "local-path-provisioner")
        result[volume] = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return result


class Inventory(t.NamedTuple):
    """All of it.

    :ivar others: other clusters of the platform on this machine.
    :ivar ports: ports of this machine that lead into the cluster.
    :ivar volumes: volumes of its nodes.
    :ivar kubeconfigs: kubeconfigs of users that its entries were put into.
    """

    items: list[Item]
    others: frozenset[str]
    ports: list[int]
    volumes: list[str]
    kubeconfigs: list[str]


def gather(engines: t.Sequence[Engine], name: str, state_root: str) -> Inventory:
    """What a platform has in these engines and on this machine."""
    items: list[Item] = []
    networks: list[Network] = []
    volumes: set[str] = set()
    own = os.path.join(state_root, name, "kubeconfig")
    for engine in engines:
        found = look(engine, name, network_of(name), own, complete=False)
        data = data_folders(engine, found)
        of_this = of_engine(engine.provider, found, name, network_of(name), data)
        items += of_this
        volumes |= set(data) if of_this else set()
        networks += engine.platform_networks()
    ports = sorted(int(item.name) for item in items if item.kind == "port")
    for engine in engines:
        items += of_shared(engine.provider, engine.platform_images())
    users = merged_into(own)
    items += [*of_firewall(), *of_files(state_root, name), *of_kubeconfigs(users, name)]
    return Inventory(items, other_clusters(networks, state_root, name), ports, sorted(volumes), users)
