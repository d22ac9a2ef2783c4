# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall table that keeps packets for Services and pods from leaving the machine.

Until kube-proxy has made its rules, a packet to a Service's address is an ordinary packet: it goes to the machine's default
route, and whoever answers there is taken for the Service. One table for all clusters of the machine; nothing else is touched.
"""

from __future__ import annotations

import json
import typing as t

from .command import KindError, Run, run
from .engine import Network
from .names import GUARD_TABLE

CHAIN = "leave"
SET = "bridges"


class Guard(t.NamedTuple):
    """The table's content: bridges of the clusters, and ranges that may not be reached from them outside."""

    bridges: frozenset[str]
    ranges: frozenset[str]


def ruleset(guard: Guard) -> str:
    """The table as nft reads it; one transaction that replaces what is there."""
    elements = ", ".join(f'"{bridge}"' for bridge in sorted(guard.bridges))
    rules = "\n".join(
        f"\t\tiifname @{SET} oifname != @{SET} ip daddr {network} counter reject with icmpx admin-prohibited"
        for network in sorted(guard.ranges)
    )
    return (
        f"table inet {GUARD_TABLE} {{}}\n"
        f"delete table inet {GUARD_TABLE}\n"
        f"table inet {GUARD_TABLE} {{\n"
        f"\tset {SET} {{\n\t\ttype ifname\n\t\telements = {{ {elements} }}\n\t}}\n"
        f"\tchain {CHAIN} {{\n\t\ttype filter hook forward priority -10; policy accept;\n{rules}\n\t}}\n"
        "}\n"
    )


def parse(listing: str) -> Guard | None:
    """The table's content from ``nft --json list table``; None when there is no such table."""
    try:
        objects = json.loads(listing)["nftables"]
    except (ValueError, KeyError, TypeError):
        return None
    bridges: set[str] = set()
    ranges: set[str] = set()
    for item in objects:
        if item.get("set", {}).get("name") == SET:
            bridges.update(item["set"].get("elem") or [])
        for expression in item.get("rule", {}).get("expr") or []:
            match = expression.get("match") or {}
            if match.get("left") == {"payload": {"protocol": "ip", "field": "daddr"}}:
                prefix = match["right"]["prefix"] if isinstance(match["right"], dict) else {"addr": match["right"], "len": 32}
                ranges.add(f"{prefix['addr']}/{prefix['len']}")
    return Guard(frozenset(bridges), frozenset(ranges))


def wanted(now: Guard | None, networks: t.Iterable[Network], ranges: t.Iterable[str], leaving: str = "") -> Guard | None:
    """The table for these networks; None when no cluster is left.

    :param ranges: of the cluster at hand; those of others stay.
    :param leaving: name of a cluster that is being removed.
    """
    bridges = frozenset(network.bridge for network in networks if network.cluster != leaving)
    return Guard(bridges, frozenset(ranges) | (now.ranges if now else frozenset())) if bridges else None


def holds(now: Guard | None, bridge: str, ranges: t.Iterable[str]) -> bool:
    """Whether the table guards this cluster; what it holds of others is their own affair."""
    return now is not None and bridge in now.bridges and set(ranges) <= now.ranges


def current(runner: Run = run) -> Guard | None:
    listed = runner(["nft", "--json", "list", "table", "inet", GUARD_TABLE])
    return parse(listed.out) if listed.ok else None


def write(guard: Guard | None, runner: Run = run) -> None:
    """Makes the table what it is to be; removes it for None."""
    text = ruleset(guard) if guard else f"table inet {GUARD_TABLE} {{}}\ndelete table inet {GUARD_TABLE}\n"
    done = runner(["nft", "--file", "-"], stdin=text)
    if not done.ok:
        raise KindError(
            f"the firewall table {GUARD_TABLE} could not be written: {done.reason()}. "
            "Set cluster_kind_host_guard to false if this kernel has no nftables"
        )
