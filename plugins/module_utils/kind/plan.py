# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done so that a kind cluster is as declared: pure functions from what was found and what is wanted."""

from __future__ import annotations

import typing as t

from .command import KindError
from .engine import Network, Node
from .names import ANY_ADDRESS

API_SERVER_PORT = 6443  # in the node; kind maps it to a free port of its own choice
Places = dict[int, tuple[str, int]]  # port in the node: address and port of this machine


class Found(t.NamedTuple):
    """A cluster as it was found.

    :ivar nodes: containers that kind labelled with its name.
    :ivar network: the container network it would have if it were ours.
    :ivar adopted: it was recorded as somebody else's that the platform may use.
    :ivar created: its creation ran to the end; None where that cannot be told, because no control plane is running.
    :ivar volumes: volumes that kind made for its nodes under names of their own, also those that no node has (any more).
    """

    nodes: tuple[Node, ...] = ()
    network: Network | None = None
    adopted: bool = False
    created: bool | None = None
    volumes: tuple[str, ...] = ()


class Wanted(t.NamedTuple):
    """A cluster as it is declared."""

    name: str
    network: str
    image: str
    config: dict[str, t.Any]
    adopt: bool = False


class Action(t.NamedTuple):
    """One step, and how a user is told of it."""

    verb: str
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}".strip()


LOOK_AGAIN = Action("look again")  # after a start, for only a running node tells whether its creation ended


def ownership(found: Found, name: str, network: str) -> str:
    """Whose cluster this is: ``none``, ``ours``, ``stranger`` or ``adopted``.

    Ours is what is attached to a network that carries our label, so a cluster whose creation was interrupted is recognised too.
    """
    labelled = found.network is not None and found.network.cluster == name
    if found.nodes:
        if labelled and all(network in node.networks for node in found.nodes):
            return "ours"
        return "adopted" if found.adopted else "stranger"
    return "ours" if labelled else "none"


def _roles(config: dict[str, t.Any]) -> list[str]:
    return [node.get("role", "control-plane") for node in config.get("nodes") or [{}]]


def _mapped(config: dict[str, t.Any]) -> dict[tuple[int, int], tuple[str, int]]:
    """Declared ports: (position of the node, port in the node) to (address, port of the machine)."""
    return {
        (position, int(port["containerPort"])): (port.get("listenAddress") or ANY_ADDRESS, int(port.get("hostPort") or 0))
        for position, node in enumerate(config.get("nodes") or [])
        for port in node.get("extraPortMappings") or []
    }


def drift(wanted: Wanted, nodes: t.Sequence[Node]) -> list[str]:
    """What of a running cluster differs from the declaration and cannot be changed without making the cluster anew."""
    differs = []
    for role in ("control-plane", "worker"):
        want, have = _roles(wanted.config).count(role), sum(node.role == role for node in nodes)
        if want != have:
            differs.append(f"{have} {role} node(s) instead of {want}")
    for image in sorted({node.image for node in nodes if node.role in ("control-plane", "worker")}):
        if image != wanted.image:
            differs.append(f"node image {image} instead of {wanted.image}")
    declared, actual = _ports(wanted, nodes)
    return differs + [_differs(inner, declared, actual) for inner in sorted(declared.keys() | actual.keys()) if declared.get(inner) != actual.get(inner)]


def _ports(wanted: Wanted, nodes: t.Sequence[Node]) -> tuple[Places, Places]:
    """Where ports of the first control plane are to be on this machine, and where they are."""
    controls = [node for node in nodes if node.role == "control-plane"]
    declared = {inner: outer for (position, inner), outer in _mapped(wanted.config).items() if position == 0}
    actual = {port.container: (port.address, port.host) for port in (controls[0].ports if controls else ()) if port.container != API_SERVER_PORT}
    return declared, actual


def _differs(inner: int, declared: Places, actual: Places) -> str:
    return f"port {inner} of the cluster at {_at(actual.get(inner))} instead of {_at(declared.get(inner))}"


def unreachable(wanted: Wanted, nodes: t.Sequence[Node]) -> list[str]:
    """Which declared ports do not lead into a cluster that is used as it is; it may have others, and have them on every address."""
    declared, actual = _ports(wanted, nodes)
    return [
        _differs(inner, declared, actual) for inner, (address, port) in sorted(declared.items())
        if actual.get(inner) not in ((address, port), (ANY_ADDRESS, port))
    ]


def _at(place: tuple[str, int] | None) -> str:
    return "no port of this machine" if place is None else f"{place[0]}:{place[1]}"


def plan_present(found: Found, wanted: Wanted) -> list[Action]:
    """The steps to a cluster that exists, runs, and is as declared.

    :raises KindError: for a stranger's cluster, and for one that would have to be made anew to be as declared.
    """
    owner = ownership(found, wanted.name, wanted.network)
    if found.network is not None and found.network.cluster != wanted.name and owner == "none":
        raise KindError(
            f"a container network {wanted.network} exists that is not the platform's (it has no label mlops.platform/cluster={wanted.name}): "
            "remove it or choose another platform_name"
        )
    if owner == "stranger" and not wanted.adopt:
        raise KindError(
            f"a kind cluster {wanted.name} exists that the platform did not make: choose another platform_name, "
            "or set cluster_kind_adopt to true to use it as it is (it is then never deleted)"
        )
    starts = [Action("start", node.name) for node in found.nodes if not node.running]
    if owner in ("stranger", "adopted"):
        differs = unreachable(wanted, found.nodes)
        if differs:
            raise KindError(
                f"the kind cluster {wanted.name}, which the platform did not make, cannot be used as it is: {'; '.join(differs)}. "
                "Set platform_http_port and platform_https_port to the ports that lead to 30080 and 30443 of it, or make it anew with these extraPortMappings"
            )
        return [*([Action("adopt", wanted.name)] if owner == "stranger" else []), *starts]
    create = Action("create", wanted.name)
    if owner == "none":
        return [Action("create network", wanted.network), create]
    if not found.nodes:
        return [*[Action("remove volume", volume) for volume in found.volumes], create]
    if found.created is None:
        return [*starts, LOOK_AGAIN]
    if not found.created:
        return [Action("remove half-made", wanted.name), create]
    differs = drift(wanted, found.nodes)
    if differs:
        raise KindError(
            f"cluster {wanted.name} is not as declared, and this cannot be changed while it exists: {'; '.join(differs)}. "
            "Declare what it is, or remove it with its data (make down) and make it anew"
        )
    return starts


def plan_absent(found: Found, name: str, network: str) -> list[Action]:
    """The steps to a cluster that is gone. A stranger's is left alone, and so is an adopted one."""
    owner = ownership(found, name, network)
    if owner == "adopted":
        return [Action("leave adopted", name)]
    if owner in ("none", "stranger"):
        return []
    return [
        *[Action("remove node", node.name) for node in found.nodes],
        *[Action("remove volume", volume) for volume in found.volumes],
        *([Action("remove network", network)] if found.network is not None else []),
    ]
