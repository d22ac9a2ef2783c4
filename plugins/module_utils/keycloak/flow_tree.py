# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication flows as trees: from an export's flat list, from the server's rows, and what it takes to get from one to the other. Pure."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import typing as t

from ..engine.compare import Json, text
from . import documents

Entry = dict[str, Json]
REQUIREMENTS = ("REQUIRED", "ALTERNATIVE", "CONDITIONAL", "DISABLED")
NEW = "~new"  # ends the names of a flow that is to take another's place
_HIDDEN = "saml ecp"  # exports hold this flow, and nothing else of Keycloak's API shows it
_STEP = 10  # between priorities that the document leaves to us
# What Keycloak 26 knows (and what exports of it hold, with a word that it misspells itself); we translate these, so another would be lost.
_FLOW_KEYS = documents.words("alias authenticationExecutions builtIn description id providerId topLevel")
_ROW_KEYS = documents.words(
    """authenticator authenticatorConfig authenticatorFlow autheticatorFlow flowAlias flowId id parentFlow priority requirement userSetupAllowed"""
)
_INLINE_KEYS = _ROW_KEYS | {"authenticationExecutions", "description", "providerId"}
_CONFIG_KEYS = documents.words("alias config id")


@dataclasses.dataclass
class Node:
    """One execution of a flow: an authenticator, or a flow of its own.

    :ivar authenticator: provider; of a form flow, the provider of its page.
    :ivar config: alias of its configuration.
    :ivar flow: alias of the flow it holds; empty for an authenticator.
    :ivar kept: whether the document names the flow and not what is in it, which stays as it is.
    :ivar identifier: the server's identifiers: of the execution, of its flow, of its configuration.
    """

    requirement: str
    priority: int
    authenticator: str = ""
    config: str = ""
    flow: str = ""
    flow_type: str = ""
    description: str = ""
    children: list[Node] = dataclasses.field(default_factory=list)
    identifier: str = ""
    flow_id: str = ""
    config_id: str = ""
    row: Entry = dataclasses.field(default_factory=dict)
    kept: bool = False

    @property
    def kind(self) -> tuple[str, str]:
        """What makes it another execution when it changes."""
        return (self.flow_type, f"{self.flow}\0{self.authenticator}") if self.flow else ("", self.authenticator)

    def shown(self) -> Entry:
        """As it is compared and shown."""
        result: Entry = {"requirement": self.requirement, "priority": self.priority}
        if self.authenticator:
            result["authenticator"] = self.authenticator
        if self.config:
            result["authenticatorConfig"] = self.config
        if self.flow:
            result.update(flowAlias=self.flow, providerId=self.flow_type)
            if self.description:
                result["description"] = self.description
            if not self.kept:
                result["authenticationExecutions"] = shown(self.children)
        return result


def shown(nodes: t.Sequence[Node]) -> list[Entry]:
    return [node.shown() for node in nodes]


def parsed(entries: t.Sequence[Entry]) -> list[Node]:
    """The reverse of shown."""
    return [
        Node(
            entry["requirement"], entry["priority"], entry.get("authenticator", ""), entry.get("authenticatorConfig", ""), entry.get("flowAlias", ""),
            entry.get("providerId", ""), entry.get("description", ""), parsed(entry.get("authenticationExecutions", [])),
            kept="flowAlias" in entry and "authenticationExecutions" not in entry,
        )
        for entry in entries
    ]  # fmt: skip


def walk(nodes: t.Sequence[Node]) -> t.Iterator[Node]:
    for node in nodes:
        yield node
        yield from walk(node.children)


def kept_flows(nodes: t.Sequence[Node]) -> set[str]:
    """Aliases of the flows whose executions are not declared."""
    return {node.flow for node in walk(nodes) if node.kept}


def hidden(nodes: t.Sequence[Node], aliases: t.Collection[str]) -> list[Node]:
    """A tree in which nothing tells what is in these flows."""
    return [dataclasses.replace(node, children=hidden(node.children, aliases), kept=node.flow in aliases) for node in nodes]


def filled(wanted: t.Sequence[Node], current: t.Sequence[Node]) -> list[Node]:
    """A declared tree with what is there in the flows whose executions are not declared."""
    there = {node.flow: node.children for node in walk(current) if node.flow}
    return [
        dataclasses.replace(node, children=parsed(shown(there.get(node.flow, []))) if node.kept else filled(node.children, current), kept=False)
        for node in wanted
    ]


def pairs(current: t.Sequence[Node], wanted: t.Sequence[Node]) -> list[tuple[Node | None, Node | None]]:
    """What is the same execution on both sides of one level; the second of two equal authenticators is the second there too."""
    left = list(current)
    result: list[tuple[Node | None, Node | None]] = []
    for node in wanted:
        match = next((other for other in left if other.kind == node.kind), None)
        if match is not None:
            left = [other for other in left if other is not match]
        result.append((match, node))
    return result + [(node, None) for node in left]


def all_pairs(current: t.Sequence[Node], wanted: t.Sequence[Node]) -> t.Iterator[tuple[Node, Node]]:
    """What is the same execution on both sides, at every level."""
    for old, new in pairs(current, wanted):
        if old is not None and new is not None:
            yield old, new
            yield from all_pairs(old.children, new.children)


def edits(current: t.Sequence[Node], wanted: t.Sequence[Node]) -> tuple[int, int]:
    """How many executions come or go, and how many change what they do to a login."""
    structure = values = 0
    for old, new in pairs(current, wanted):
        if old is None or new is None:
            structure += 1
            continue
        values += (old.requirement, old.priority, old.config) != (new.requirement, new.priority, new.config)
        below = edits(old.children, new.children)
        structure, values = structure + below[0], values + below[1]
    return structure, values


# From the document


class Reader:
    """Makes trees of a document's flows: they may name each other, or hold each other.

    :ivar problems: what is wrong with them, one line each.
    """

    def __init__(self, document: Entry) -> None:
        self._flows = {str(flow.get("alias")): flow for flow in document.get("authenticationFlows") or [] if isinstance(flow, dict)}
        self._configs = {str(config.get("alias")): config for config in document.get("authenticatorConfig") or [] if isinstance(config, dict)}
        self._used: dict[str, str] = {}
        self.problems: list[str] = []

    def top(self) -> list[Entry]:
        """The top-level flows, each with everything below it and the configurations it uses."""
        inner = {str(row.get("flowAlias")) for flow in self._flows.values() for row in flow.get("authenticationExecutions") or [] if row.get("flowAlias")}
        return [self._entry(flow) for alias, flow in self._flows.items() if alias != _HIDDEN and flow.get("topLevel", alias not in inner)]

    def _entry(self, flow: Entry) -> Entry:
        configs: dict[str, Entry] = {}
        alias = str(flow.get("alias"))
        result: Entry = {"alias": flow.get("alias"), "providerId": flow.get("providerId") or "basic-flow"}
        if flow.get("description") is not None:
            result["description"] = flow["description"]
        self.problems += documents.unknown(f"authenticationFlows: {alias}: ", flow, _FLOW_KEYS)
        if "authenticationExecutions" in flow:
            result["authenticationExecutions"] = shown(self._level(flow, alias, [alias], configs))
        if configs:
            result["authenticatorConfig"] = configs
        return result

    def _level(self, flow: Entry, top: str, above: list[str], configs: dict[str, Entry]) -> list[Node]:
        nodes = [node for node in (self._node(row, top, above, configs) for row in flow.get("authenticationExecutions") or []) if node]
        return _ordered(nodes)

    def _node(self, row: Entry, top: str, above: list[str], configs: dict[str, Entry]) -> Node | None:
        where = f"authenticationFlows: {top}: {row.get('flowAlias') or row.get('authenticator') or 'an execution'}"
        self.problems += documents.unknown(f"{where}: ", row, _INLINE_KEYS if row.get("flowAlias") else _ROW_KEYS)
        requirement = str(row.get("requirement"))
        if requirement not in REQUIREMENTS:
            self.problems.append(f"{where}: requirement {requirement} is not one of {', '.join(REQUIREMENTS)}")
        priority = row.get("priority")
        if priority is not None and not str(priority).lstrip("-").isdigit():
            self.problems.append(f"{where}: priority {priority} is not a whole number")
            priority = None
        node = Node(requirement, -1 if priority is None else int(priority), str(row.get("authenticator") or ""))
        node.config = self._config(row.get("authenticatorConfig"), where, configs)
        if row.get("flowAlias"):
            self._flow(node, row, where, top, above, configs)
        elif not node.authenticator:
            self.problems.append(f"{where} has neither authenticator nor flowAlias: name one")
        return node

    def _flow(self, node: Node, row: Entry, where: str, top: str, above: list[str], configs: dict[str, Entry]) -> None:
        alias = str(row["flowAlias"])
        inline = "authenticationExecutions" in row
        flow = row if inline else self._flows.get(alias)
        if alias in above:
            self.problems.append(f"{where} holds itself ({' > '.join([*above, alias])}): break the circle")
        elif flow is None:
            self.problems.append(f"{where} is no flow of the document: declare it with topLevel: false, or give its authenticationExecutions here")
        else:
            node.flow = alias
            node.flow_type = str(flow.get("providerId") or "basic-flow")
            node.description = str(flow.get("description") or "")
            node.children = self._level(flow, top, [*above, alias], configs)
            node.kept = "authenticationExecutions" not in flow
            if not inline:
                self.problems += documents.unknown(f"authenticationFlows: {alias}: ", flow, _FLOW_KEYS)

    def _config(self, value: Json, where: str, configs: dict[str, Entry]) -> str:
        if not value:
            return ""
        found = value if isinstance(value, dict) else self._configs.get(str(value))
        if found is None or not found.get("alias"):
            self.problems.append(
                f"{where}: authenticatorConfig {value if isinstance(value, str) else 'without an alias'} is not declared: add it to authenticatorConfig"
            )
            return ""
        alias = str(found["alias"])
        self.problems += documents.unknown(f"authenticatorConfig: {alias}: ", found, _CONFIG_KEYS)
        if self._used.setdefault(alias, where) != where or alias in configs:
            self.problems.append(f"{where}: authenticatorConfig {alias} is used already, and each execution has its own: give this one another alias")
        config = {key: item if item is None else text(item) for key, item in (found.get("config") or {}).items()}
        configs[alias] = config
        return alias


def _ordered(nodes: list[Node]) -> list[Node]:
    """Executions by priority, each with one of its own: equal ones leave their order to chance."""
    last = 0
    for node in nodes:
        if node.priority < 0:  # not given: it comes after the one before it
            node.priority = last + _STEP
        last = node.priority
    nodes = sorted(nodes, key=lambda node: node.priority)
    for number, node in enumerate(nodes[1:]):
        node.priority = max(node.priority, nodes[number].priority + 1)
    return nodes


# From the server


def from_rows(rows: t.Sequence[Entry]) -> list[Node]:
    """The tree of the rows of `flows/{alias}/executions`, which lists it depth first."""
    top: list[Node] = []
    levels = [top]
    for row in rows:
        node = _of_row(row)
        del levels[int(row.get("level") or 0) + 1 :]
        levels[-1].append(node)
        levels.append(node.children)
    return top


def _of_row(row: Entry) -> Node:
    node = Node(str(row.get("requirement")), int(row.get("priority") or 0), _provider(str(row.get("providerId") or "")))
    node.identifier, node.config_id, node.row = str(row["id"]), str(row.get("authenticationConfig") or ""), row
    if row.get("authenticationFlow"):
        choices = row.get("requirementChoices") or []
        node.flow, node.flow_id, node.description = str(row.get("displayName")), str(row.get("flowId")), str(row.get("description") or "")
        # The rows do not name the kind of a flow; what it can be required as tells.
        node.flow_type = "form-flow" if "ALTERNATIVE" not in choices else "basic-flow" if "CONDITIONAL" in choices else "client-flow"
    elif node.config_id:
        node.config = str(row.get("alias") or "")
    return node


def _provider(name: str) -> str:
    """The name of a provider; of one that is a script, the rows have it in base 32."""
    try:
        plain = base64.b32decode(name, casefold=True).decode()
    except (ValueError, binascii.Error):
        return name
    return plain if plain.startswith("script-") else name
