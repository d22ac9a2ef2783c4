# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication flows with their executions and configurations, and what the realm uses them for."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules, is_mask
from ...engine.errors import EngineError, RefusedError
from ...engine.family import Entry
from .. import flow_edit, flow_swap, flow_tree
from ..base import Base, doubles, without
from ..flow_tree import NEW
from ..lookups import flow_aliases, installed
from ..secret_keys import SECRETS
from ..session import Session

_ALL = "allExecutions"  # of a flow as it was read: with those too that are in flows whose executions the document leaves alone


class Flows(Base):
    """`authenticationFlows` with `authenticatorConfig`: one entry for each top-level flow, with the flows in it."""

    name = "authenticationFlows"
    named = "alias"
    rules = Rules(ignored=frozenset({"id", "builtIn", "topLevel", "left", _ALL}), secrets=SECRETS, masked=True, defaults={"providerId": "basic-flow"})
    parallel = False
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        return flow_tree.Reader(document).top()

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = _twice(document, self.name) + _twice(document, "authenticatorConfig")
        reader = flow_tree.Reader(document)
        holders: dict[str, str] = {}
        for flow in reader.top():
            alias = str(flow["alias"])
            if alias.endswith(NEW):
                found.append(f"{self.name}: {alias}: names that end with {NEW} are for flows that are about to take another's place: choose another")
            for node in flow_tree.walk(flow_tree.parsed(flow.get("authenticationExecutions") or [])):
                if node.flow and holders.setdefault(node.flow, alias) != alias:
                    found.append(f"{self.name}: {node.flow} is in {holders[node.flow]} and in {alias}: a flow can be in one only; give the second another name")
        return found + reader.problems

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for alias, entry in entries.items():
            current = snapshot[self.name].get(alias)
            if current is None or current.get("left"):
                continue
            if "authenticationExecutions" not in entry:
                continue
            there = flow_tree.parsed(current[_ALL])
            wanted = flow_tree.filled(flow_tree.parsed(entry["authenticationExecutions"]), there)
            structure, values = flow_tree.edits(there, wanted)
            if structure and current.get("builtIn"):
                found.append(
                    f"{self.name}: {alias} is built in and can neither get nor lose executions, but {structure} differ: "
                    "declare a flow under another name and bind that, or take it out of the document"
                )
            else:
                found += _lost_values(self.name, alias, wanted, entry, current, bool(structure) or values > 1)
        return found + _providers(self.name, entries, snapshot[self.name], server)

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        flows = flow_edit.top_level(server.api) if server.realm else {}
        declared = self.declared(server)
        result = {}
        for alias, flow in flows.items():
            server.learn(self.name, alias, flow["id"])
            base = alias[: -len(NEW)] if alias.endswith(NEW) else ""
            if base and (base in keys or base in flows):
                if base not in flows:  # the old one is gone already, the new one has not got its name yet
                    result[base] = {**flow, "left": True, "authenticationExecutions": []}
                continue
            result[alias] = _whole(server, flow, declared.get(alias, {})) if alias in keys else dict(flow)
            if alias + NEW in flows:
                # The plan has to show that there is something to end.
                result[alias].update(alias=f"{alias} ({alias}{NEW} is left of a run that was broken off)", left=True)
        return result

    def builtin(self, current: Entry) -> bool:
        return bool(current.get("builtIn"))

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        alias = str(entry["alias"])
        server.learn(self.name, alias, flow_edit.create(server.api, alias, entry, entry.get("authenticatorConfig") or {}))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            alias = str(wanted["alias"])
            if any(change.path == ("authenticationExecutions",) and change.after is None for change in changes):
                wanted = {**wanted, "authenticationExecutions": []}  # exact mode
            elif "authenticationExecutions" not in self.declared(server).get(alias, {}):
                wanted = without(wanted, "authenticationExecutions")
            server.learn(self.name, alias, flow_swap.update(server.api, alias, wanted))

    def delete(self, server: Session, current: Entry) -> None:
        try:
            server.api.delete(f"{flow_edit.FLOWS}/{current['id']}")
        except RefusedError as exc:
            if exc.status == 404:
                raise
            raise EngineError(f"{exc}: is it bound in the realm, a client or an identity provider? Bind another flow there first", **exc.details) from exc
        server.forget(self.name, str(current["alias"]))


class FlowBindings(Base):
    """Which flow the realm uses for what; written after the flows, for it names them."""

    name = "flowBindings"
    rules = Rules(defaults=flow_swap.REALM_BINDINGS)
    prunable = False
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        found = {key: document[key] for key in flow_swap.REALM_BINDINGS if document.get(key)}
        return [found] if found else []

    def key(self, entry: Entry) -> str:
        return "realm"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        return []

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        known = flow_aliases(server)
        return [
            f"{key}: there is no flow {alias}, neither in the document nor on the server: declare it in {Flows.name}, or name one of {', '.join(sorted(known))}"
            for entry in entries.values()
            for key, alias in entry.items()
            if known and alias not in known
        ]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        realm = server.api.find("") or {}
        return {"realm": {key: realm[key] for key in flow_swap.REALM_BINDINGS if realm.get(key)}} if realm else {}

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        server.api.put("", {"realm": server.api.realm, **entry})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            server.api.put("", {"realm": server.api.realm, **{change.path[0]: change.after for change in changes}})


def _whole(server: Session, flow: Entry, declared: Entry) -> Entry:
    nodes = flow_tree.from_rows(flow_edit.rows(server.api, flow["alias"]))
    configs = flow_edit.configs_of(server.api, nodes)
    kept = flow_tree.kept_flows(flow_tree.parsed(declared.get("authenticationExecutions") or []))
    result = {**flow, _ALL: flow_tree.shown(nodes), "authenticationExecutions": flow_tree.shown(flow_tree.hidden(nodes, kept))}
    if configs:
        result["authenticatorConfig"] = configs
    return result


def _twice(document: Entry, key: str) -> list[str]:
    names = [str(item.get("alias")) for item in document.get(key) or [] if isinstance(item, dict)]
    found = [f"{key}: an entry has no alias: give it one" for name in names if name == "None"]
    return found + [f"{key}: {name} is declared twice: merge the two entries" for name in doubles(document.get(key), "alias")]


def _lost_values(family: str, alias: str, wanted: t.Sequence[flow_tree.Node], entry: Entry, current: Entry, anew: bool) -> list[str]:
    """Values that the server does not tell and would lose: it takes a configuration whole, and a mask in it for a value."""
    used = {node.config for node in flow_tree.walk(wanted)}
    found = []
    for name, config in (current.get("authenticatorConfig") or {}).items():
        declared = (entry.get("authenticatorConfig") or {}).get(name, {})
        changes = anew or any(config.get(key) != value for key, value in declared.items() if not is_mask(config.get(key)))
        if name in used and changes:
            found += [
                f"{family}: {alias}: config {name} is to be written and holds {key}, which the server does not return: declare its value too"
                for key, value in config.items()
                if is_mask(value) and key not in declared
            ]
    return found


_KINDS = {"form-flow": "form-action", "client-flow": "client-authenticator"}


def _providers(family: str, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, Entry], server: Session) -> list[str]:
    """Authenticators that are not installed."""
    found = []
    for alias, entry in entries.items():
        there = {node.authenticator for node in flow_tree.walk(flow_tree.parsed(snapshot.get(alias, {}).get("authenticationExecutions") or []))}
        levels = [(entry.get("providerId") or "basic-flow", flow_tree.parsed(entry.get("authenticationExecutions") or []))]
        while levels:
            kind, nodes = levels.pop()
            for node in nodes:
                if node.flow:
                    levels.append((node.flow_type, node.children))
                if not node.authenticator or node.authenticator in there:
                    continue
                known = installed(server, "form-authenticator" if node.flow else _KINDS.get(kind, "authenticator"))
                if known and node.authenticator not in known:
                    found.append(f"{family}: {alias}: authenticator {node.authenticator} is not installed; there are {', '.join(sorted(known))}")
    return found
