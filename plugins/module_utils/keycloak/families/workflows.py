# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows: what Keycloak does by itself some time after an event."""

from __future__ import annotations

import re
import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.errors import RefusedError
from ...engine.family import Entry
from ..api import Api
from ..base import Base, plain, without
from ..lookups import installed
from ..session import Session

_PATH = "/workflows"


class Workflows(Base):
    """`workflows`, as the Admin API has them; exports hold only their shells."""

    name = "workflows"
    known = frozenset({"id", "name", "enabled", "on", "if", "schedule", "concurrency", "steps", "state", "with"})
    rules = Rules(strings=frozenset({"concurrency"}), opaque=frozenset({"steps"}), defaults={"enabled": True})
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        return [_entry(entry) for entry in document.get(self.name) or []]

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            steps = entry.get("steps") if isinstance(entry, dict) else None
            if steps is not None and not (isinstance(steps, list) and all(isinstance(step, dict) and step.get("uses") for step in steps)):
                found.append(f"{self.name}/{entry.get('name')}: steps: expected a list of maps, each with uses")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if entries and server.realm and not snapshot[self.name] and listed(server.api) is None:
            return [f"{self.name}: {server.api.http.base} has none: they came with Keycloak 26.4 as feature workflows; switch that on, or leave them out"]
        found = []
        for key, entry in entries.items():
            there = snapshot[self.name].get(key) or {}
            for kind, names, had in (("event", _events(entry), _events(there)), ("step", _uses(entry), _uses(there))):
                known = installed(server, f"workflow-{kind}") if names - had else frozenset()
                found += [f"{self.name}/{key}: there is no {kind} {name}, only {', '.join(sorted(known))}" for name in sorted(names - had - known) if known]
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        result = {}
        for one in listed(server.api) or []:
            server.learn(self.name, str(one["name"]), str(one["id"]))
            result[str(one["name"])] = {"enabled": True, **_entry(one), "id": one["id"]}
        return result

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        server.learn(self.name, self.key(entry), server.api.post(_PATH, entry))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            server.api.put(f"{_PATH}/{current['id']}", plain(wanted))

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"{_PATH}/{current['id']}")
        server.forget(self.name, str(current["name"]))


def listed(api: Api) -> list[Entry] | None:
    """The server's workflows; None where it has no such feature."""
    try:
        return api.pages(_PATH)
    except RefusedError as exc:
        if exc.status in (404, 501):
            return None
        raise


def _events(entry: Entry) -> set[str]:
    """Names of the events in an expression such as `user-created or user-group-membership-added(/staff)`."""
    return set(re.sub(r"\([^)]*\)", " ", str(entry.get("on") or "")).split()) - {"or", "and"}


def _uses(entry: Entry) -> set[str]:
    return {str(step["uses"]) for step in entry.get("steps") or []}


def _entry(entry: Json) -> Json:
    """A workflow without identifiers, and a list of one value as the value: so the server keeps it."""
    if not isinstance(entry, dict):
        return entry
    result = without(entry, "id", "state")
    if isinstance(result.get("steps"), list):
        result["steps"] = [_step(step) if isinstance(step, dict) else step for step in result["steps"]]
    return result


def _step(step: Entry) -> Entry:
    result = without(step, "id")
    if isinstance(result.get("with"), dict):
        result["with"] = {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in result["with"].items()}
    return result
