# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registered models with their versions, tags and aliases."""

from __future__ import annotations

import re
import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.errors import RefusedError
from ...engine.family import Entry
from .. import documents, model_versions, renames, versions
from ..api import Api
from ..scoped import ScopedFamily, mark_changes, plain_tags, tag_changes, tag_list, tags_of
from ..session import Session

_RESERVED_ALIAS = re.compile(r"v\d+|latest", re.IGNORECASE)
_VERSION = {
    "source": documents.TEXT,
    "run_id": documents.TEXT,
    "model_id": documents.TEXT,
    "label": documents.TEXT,
    "key": documents.TEXT,
    "description": documents.TEXT,
    "tags": documents.MAP,
}


def alias_problems(label: str, aliases: t.Any) -> list[str]:
    """Aliases that the server keeps for itself."""
    names = [name for name in aliases if _RESERVED_ALIAS.fullmatch(str(name))] if isinstance(aliases, dict) else []
    return [f"{label}: {name} cannot be an alias: MLflow keeps latest, and v followed by a number, for itself" for name in names]


class RegisteredModels(ScopedFamily):
    """Registered models by name. Their versions and aliases are looked at only where they are declared: pipelines make them too."""

    name = "registered_models"
    fields = {
        "name": documents.TEXT,
        renames.FIELD: documents.TEXT,
        "description": documents.TEXT,
        "tags": documents.MAP,
        "aliases": documents.MAP,
        "versions": documents.LIST,
    }
    rules = Rules(ignored=frozenset({"workspace", renames.FIELD}), strings=frozenset({"tags", "aliases"}), keyed={"versions": "key"})

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            if isinstance(entry.get("versions"), list):
                entry["versions"] = [{**one, "key": versions.key(one)} if isinstance(one, dict) else one for one in entry["versions"]]
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document) + renames.problems(self.label, entries)
        for entry in entries:
            label = self.label(entry)
            if set(str(entry.get("name") or "")) & set("/:"):
                found.append(f"{label}: the name of a model holds neither / nor :, for model URIs are made of it")
            found += alias_problems(label, entry.get("aliases")) + self._version_problems(label, entry)
        return found

    def _version_problems(self, label: str, entry: Entry) -> list[str]:
        found: list[str] = []
        seen: set[str] = set()
        declared = entry.get("versions") if isinstance(entry.get("versions"), list) else []
        for one in declared or []:
            if not isinstance(one, dict):
                found.append(f"{label}: versions: expected a list of maps, each with a source")
                continue
            found += documents.entry_problems(f"{label}: versions", one, _VERSION, ("source",))
            if one["key"] in seen:
                found.append(f"{label}: versions: {one['key']} is declared twice: give each a label")
            seen.add(one["key"])
        for alias, wanted in (entry["aliases"] if isinstance(entry.get("aliases"), dict) else {}).items():
            if wanted is not None and not str(wanted).isdigit() and str(wanted) not in seen:
                found.append(f"{label}: alias {alias} names {wanted!r}, which is neither the number of a version nor the label or source of one declared here")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            there = {one["key"]: one for one in snapshot[self.name].get(key, {}).get("versions") or []}
            for one in entry.get("versions") or []:
                for field in ("source", "run_id", "model_id"):
                    old = there.get(one["key"], {}).get(field)
                    if one.get(field) and old and one[field] != old:
                        found.append(f"{self.name}/{key}: version {one['key']} has {field} {old} and that cannot be changed: declare it under another label")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        declared = server.declared(self)
        for workspace in server.scopes(self, keys):
            api = server.at(workspace)
            listed = self._listed(server, workspace, renames.asked(declared, keys, workspace), keys)
            names = renames.keys(declared, [item["name"] for item in listed], workspace)
            for item in listed:
                key = names[item["name"]]
                wanted = declared.get(key, {})
                entry = _seen(item, workspace, wanted)
                numbers: dict[str, str] = {}
                if wanted.get("versions") is not None:
                    entry["versions"], numbers = versions.entries(wanted["versions"], self._versions(api, item))
                if wanted.get("aliases") is not None:
                    entry["aliases"] = versions.aliases(wanted["aliases"], item.get("aliases"), numbers)
                server.learn(self.name, key, str(item["name"]), {**item, "numbers": numbers})
                result[key] = entry
        return result

    def _listed(self, server: Session, workspace: str, names: t.Sequence[str], keys: t.Collection[str]) -> list[Entry]:
        api, every = server.at(workspace), ("2.0/registered-models/search", "registered_models", model_versions.PAGE)

        def one(name: str) -> Entry | None:
            answer = api.find("2.0/registered-models/get", name=name)
            return answer["registered_model"] if answer else None

        found = server.singly(self, workspace, names, one, lambda: api.page(*every)) if server.few(self, keys) else api.pages(*every)
        return [item for item in found if model_versions.IS_PROMPT not in tags_of(item.get("tags"))]

    def _versions(self, api: Api, item: Entry) -> list[Entry]:
        return model_versions.listed(api, str(item["name"])) if item.get("latest_versions") else []

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> Entry | None:
        api = server.at(entry["workspace"])
        server.writes(self, entry["workspace"], entry["name"])
        first = marks.first(mark, entry, "versions", "aliases")
        tags = tag_list(entry.get("tags"), first)
        answer = api.post("2.0/registered-models/create", name=entry["name"], description=entry.get("description") or "", tags=tags)
        item = answer["registered_model"]
        server.learn(self.name, self.key(entry), str(entry["name"]), item)
        numbers: dict[str, str] = {}
        for one in entry.get("versions") or []:
            self._create_version(api, entry["name"], one, numbers)
        for alias, wanted in (entry.get("aliases") or {}).items():
            if wanted is not None:
                self._set_alias(api, entry["name"], alias, wanted, numbers)
        for tag, value in mark_changes(mark, first.texts() if first else {}).items():
            api.set("2.0/registered-models/set-tag", name=entry["name"], key=tag, value=value)
        if entry.get("versions") or entry.get("aliases"):
            return None  # what was made after it is not in the answer
        server.wrote(self, entry["workspace"], item)
        return _seen(item, entry["workspace"], entry)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        key, name = self.key(wanted), wanted["name"]
        api, raw = server.at(current["workspace"]), server.raw(self.name, key)
        server.writes(self, current["workspace"], current["name"], name)
        if current["name"] != name:
            api.post("2.0/registered-models/rename", name=current["name"], new_name=name)
            server.learn(self.name, key, name, raw)
        texts, gone = tag_changes(changes, wanted)
        if any(change.path == ("description",) for change in changes):
            api.patch("2.0/registered-models/update", name=name, description=wanted.get("description") or "")
        for tag, value in texts.items():
            api.set("2.0/registered-models/set-tag", name=name, key=tag, value=value)
        for tag in gone:
            api.delete("2.0/registered-models/delete-tag", name=name, key=tag)
        numbers = dict(raw.get("numbers") or {})
        touched = {change.path[1]: None for change in changes if change.path[0] == "versions" and len(change.path) > 1}
        for label in touched:
            own = [change._replace(path=change.path[2:]) for change in changes if change.path[:2] == ("versions", label)]
            self._write_version(api, name, label, own, wanted, numbers)
        for change in changes:
            if change.path[0] == "aliases":
                self._write_aliases(api, name, change, numbers)
        for tag, value in mark_changes(mark, tags_of(raw.get("tags"))).items():
            api.set("2.0/registered-models/set-tag", name=name, key=tag, value=value)

    def _write_version(self, api: Api, name: str, label: str, changes: t.Sequence[Change], wanted: Entry, numbers: dict[str, str]) -> None:
        """Creates, changes or deletes one version.

        :param changes: its own, by their path below it.
        :param numbers: numbers of the versions that are there, by label; a new one is added.
        """
        one = next((one for one in wanted.get("versions") or [] if one["key"] == label), None)
        if one is None:
            api.delete("2.0/model-versions/delete", name=name, version=numbers[label])
            return
        if label not in numbers:
            self._create_version(api, name, one, numbers)
            return
        if any(change.path == ("description",) for change in changes):
            api.patch("2.0/model-versions/update", name=name, version=numbers[label], description=one.get("description") or "")
        texts, gone = tag_changes(changes, one)
        for tag, value in texts.items():
            api.set("2.0/model-versions/set-tag", name=name, version=numbers[label], key=tag, value=value)
        for tag in gone:
            api.delete("2.0/model-versions/delete-tag", name=name, version=numbers[label], key=tag)

    def _create_version(self, api: Api, name: str, one: Entry, numbers: dict[str, str]) -> None:
        """:param numbers: numbers of the versions that are there, by label; that of the new one is added."""
        tags = tag_list({**(one.get("tags") or {}), **({versions.LABEL: one["label"]} if one.get("label") else {})})
        given = {field: one[field] for field in ("source", "run_id", "model_id", "description") if one.get(field)}
        latest = max(map(int, numbers.values()), default=0)

        def is_same(there: Entry) -> bool:
            return versions.is_same(one, there) and all((there.get(field) or "") == (one.get(field) or "") for field in ("source", "run_id", "model_id"))

        numbers[one["key"]] = model_versions.create(api, name, latest, is_same, tags=tags, **given)

    def _write_aliases(self, api: Api, name: str, change: Change, numbers: t.Mapping[str, str]) -> None:
        whole = {change.path[1]: change.after} if len(change.path) > 1 else {**dict.fromkeys(change.before or {}), **(change.after or {})}
        for alias, wanted in whole.items():
            if wanted is None:
                api.delete("2.0/registered-models/alias", name=name, alias=alias)
            else:
                self._set_alias(api, name, alias, wanted, numbers)

    def _set_alias(self, api: Api, name: str, alias: str, wanted: t.Any, numbers: t.Mapping[str, str]) -> None:
        number = versions.target(wanted, numbers)
        try:
            api.set("2.0/registered-models/alias", name=name, alias=alias, version=number)
        except RefusedError as exc:
            if exc.status != 404:
                raise
            raise RefusedError(
                f"alias {alias} of {name} cannot point at version {number}, for there is none: declare the version, or correct the number",
                status=404,
                code=exc.code,
            ) from exc

    def delete(self, server: Session, current: Entry) -> None:
        server.writes(self, current["workspace"], current["name"])
        server.at(current["workspace"]).delete("2.0/registered-models/delete", name=current["name"])


def _seen(item: Entry, workspace: str, wanted: Entry) -> Entry:
    """A model as the document would have it, from the server's answer; without its versions and aliases."""
    tags = plain_tags(tags_of(item.get("tags")), wanted.get("tags") or {})
    return {"name": item["name"], "workspace": workspace, "description": item.get("description", ""), "tags": tags}
