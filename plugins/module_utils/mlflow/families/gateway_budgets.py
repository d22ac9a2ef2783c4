# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Budgets of the AI gateway. They have no name: what they are for, and for how long, tells them apart."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from .. import documents
from ..scoped import TwinFamily, keep_the_oldest
from ..session import Session
from .gateway import GatewayEndpoints, GatewayFamily

_PAGE = 100
_IDENTITY = ("target_scope", "target_value", "duration", "budget_unit")
_DURATION = {"unit": documents.Kind((str,), ("MINUTES", "HOURS", "DAYS", "WEEKS", "MONTHS")), "value": documents.WHOLE}


class GatewayBudgets(GatewayFamily, TwinFamily):
    """Budgets by target and duration. The target of a budget for an endpoint is declared by the endpoint's name."""

    name = "gateway_budgets"
    path = ("gateway", "budgets")
    since = (3, 11)
    folder, listed, made, identifier = "budgets", "budget_policies", "budget_policy", "budget_policy_id"
    fields = {
        "target_scope": documents.Kind((str,), ("GLOBAL", "WORKSPACE", "ENDPOINT", "USER")),
        "target_value": documents.TEXT,
        "duration": documents.MAP,
        "budget_unit": documents.Kind((str,), ("USD",)),
        "budget_amount": documents.NUMBER,
        "budget_action": documents.Kind((str,), ("ALERT", "REJECT")),
    }
    required = ("target_scope", "duration", "budget_amount", "budget_action")
    rules = Rules(ignored=frozenset({"workspace", "_twins", "name"}))
    _endpoints = GatewayEndpoints()

    def entries(self, document: Entry) -> list[Entry]:
        return [{"budget_unit": "USD", **entry} for entry in super().entries(document)]

    def key(self, entry: Entry) -> str:
        duration = entry.get("duration")
        value, unit = (duration.get("value"), duration.get("unit")) if isinstance(duration, dict) else (None, None)
        parts = [entry.get("target_scope"), entry.get("target_value"), "per", value, unit, "in", entry.get("budget_unit")]
        return documents.key(" ".join(str(part) for part in parts if part not in (None, "")), str(entry.get("workspace") or ""))

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            label = self.label(entry)
            if isinstance(entry.get("duration"), dict):
                found += documents.entry_problems(f"{label}: duration", entry["duration"], _DURATION, ("unit", "value"))
            targeted = entry.get("target_scope") in ("ENDPOINT", "USER")
            if targeted != bool(entry.get("target_value")):
                found.append(f"{label}: target_value names the endpoint or user of scope ENDPOINT or USER, and is left out otherwise")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            twins = snapshot[self.name].get(key, {}).get("_twins") or []
            if len(twins) > 1:
                found.append(f"{self.name}/{key}: the server has {len(twins)} budgets like this ({', '.join(twins)}): delete all but one")
            line = self._endpoints.missing(server, entry, entry["target_value"]) if entry["target_scope"] == "ENDPOINT" else ""
            if line:
                found.append(f"{self.name}/{key} is for {line}")
        return found

    def listing(self, server: Session, workspace: str) -> list[Entry]:
        return server.at(workspace).pages("3.0/gateway/budgets/list", self.listed, _PAGE)

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        for workspace in server.scopes(self, keys):
            names: dict[str, str] = {}
            found = self.listing(server, workspace)
            if any(item.get("target_scope") == "ENDPOINT" for item in found):
                names = {str(item["endpoint_id"]): str(item["name"]) for item in self._endpoints.listing(server, workspace)}
            for item in found:
                entry = {field: item[field] for field in self.fields if item.get(field) not in (None, "")}
                if entry["target_scope"] == "ENDPOINT":
                    entry["target_value"] = names.get(str(entry.get("target_value")), entry.get("target_value"))
                entry["workspace"] = workspace
                self.found(server, result, self.key(entry), str(item[self.identifier]), item, entry)
        return result

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = {field: entry[field] for field in self.fields if entry.get(field) is not None}
        if entry["target_scope"] == "ENDPOINT":
            body["target_value"] = self._endpoints.sure(server, str(entry.get("workspace") or ""), entry["target_value"])
        made = self.write(server, entry, "create", body)
        api = server.at(str(entry.get("workspace") or ""))
        alike = [item for item in self.listing(server, api.workspace) if all((item.get(field) or None) == body.get(field) for field in _IDENTITY)]
        keep_the_oldest(made, alike, self.identifier, "created_at", lambda number: api.delete("3.0/gateway/budgets/delete", **{self.identifier: number}))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        body = {change.path[0]: wanted[change.path[0]] for change in changes}
        if body:
            self.write(server, current, "update", {self.identifier: server.id_of(self.name, self.key(current)), **body})

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete("3.0/gateway/budgets/delete", **{self.identifier: server.id_of(self.name, self.key(current))})
