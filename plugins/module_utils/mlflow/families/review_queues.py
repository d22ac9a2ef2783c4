# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queues in which people review an experiment's traces. What is in a queue is work, not configuration, and stays out of here."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.errors import EngineError
from ...engine.family import Entry
from .. import documents
from ..in_experiment import ExperimentFamily, pages

if t.TYPE_CHECKING:
    from ..session import Session


class ReviewQueues(ExperimentFamily):
    """Review queues that people set up; everybody's own queue makes itself."""

    name = "review_queues"
    since = (3, 14)
    fields = {
        "experiment": documents.TEXT,
        "name": documents.TEXT,
        "users": documents.LIST,
        "+users": documents.LIST,
        "schemas": documents.LIST,
        "+schemas": documents.LIST,
        "owner": documents.TEXT,
    }
    rules = Rules(ignored=frozenset({"workspace", "experiment"}), sets=frozenset({"users", "schemas"}))

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            for field in ("users", "+users"):
                if isinstance(entry.get(field), list):
                    entry[field] = [str(name).strip().lower() for name in entry[field]]  # as the server keeps them
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = super().problems_there(entries, snapshot, server)
        if found:
            return found
        declared = {(e["workspace"], e.get("experiment"), e.get("name")) for e in documents.within(server.document, ("label_schemas",))}
        for key, entry in entries.items():
            for name in [*(entry.get("schemas") or []), *(entry.get("+schemas") or [])]:
                if (entry["workspace"], entry["experiment"], name) not in declared and name not in self._schemas(server, entry):
                    found.append(f"{self.name}/{key}: experiment {entry['experiment']} has no label schema {name!r}: declare it under label_schemas")
        return found

    def _schemas(self, server: Session, entry: Entry) -> dict[str, str]:
        """Label schemas of the experiment of a queue: identifiers by name."""
        number = server.experiment_id(entry["workspace"], entry["experiment"])
        listed = pages(server, entry["workspace"], "3.0/label-schemas/list", "label_schemas", number) if number else []
        return {item["name"]: item["schema_id"] for item in listed}

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result = {}
        spelt = {key.lower(): key for key in keys}  # names that differ in case only are the same
        for workspace, experiment, number in self.places(server, keys):
            listed = pages(server, workspace, "3.0/review-queues/list", "review_queues", number)
            place = {"workspace": workspace, "experiment": experiment}
            names = {number: name for name, number in self._schemas(server, place).items()} if any(item.get("schema_ids") for item in listed) else {}
            for item in listed:
                if item.get("queue_type") != "CUSTOM":
                    continue
                entry = {
                    **place,
                    "name": item["name"],
                    "users": item.get("users") or [],
                    "schemas": [names.get(schema, f"#{schema}") for schema in item.get("schema_ids") or []],
                    "owner": item.get("created_by") or "",
                }
                key = self.key(entry)
                key = spelt.get(key.lower(), key)
                server.learn(self.name, key, item["queue_id"], item)
                result[key] = entry
        return result

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        users, schemas = entry.get("users") or entry.get("+users") or [], entry.get("schemas") or entry.get("+schemas") or []
        made = server.at(entry["workspace"]).post(
            "3.0/review-queues/create", experiment_id=self.experiment(server, entry), name=entry["name"], queue_type="CUSTOM", users=users,
            schema_ids=self._ids(server, entry, schemas),
        )  # fmt: skip
        number = made["review_queue"]["queue_id"]
        server.learn(self.name, self.key(entry), number)
        if entry.get("owner"):
            server.at(entry["workspace"]).post("3.0/review-queues/update", queue_id=number, new_owner=entry["owner"])

    def _ids(self, server: Session, entry: Entry, names: t.Sequence[str]) -> list[str]:
        there = self._schemas(server, entry) if names else {}
        missing = [name for name in names if name not in there and not name.startswith("#")]
        if missing:
            raise EngineError(f"experiment {entry['experiment']} has no label schema {missing[0]!r}: declare it under label_schemas")
        return [there.get(name, name[1:]) for name in names]

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        fields = {change.path[0] for change in changes}
        body: dict[str, Json] = {}
        if "name" in fields:
            body["name"] = wanted["name"]
        if "users" in fields:
            body.update(users=wanted.get("users") or [], update_users=True)
        if "schemas" in fields:
            body.update(schema_ids=self._ids(server, current, wanted.get("schemas") or []), update_schema_ids=True)
        if wanted.get("owner") and "owner" in fields:
            body["new_owner"] = wanted["owner"]
        if body:
            server.at(current["workspace"]).post("3.0/review-queues/update", queue_id=self._id(server, current, wanted), **body)

    def _id(self, server: Session, current: Entry, wanted: Entry) -> str | None:
        return server.id_of(self.name, self.key(wanted)) or server.id_of(self.name, self.key(current))

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).post("3.0/review-queues/delete", queue_id=server.id_of(self.name, self.key(current)))
