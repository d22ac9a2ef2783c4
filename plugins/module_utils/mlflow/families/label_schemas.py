# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that reviewers of an experiment are asked."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from .. import documents
from ..in_experiment import ExperimentFamily, pages

if t.TYPE_CHECKING:
    from ..session import Session

_INPUTS = {
    "pass_fail": {"positive_label": documents.TEXT, "negative_label": documents.TEXT},
    "categorical": {"options": documents.LIST, "multi_select": documents.FLAG},
    "numeric": {"min_value": documents.NUMBER, "max_value": documents.NUMBER},
    "text": {"max_length": documents.WHOLE},
}


class LabelSchemas(ExperimentFamily):
    """Label schemas. What kind of answer they ask for is decided once."""

    name = "label_schemas"
    since = (3, 14)
    fields = {
        "experiment": documents.TEXT,
        "name": documents.TEXT,
        "type": documents.Kind((str,), ("feedback", "expectation")),
        "instruction": documents.TEXT,
        "enable_comment": documents.FLAG,
        "input": documents.MAP,
    }
    required = ("experiment", "name", "type", "input")
    rules = Rules(ignored=frozenset({"workspace", "experiment"}), defaults={"enable_comment": False})

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            numeric = entry["input"].get("numeric") if isinstance(entry.get("input"), dict) else None
            if isinstance(numeric, dict):
                # The server keeps them as floating point.
                bounds = {key: float(value) if isinstance(value, int) else value for key, value in numeric.items()}
                entry["input"] = {**entry["input"], "numeric": bounds}
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            label, given = self.label(entry), entry.get("input")
            if str(entry.get("name")).strip().lower() == "feedback":
                found.append(f"{label}: MLflow keeps this name for the question that every experiment has: choose another")
            if not isinstance(given, dict):
                continue
            if len(given) != 1 or next(iter(given)) not in _INPUTS:
                found.append(f"{label}: input needs exactly one of {', '.join(_INPUTS)}")
            elif isinstance(next(iter(given.values())), dict):
                kind, details = next(iter(given.items()))
                found += documents.entry_problems(f"{label}: input.{kind}", details, _INPUTS[kind], ())
            elif next(iter(given.values())) is not None:
                found.append(f"{label}: input.{next(iter(given))}: expected a map")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = super().problems_there(entries, snapshot, server)
        for key, entry in entries.items():
            there = snapshot[self.name].get(key)
            if there and (entry["type"], _kind(entry)) != (there["type"], _kind(there)):
                found.append(
                    f"{self.name}/{key}: it is there as {there['type']} with {_kind(there)}, which cannot be changed, since answers were given by it: "
                    "give the new question another name, or delete the old one first"
                )
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result = {}
        for workspace, experiment, number in self.places(server, keys):
            for item in pages(server, workspace, "3.0/label-schemas/list", "label_schemas", number):
                entry = {
                    "workspace": workspace,
                    "experiment": experiment,
                    "name": item["name"],
                    "type": str(item["type"]).lower(),
                    "instruction": item.get("instruction") or "",
                    "enable_comment": bool(item.get("enable_comment")),
                    "input": item.get("input") or {},
                }
                key = self.key(entry)
                server.learn(self.name, key, item["schema_id"], item)
                if not item.get("is_default"):  # the server's own, which nobody can change
                    result[key] = entry
        return result

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = {field: entry[field] for field in ("name", "instruction", "enable_comment", "input") if entry.get(field) is not None}
        made = server.at(entry["workspace"]).post("3.0/label-schemas/create", experiment_id=self.experiment(server, entry), type=entry["type"].upper(), **body)
        server.learn(self.name, self.key(entry), made["label_schema"]["schema_id"])

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        fields = {change.path[0] for change in changes}
        if fields:
            body = {field: wanted.get(field, "" if field == "instruction" else False) for field in fields}
            server.at(current["workspace"]).patch("3.0/label-schemas/update", schema_id=server.id_of(self.name, self.key(current)), **body)

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete("3.0/label-schemas/delete", schema_id=server.id_of(self.name, self.key(current)))


def _kind(entry: Entry) -> str:
    for kind, details in entry["input"].items():
        return f"{kind} input{' of several choices' if (details or {}).get('multi_select') else ''}"
    return "no input"
