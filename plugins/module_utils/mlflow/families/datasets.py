# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluation datasets. MLflow takes the same name twice; here one name is one dataset."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.family import Entry
from ...engine.http import quote
from .. import documents, with_experiments
from ..scoped import ScopedFamily, keep_the_oldest, mark_changes, plain_tags, tag_changes

if t.TYPE_CHECKING:
    from ..session import Session

_PAGE = 1000
_RECORD = {"inputs": documents.MAP, "expectations": documents.MAP, "tags": documents.MAP}


class Datasets(ScopedFamily):
    """Datasets by name. Records are told apart by their inputs."""

    name = "datasets"
    fields = {"name": documents.TEXT, "tags": documents.MAP, **with_experiments.FIELDS, "records": documents.LIST}
    rules = Rules(
        ignored=frozenset({"workspace"}),
        sets=frozenset({"experiments"}),
        strings=frozenset({"tags"}),
        keyed={"records": "record"},
        opaque=frozenset({"inputs"}),
    )

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            if isinstance(entry.get("records"), list):
                entry["records"] = [{"record": _record(item.get("inputs")), **item} for item in entry["records"] if isinstance(item, dict)]
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in documents.within(document, self.path):
            seen: set[str] = set()
            for number, item in enumerate(entry.get("records") or [] if isinstance(entry.get("records"), list) else []):
                where = f"{self.label(entry)}: records[{number}]"
                if not isinstance(item, dict):
                    found.append(f"{where}: expected a map with inputs")
                    continue
                found += documents.entry_problems(where, item, _RECORD, ("inputs",))
                if _record(item.get("inputs")) in seen:
                    found.append(f"{where} has the inputs of another record, and MLflow keeps one of the two: merge them")
                seen.add(_record(item.get("inputs")))
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            twins = server.raw(self.name, key).get("twins") or []
            if twins:
                found.append(f"{self.name}/{key}: there are {len(twins) + 1} datasets of this name ({', '.join(twins)}, …): delete all but one of them")
            found += with_experiments.missing(f"{self.name}/{key}", entry, server)
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        declared = server.declared(self)
        for workspace in server.scopes(self, keys):
            for item in self._listed(server, workspace, keys):
                key = documents.key(str(item["name"]), workspace)
                if key in result:
                    server.raw(self.name, key)["twins"].append(item["dataset_id"])
                    continue
                tags = {str(name): str(value) for name, value in (json.loads(item.get("tags") or "{}") or {}).items()}
                server.learn(self.name, key, item["dataset_id"], {"tags": tags, "twins": []})
                wanted = declared.get(key, {})
                entry = {"workspace": workspace, "name": item["name"], "tags": plain_tags(tags, wanted.get("tags") or {})}
                if key in keys or server.tells:
                    self._details(server, entry, item["dataset_id"], wanted)
                result[key] = entry
        return result

    def _listed(self, server: Session, workspace: str, keys: t.Collection[str]) -> list[Json]:
        api = server.at(workspace)
        names = [name for name, where in map(documents.split, keys) if where == workspace]
        if server.few(self, keys) and not any("'" in name for name in names):
            return [item for name in names for item in api.pages("3.0/datasets/search", "datasets", _PAGE, "POST", filter_string=f"name = '{name}'")]
        return api.pages("3.0/datasets/search", "datasets", _PAGE, "POST")

    def _details(self, server: Session, entry: Entry, identifier: str, wanted: Entry) -> None:
        """What costs a request of its own, where it is declared."""
        api = server.at(entry["workspace"])
        if with_experiments.are_declared(wanted) or server.tells:
            numbers = api.get(f"3.0/datasets/{identifier}/experiment-ids").get("experiment_ids") or []
            entry.update(with_experiments.told(server, numbers) if server.tells else {"experiments": with_experiments.named(server, wanted, numbers)})
        if "records" in wanted:
            listed = self._records(server, entry["workspace"], identifier)
            entry["records"] = [{"record": _record(item.get("inputs")), **{field: item.get(field) or {} for field in _RECORD}} for item in listed]
            server.raw(self.name, self.key(entry))["records"] = {_record(item.get("inputs")): item["dataset_record_id"] for item in listed}

    def _records(self, server: Session, workspace: str, identifier: str) -> list[Json]:
        found: list[Json] = []
        token = None
        while True:
            page = server.at(workspace).get(f"3.0/datasets/{identifier}/records", max_results=1000, page_token=token)
            found += json.loads(page.get("records") or "[]")
            token = page.get("next_page_token")
            if not token:
                return found

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        return marks.read(server.raw(self.name, key).get("tags"))

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        first = marks.first(mark, entry, "records")
        tags = {**(entry.get("tags") or {}), **(first.texts() if first else {})}
        made = server.at(entry["workspace"]).post(
            "3.0/datasets/create",
            name=entry["name"],
            experiment_ids=[server.experiment_id(entry["workspace"], name) for name in with_experiments.names(entry)],
            tags=json.dumps({key: value for key, value in tags.items() if value is not None}),
        )["dataset"]
        alike = [item for item in self._listed(server, entry["workspace"], [self.key(entry)]) if item["name"] == entry["name"]]
        api = server.at(entry["workspace"])
        keep_the_oldest(made["dataset_id"], alike, "dataset_id", "created_time", lambda number: api.delete(f"3.0/datasets/{number}"))
        server.learn(self.name, self.key(entry), made["dataset_id"], {"tags": tags, "twins": []})
        self._put_records(server, entry, entry.get("records") or [])
        left = mark_changes(mark, tags)
        if left:
            api.patch(f"3.0/datasets/{made['dataset_id']}/tags", tags=json.dumps(left))

    def _put_records(self, server: Session, entry: Entry, records: t.Sequence[Entry]) -> None:
        if records:
            body = json.dumps([{field: item[field] for field in _RECORD if item.get(field) is not None} for item in records])
            server.at(entry["workspace"]).post(f"3.0/datasets/{server.id_of(self.name, self.key(entry))}/records", records=body)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        key = self.key(current)
        api, path = server.at(current["workspace"]), f"3.0/datasets/{server.id_of(self.name, key)}"
        texts, gone = tag_changes(changes, wanted)
        for name in gone:
            api.delete(f"{path}/tags/{quote(name)}")
        fields = {change.path[0] for change in changes}
        if "experiments" in fields:
            before, after = set(current.get("experiments") or []), set(wanted.get("experiments") or [])
            for verb, names in (("add", after - before), ("remove", before - after)):
                if names:
                    numbers = [with_experiments.number(server, current["workspace"], name) for name in sorted(names)]
                    api.post(f"{path}/{verb}-experiments", experiment_ids=numbers)
        if "records" in fields:
            touched = {change.path[1] for change in changes if change.path[0] == "records" and len(change.path) > 1}
            left = {item["record"]: item for item in wanted.get("records") or []}
            self._put_records(server, current, [item for record, item in left.items() if record in touched])
            removed = [number for record, number in (server.raw(self.name, key).get("records") or {}).items() if record not in left]
            if removed:
                api.delete(f"{path}/records", dataset_record_ids=removed)
        texts.update(mark_changes(mark, server.raw(self.name, key).get("tags") or {}))
        if texts:
            api.patch(f"{path}/tags", tags=json.dumps(texts))

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete(f"3.0/datasets/{server.id_of(self.name, self.key(current))}")


def _record(inputs: Json) -> str:
    """What a record is called: its inputs are too long for it."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:10]
