# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments. A deleted one keeps its name until it is purged on the server, so that declaring it again restores it."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from .. import documents, registry, renames
from ..scoped import ScopedFamily, mark_changes, plain_tags, tag_changes, tag_list, tags_of
from ..session import Session

_NOTE = "mlflow.note.content"
_PAGE = 5000


class Experiments(ScopedFamily):
    """Experiments by name."""

    name = "experiments"
    fields = {
        "name": documents.TEXT,
        renames.FIELD: documents.TEXT,
        "description": documents.TEXT,
        "tags": documents.MAP,
        "artifact_location": documents.TEXT,
        "lifecycle_stage": documents.Kind((str,), ("active",)),
    }
    # Where artifacts are is decided once; problems_there() says so.
    rules = Rules(ignored=frozenset({"workspace", "artifact_location", renames.FIELD}), strings=frozenset({"tags"}))

    def entries(self, document: Entry) -> list[Entry]:
        return [{**entry, "lifecycle_stage": "active"} for entry in super().entries(document)]

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document) + renames.problems(self.label, entries)
        for entry in entries:
            name = str(entry.get("name") or "")
            if len(name) > 500:
                found.append(f"{self.label(entry)}: the name is longer than 500 characters")
            if name == registry.EXPERIMENT:
                found.append(f"{self.label(entry)}: this name is taken by the modules themselves, for ownership marks: choose another")
            if isinstance(entry.get("tags"), dict) and _NOTE in entry["tags"]:
                found.append(f"{self.label(entry)}: {_NOTE} is the experiment's description: declare it as description")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            old, gone = entry.get(renames.FIELD), snapshot[self.name].get(key, {}).get("lifecycle_stage") == "deleted"
            if old and gone and documents.key(old, entry["workspace"]) in snapshot[self.name]:
                found.append(
                    f"{self.name}/{key}: {old!r} cannot get this name, for a deleted experiment has it: purge that one on the server with mlflow gc, "
                    f"or leave {renames.FIELD} out to restore it"
                )
            wanted, there = entry.get("artifact_location"), snapshot[self.name].get(key, {}).get("artifact_location")
            if wanted and not there and server.has_workspaces:
                found.append(
                    f"{self.name}/{key}: artifact_location cannot be chosen on a server with workspaces: set the workspace's default_artifact_root instead"
                )
            if wanted and there and str(wanted).rstrip("/") != str(there).rstrip("/"):
                found.append(f"{self.name}/{key}: artifact_location is {there} and cannot be changed: declare that one, or give the experiment another name")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        declared = server.declared(self)
        for workspace in server.scopes(self, keys):
            listed = [item for item in self._listed(server, workspace, keys) if self._counts(item, workspace, declared)]
            under = renames.keys(declared, [item["name"] for item in listed], workspace)
            for item in listed:
                key = under[item["name"]]
                server.learn(self.name, key, str(item["experiment_id"]), item)
                result[key] = self._entry(item, workspace, declared.get(key, {}))
        return result

    def _listed(self, server: Session, workspace: str, keys: t.Collection[str]) -> list[Entry]:
        api, every = server.at(workspace), ("2.0/experiments/search", "experiments", _PAGE)
        if not server.few(self, keys):
            return api.pages(*every, view_type="ALL")

        def one(name: str) -> Entry | None:
            answer = api.find("2.0/experiments/get-by-name", experiment_name=name)
            return answer["experiment"] if answer else None

        names = renames.asked(server.declared(self), keys, workspace)
        return server.singly(self, workspace, names, one, lambda: api.page(*every, view_type="ALL"))

    def _counts(self, item: Entry, workspace: str, declared: t.Mapping[str, Entry]) -> bool:
        """Whether it is neither ours nor gone for everybody who did not declare it."""
        deleted = item.get("lifecycle_stage") == "deleted"
        return item["name"] != registry.EXPERIMENT and not (deleted and documents.key(str(item["name"]), workspace) not in declared)

    def _entry(self, item: Entry, workspace: str, declared: Entry) -> Entry:
        tags = tags_of(item.get("tags"))
        return {
            "name": item["name"],
            "workspace": workspace,
            "description": tags.get(_NOTE, ""),
            "tags": plain_tags({key: value for key, value in tags.items() if key != _NOTE}, declared.get("tags") or {}),
            "artifact_location": item.get("artifact_location", ""),
            "lifecycle_stage": item.get("lifecycle_stage", "active"),
        }

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        found = super().mark(server, key, current)
        # Deleted, by us or by hand, it is like one that is missing: nobody changed it.
        return found._replace(applied={}) if found and current["lifecycle_stage"] == "deleted" else found

    def builtin(self, current: Entry) -> bool:
        return current.get("name") == "Default"  # MLflow's own, which it makes again

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        tags = {**(entry.get("tags") or {}), **({_NOTE: entry["description"]} if entry.get("description") else {})}
        body = {"name": entry["name"], "tags": tag_list(tags, mark)}
        if entry.get("artifact_location"):
            body["artifact_location"] = entry["artifact_location"]
        server.writes(self, entry["workspace"], entry["name"])
        made = server.at(entry["workspace"]).post("2.0/experiments/create", **body)
        server.learn(self.name, self.key(entry), str(made["experiment_id"]), {"tags": body["tags"]})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        key = self.key(wanted)
        api, identifier = server.at(current["workspace"]), server.id_of(self.name, key)
        server.writes(self, current["workspace"], current["name"], wanted["name"])
        if current["lifecycle_stage"] == "deleted":
            api.post("2.0/experiments/restore", experiment_id=identifier)
        if current["name"] != wanted["name"]:
            api.post("2.0/experiments/update", experiment_id=identifier, new_name=wanted["name"])
        before = tags_of(server.raw(self.name, key).get("tags"))
        texts, gone = tag_changes(changes, wanted)
        for change in changes:
            if change.path == ("description",):
                texts[_NOTE] = str(change.after or "")
        for name in gone:
            api.post("2.0/experiments/delete-experiment-tag", experiment_id=identifier, key=name)
        for name, value in {**texts, **mark_changes(mark, before)}.items():
            api.set("2.0/experiments/set-experiment-tag", experiment_id=identifier, key=name, value=value)

    def delete(self, server: Session, current: Entry) -> None:
        server.writes(self, current["workspace"], current["name"])
        server.at(current["workspace"]).post("2.0/experiments/delete", experiment_id=server.id_of(self.name, self.key(current)))
