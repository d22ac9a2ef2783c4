# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guardrails of the AI gateway: a version of a scorer, before or after the model, on some endpoints."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules, differences
from ...engine.errors import EngineError, RefusedError
from ...engine.family import Entry
from .. import documents
from ..scoped import TwinFamily, keep_the_oldest
from ..session import Session
from .gateway import GatewayEndpoints, GatewayFamily

_PAGE = 100
_SCORER = {"experiment": documents.TEXT, "name": documents.TEXT, "version": documents.WHOLE}
_TOLD = ("stage", "action", "scorer_id", "scorer_version")
_ATTACHED = {"endpoint": documents.TEXT, "execution_order": documents.WHOLE}


class GatewayGuardrails(GatewayFamily, TwinFamily):
    """Guardrails by name. The server cannot change one, so that what differs is made anew; its endpoints are attached again.

    Both are there for a moment. The registry knows of it before, so that a run that is killed then leaves nothing that nobody can tell apart.
    """

    name = "gateway_guardrails"
    path = ("gateway", "guardrails")
    since = (3, 12)
    folder, listed, made, identifier = "guardrails", "guardrails", "guardrail", "guardrail_id"
    fields = {
        "name": documents.TEXT,
        "scorer": documents.MAP,
        "stage": documents.Kind((str,), ("BEFORE", "AFTER")),
        "action": documents.Kind((str,), ("VALIDATION", "SANITIZATION")),
        "action_endpoint": documents.TEXT,
        "endpoints": documents.LIST,
    }
    required = ("name", "scorer", "stage", "action")
    rules = Rules(ignored=frozenset({"workspace", "_twins", "_left"}), keyed={"endpoints": "endpoint"})
    _endpoints = GatewayEndpoints()

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            label = self.label(entry)
            if isinstance(entry.get("scorer"), dict):
                found += documents.entry_problems(f"{label}: scorer", entry["scorer"], _SCORER, ("experiment", "name"))
            for one in entry["endpoints"] if isinstance(entry.get("endpoints"), list) else []:
                if isinstance(one, dict):
                    found += documents.entry_problems(f"{label}: endpoints", one, _ATTACHED, ("endpoint",))
                else:
                    found.append(f"{label}: endpoints: expected maps, each with an endpoint")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            twins = snapshot[self.name].get(key, {}).get("_twins") or []
            if len(twins) > 1:
                found.append(f"{self.name}/{key}: the server has {len(twins)} guardrails of this name ({', '.join(twins)}): delete all but one")
            names = [one["endpoint"] for one in entry.get("endpoints") or []] + ([entry["action_endpoint"]] if entry.get("action_endpoint") else [])
            lines = [self._endpoints.missing(server, entry, name) for name in names]
            found += [f"{self.name}/{key} refers to {line}" for line in lines if line]
            found += self._scorer_problems(server, key, entry)
        return found

    def _scorer_problems(self, server: Session, key: str, entry: Entry) -> list[str]:
        scorer, workspace = entry["scorer"], str(entry.get("workspace") or "")
        declared = {(one.get("experiment"), one.get("name"), one.get("workspace")) for one in documents.within(server.document, ("scorers",))}
        if (scorer["experiment"], scorer["name"], workspace) in declared or self._scorer(server, workspace, scorer):
            return []
        return [
            f"{self.name}/{key}: scorer {scorer['name']} of experiment {scorer['experiment']} is neither declared nor on the server: declare it under scorers"
        ]

    def _scorer(self, server: Session, workspace: str, scorer: Entry) -> Entry | None:
        """The declared version of a scorer, its newest without one, as the server has it."""
        experiment = server.experiment_id(workspace, scorer["experiment"])
        if experiment is None:
            return None
        asked = {"experiment_id": experiment, "name": scorer["name"]}
        found = (server.at(workspace).find("3.0/scorers/versions", **asked) or {}).get("scorers") or []
        fitting = [one for one in found if not scorer.get("version") or int(one["scorer_version"]) == int(scorer["version"])]
        return max(fitting, key=lambda one: int(one["scorer_version"])) if fitting else None

    def listing(self, server: Session, workspace: str) -> list[Entry]:
        return server.at(workspace).pages("3.0/gateway/guardrails/list", self.listed, _PAGE)

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        declared = server.declared(self)
        for workspace in server.scopes(self, keys):
            found, left = self._without_left(server, workspace, self.listing(server, workspace), declared)
            attached = self._attached(server, workspace) if server.tells or any(self.found_key(item, workspace) in declared for item in found) else {}
            for item in found:
                key, identifier = self.found_key(item, workspace), str(item[self.identifier])
                entry = {
                    "name": item["name"],
                    "workspace": workspace,
                    "_left": left.get(key, []),
                    "endpoints": attached.get(identifier, []),
                    **self.entry(server, item, declared.get(key, {})),
                }
                self.found(server, result, key, identifier, item, entry)
        return result

    def _without_left(
        self, server: Session, workspace: str, found: t.Sequence[Entry], declared: t.Mapping[str, Entry]
    ) -> tuple[list[Entry], dict[str, list[str]]]:
        """The server's guardrails without those that a killed run has left beside others of ours, and the identifiers of those by key."""
        named: dict[str, list[Entry]] = {}
        for item in found:
            named.setdefault(self.found_key(item, workspace), []).append(item)
        kept: list[Entry] = []
        left: dict[str, list[str]] = {}
        for key, items in named.items():
            replacing = server.registry(workspace).replacing(self.name, key)
            if replacing and all(str(item[self.identifier]) == replacing[0] or _made_by(item) == replacing[1] for item in items):
                wanted = declared.get(key, {})
                stays = max(items, key=lambda item: (self._is_as_declared(server, item, wanted), int(item.get("created_at") or 0)))
                server.registry(workspace).follow(self.name, key, str(stays[self.identifier]))
                left[key] = [str(item[self.identifier]) for item in items if item is not stays]
                items = [stays]
            kept += items
        return kept, left

    def _is_as_declared(self, server: Session, item: Entry, wanted: Entry) -> bool:
        return not differences(wanted, {**wanted, **self.entry(server, item, wanted)}, self.rules)

    def _attached(self, server: Session, workspace: str) -> dict[str, list[Entry]]:
        """Endpoints of every guardrail."""
        found: dict[str, list[Entry]] = {}
        for endpoint in self._endpoints.listing(server, workspace):
            answer = server.at(workspace).get("3.0/gateway/guardrails/list-for-endpoint", endpoint_id=endpoint["endpoint_id"])
            for config in answer.get("configs") or []:
                order = {"execution_order": config["execution_order"]} if config.get("execution_order") is not None else {}
                found.setdefault(str(config["guardrail_id"]), []).append({"endpoint": endpoint["name"], **order})
        return found

    def entry(self, server: Session, item: Entry, declared: Entry) -> Entry:
        scorer = item.get("scorer") or {}
        number, wanted = str(scorer.get("experiment_id", "")), declared.get("scorer") or {}
        experiment = server.told_experiment(number) or number
        if wanted and server.experiment_id(str(declared.get("workspace") or ""), wanted["experiment"]) == number:
            experiment = wanted["experiment"]
        # Without a declared version, the one that was the newest at its creation stays.
        version = {"version": scorer.get("scorer_version")} if wanted.get("version") is not None else {}
        return {
            "scorer": {"experiment": experiment, "name": scorer.get("scorer_name", ""), **version},
            "stage": item.get("stage", ""),
            "action": item.get("action", ""),
            "action_endpoint": item.get("action_endpoint_id", ""),  # the server answers with the endpoint's name
        }

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        self._make(server, entry, self._body(server, entry))

    def _body(self, server: Session, entry: Entry) -> Entry:
        workspace = str(entry.get("workspace") or "")
        scorer = self._scorer(server, workspace, entry["scorer"])
        if scorer is None:
            raise EngineError(f"scorer {entry['scorer']['name']} of experiment {entry['scorer']['experiment']} is not there (any more): run again")
        body = {"name": entry["name"], "stage": entry["stage"], "action": entry["action"]}
        body.update(scorer_id=scorer["scorer_id"], scorer_version=scorer["scorer_version"])
        if entry.get("action_endpoint"):
            body["action_endpoint_id"] = self._endpoints.sure(server, workspace, entry["action_endpoint"])
        return body

    def _make(self, server: Session, entry: Entry, body: Entry, beside: str = "") -> None:
        """Makes one and attaches it.

        :param beside: identifier of the one that goes for it.
        """
        workspace = str(entry.get("workspace") or "")
        made = self.write(server, entry, "create", body)
        alike = [item for item in self.listing(server, workspace) if item["name"] == entry["name"] and str(item[self.identifier]) != beside]
        keep_the_oldest(made, alike, self.identifier, "created_at", lambda number: self._remove(server, workspace, number))
        for one in entry.get("endpoints") or []:
            self._attach(server, workspace, made, one)

    def _attach(self, server: Session, workspace: str, identifier: str, one: Entry) -> None:
        order = {"execution_order": one["execution_order"]} if one.get("execution_order") is not None else {}
        asked = {"endpoint_id": self._endpoints.sure(server, workspace, one["endpoint"]), "guardrail_id": identifier, **order}
        try:
            server.at(workspace).post("3.0/gateway/guardrails/add-to-endpoint", **asked)
        except RefusedError as exc:
            if exc.code != "RESOURCE_ALREADY_EXISTS":  # another run attached it meanwhile
                raise
            if order:
                server.at(workspace).patch("3.0/gateway/guardrails/update-config", **asked)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        workspace, identifier = current["workspace"], str(server.id_of(self.name, self.key(current)))
        if any(change.path[0] != "endpoints" for change in changes):
            self._remove(server, workspace, *current["_left"])
            body = self._body(server, wanted)
            if mark:
                by = {**{field: str(value) for field, value in body.items() if field in _TOLD}, "action_endpoint": wanted.get("action_endpoint") or ""}
                server.registry(workspace).replace(self.name, self.key(current), mark.owner, identifier, by)
            # The new one first: endpoints are not left without it.
            self._make(server, wanted, body, beside=identifier)
            self._remove(server, workspace, identifier)
            return
        names: dict[str, None] = {}  # each once, in order
        for change in changes:
            names.update(dict.fromkeys(change.path[1:2] or [one["endpoint"] for one in current["endpoints"]]))
        for name in names:
            self._write_endpoint(server, workspace, identifier, name, current, wanted)
        self._remove(server, workspace, *current["_left"])

    def _write_endpoint(self, server: Session, workspace: str, identifier: str, name: str, current: Entry, wanted: Entry) -> None:
        api = server.at(workspace)
        there = any(one["endpoint"] == name for one in current["endpoints"])
        one = next((one for one in wanted.get("endpoints") or [] if one["endpoint"] == name), None)
        asked = {"endpoint_id": self._endpoints.sure(server, workspace, name), "guardrail_id": identifier}
        if one is None:
            api.delete("3.0/gateway/guardrails/remove-from-endpoint", **asked)
        elif not there:
            self._attach(server, workspace, identifier, one)
        elif one.get("execution_order") is not None:
            api.patch("3.0/gateway/guardrails/update-config", **asked, execution_order=one["execution_order"])

    def delete(self, server: Session, current: Entry) -> None:
        self._remove(server, current["workspace"], *current["_left"], str(server.id_of(self.name, self.key(current))))

    def _remove(self, server: Session, workspace: str, *identifiers: str) -> None:
        for identifier in identifiers:
            try:
                server.at(workspace).delete("3.0/gateway/guardrails/delete", guardrail_id=identifier)
            except RefusedError as exc:
                if exc.status != 404:  # another run was faster
                    raise


def _made_by(item: Entry) -> Entry:
    """What a guardrail was made of, as the registry keeps it."""
    told = {**item, **{field: (item.get("scorer") or {}).get(field) for field in ("scorer_id", "scorer_version")}}
    return {**{field: str(told.get(field)) for field in _TOLD}, "action_endpoint": item.get("action_endpoint_id") or ""}
