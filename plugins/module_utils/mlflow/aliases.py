# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One alias of a registered model that somebody else makes, a pipeline for instance: the module mlflow_model_alias."""

from __future__ import annotations

import typing as t

from ..engine import marks
from ..engine.compare import Change, Rules
from ..engine.family import Entry
from . import documents
from .families.registered_models import alias_problems
from .scoped import ScopedFamily
from .session import Session


class ModelAliases(ScopedFamily):
    """Aliases by `model/alias`. They carry no mark: whom the model belongs to is not their business."""

    name = "model_aliases"
    fields = {"name": documents.TEXT, "model": documents.TEXT, "version": documents.Kind((str, int))}
    required = ("name", "model", "version")
    rules = Rules(ignored=frozenset({"workspace"}))
    prunable = False
    marked = False

    def key(self, entry: Entry) -> str:
        return documents.key(f"{entry.get('model') or ''}/{entry.get('name') or ''}", str(entry.get("workspace") or ""))

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            found += alias_problems(self.label(entry), {entry.get("name"): entry.get("version")})
            if entry.get("version") and not str(entry["version"]).isdigit():
                found.append(f"{self.label(entry)}: version {entry['version']!r} is no number: versions are counted from 1")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        missing = [key for key in entries if server.id_of(self.name, key) is None]
        return [f"{self.name}/{key}: there is no such registered model: register it first" for key in missing]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        for key in keys:
            path, workspace = documents.split(key)
            model, _sep, alias = path.rpartition("/")
            found = server.at(workspace).find("2.0/registered-models/get", name=model) if server.is_there(workspace) else None
            if not found:
                continue
            server.learn(self.name, key, model)
            for item in found["registered_model"].get("aliases") or []:
                if item["alias"] == alias:
                    result[key] = {"name": alias, "model": model, "workspace": workspace, "version": str(item["version"])}
        return result

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        return None

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        server.at(entry["workspace"]).set("2.0/registered-models/alias", name=entry["model"], alias=entry["name"], version=str(entry["version"]))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        self.create(server, wanted, mark)

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete("2.0/registered-models/alias", name=current["model"], alias=current["name"])
