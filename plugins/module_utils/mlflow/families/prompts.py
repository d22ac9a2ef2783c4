# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts. MLflow keeps them as registered models with a tag; each text is a version, and a version's text never changes."""

from __future__ import annotations

import json
import re
import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from .. import documents, model_versions, versions, with_experiments
from ..api import Api
from ..model_versions import IS_PROMPT, ONLY_PROMPTS, PAGE
from ..scoped import ScopedFamily, mark_changes, plain_tags, tag_changes, tag_list, tags_of
from ..session import Session
from .registered_models import alias_problems

_TEXT, _TYPE = "mlflow.prompt.text", "_mlflow_prompt_type"
# Fields that a version is made of: when one of them differs, a new version is made.
_VERSIONED = {"response_format": "_mlflow_prompt_response_format", "model_config": "_mlflow_prompt_model_config"}
_OF_VERSION = ("template", "version_tags", *_VERSIONED)
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
# MLflow takes this one alone, and never reads it.
_SOURCE = "prompt-template"
LATEST = "latest"
_EXPERIMENTS = "_mlflow_experiment_ids"  # as ",1,2,", which MLflow searches with LIKE


class Prompts(ScopedFamily):
    """Prompts by name; the declared text is that of their latest version."""

    name = "prompts"
    fields = {
        "name": documents.TEXT,
        "description": documents.TEXT,
        "tags": documents.MAP,
        "template": documents.Kind((str, list)),
        "response_format": documents.MAP,
        "model_config": documents.MAP,
        "commit_message": documents.TEXT,
        "version_tags": documents.MAP,
        "aliases": documents.MAP,
        **with_experiments.FIELDS,
    }
    rules = Rules(
        ignored=frozenset({"workspace", "commit_message"}),
        sets=frozenset({"experiments"}),
        strings=frozenset({"tags", "version_tags", "aliases"}),
        opaque=frozenset({"template", *_VERSIONED}),
    )

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        models = {(entry.get("name"), entry.get("workspace")) for entry in documents.within(document, ("registered_models",))}
        for entry in entries:
            label, name = self.label(entry), str(entry.get("name") or "")
            if name and not _NAME.fullmatch(name):
                found.append(f"{label}: the name of a prompt holds letters, digits, '_', '-' and '.' only")
            if (entry.get("name"), entry.get("workspace")) in models:
                found.append(f"{label}: a registered model of this name is declared too, and they share their names: rename one")
            template = entry.get("template")
            if isinstance(template, list) and not all(isinstance(one, dict) and {"role", "content"} <= set(one) for one in template):
                found.append(f"{label}: template: a chat is a list of maps with role and content")
            if template is None and any(entry.get(field) for field in (*_VERSIONED, "version_tags", "commit_message")):
                found.append(f"{label}: template is missing, and the other fields of a version are declared: give it too")
            found += alias_problems(label, entry.get("aliases"))
            for alias, wanted in (entry["aliases"] if isinstance(entry.get("aliases"), dict) else {}).items():
                if wanted is not None and str(wanted) != LATEST and not str(wanted).isdigit():
                    found.append(f"{label}: alias {alias} is declared for {wanted!r}: give the number of a version, or latest")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        return [line for key, entry in entries.items() for line in with_experiments.missing(f"{self.name}/{key}", entry, server)]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        declared = server.declared(self)
        for workspace in server.scopes(self, keys):
            for item in self._listed(server, keys, workspace):
                tags = tags_of(item.get("tags"))
                if IS_PROMPT not in tags:
                    continue
                key = documents.key(str(item["name"]), workspace)
                server.learn(self.name, key, str(item["name"]), item)
                result[key] = self._entry(server, item, workspace, tags, declared.get(key, {}))
        return result

    def _listed(self, server: Session, keys: t.Collection[str], workspace: str) -> list[Entry]:
        api = server.at(workspace)
        if not server.few(self, keys):
            return api.pages("2.0/registered-models/search", "registered_models", PAGE, filter=ONLY_PROMPTS)
        asked = [name for name, where in map(documents.split, keys) if where == workspace]
        answers = (api.find("2.0/registered-models/get", name=name) for name in asked)
        return [answer["registered_model"] for answer in answers if answer]

    def _entry(self, server: Session, item: Entry, workspace: str, tags: t.Mapping[str, str], declared: Entry) -> Entry:
        latest = _latest(item)
        texts = tags_of(latest.get("tags"))
        entry = {
            "name": item["name"],
            "workspace": workspace,
            "description": item.get("description", ""),
            "tags": plain_tags(tags, declared.get("tags") or {}),
        }
        if latest:
            entry["template"] = _parsed(texts.get(_TEXT, "")) if texts.get(_TYPE) == "chat" else texts.get(_TEXT, "")
            entry["version_tags"] = plain_tags(texts, declared.get("version_tags") or {})
            entry.update({field: _parsed(texts[tag]) for field, tag in _VERSIONED.items() if tag in texts})
        numbers = list(filter(None, tags.get(_EXPERIMENTS, "").split(",")))
        if server.tells:
            entry.update(with_experiments.told(server, numbers))
        elif with_experiments.are_declared(declared):
            entry["experiments"] = with_experiments.named(server, declared, numbers)
        if declared.get("aliases") is not None:
            entry["aliases"] = versions.aliases(declared["aliases"], item.get("aliases"), {LATEST: str(latest.get("version", ""))})
        return entry

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        api, names = server.at(entry["workspace"]), with_experiments.names(entry)
        first = mark.without(*(field for field in (*_OF_VERSION, "aliases") if entry.get(field) is not None)) if mark else None
        tags = tag_list({**(entry.get("tags") or {}), IS_PROMPT: "true", **(_shown_with(server, entry, names) if names else {})}, first)
        api.post("2.0/registered-models/create", name=entry["name"], description=entry.get("description") or "", tags=tags)
        server.learn(self.name, self.key(entry), str(entry["name"]), {"tags": tags})
        number = self._create_version(api, entry) if entry.get("template") is not None else ""
        for alias, wanted in (entry.get("aliases") or {}).items():
            if wanted is not None:
                self._set_alias(api, entry["name"], alias, wanted, number)
        self._mark(api, entry["name"], mark, first.texts() if first else {})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        key, name = self.key(current), current["name"]
        api, raw = server.at(current["workspace"]), server.raw(self.name, key)
        before = tags_of(raw.get("tags"))
        texts, gone = tag_changes(changes, wanted)
        touched = {change.path[0] for change in changes}
        if "experiments" in touched:
            texts.update(_shown_with(server, current, wanted.get("experiments") or []))
        if "description" in touched:
            api.patch("2.0/registered-models/update", name=name, description=wanted.get("description") or "")
        for tag, value in texts.items():
            api.set("2.0/registered-models/set-tag", name=name, key=tag, value=value)
        for tag in gone:
            api.delete("2.0/registered-models/delete-tag", name=name, key=tag)
        number = str(_latest(raw).get("version", ""))
        declared = (server.declared(self).get(key) or {}).get("aliases") or {}
        moved = {}
        if touched & {"template", *_VERSIONED} and wanted.get("template") is not None:
            moved = {alias: value for alias, value in declared.items() if value == LATEST}
            if moved:  # from the new version on, they are not where they were applied
                self._mark(api, name, mark.without("aliases", *_OF_VERSION) if mark else None, before)
            number = self._create_version(api, wanted, int(number or 0))
        elif "version_tags" in touched:
            self._tag_version(api, name, number, changes, wanted)
        for change in changes:
            if change.path[0] == "aliases":
                moved.update({change.path[1]: change.after} if len(change.path) > 1 else dict.fromkeys(change.before or {}))
        for alias, value in moved.items():
            if value is None:
                api.delete("2.0/registered-models/alias", name=name, alias=alias)
            else:
                self._set_alias(api, name, alias, value, number)
        self._mark(api, name, mark, before)

    def _mark(self, api: Api, name: str, mark: marks.Mark | None, before: dict[str, str]) -> None:
        """:param before: tags of the prompt, in which the mark is then."""
        for tag, value in mark_changes(mark, before).items():
            api.set("2.0/registered-models/set-tag", name=name, key=tag, value=value)
            before[tag] = value

    def _tag_version(self, api: Api, name: str, number: str, changes: t.Sequence[Change], wanted: Entry) -> None:
        own = [change._replace(path=("tags", *change.path[1:])) for change in changes if change.path[0] == "version_tags"]
        texts, gone = tag_changes(own, {"tags": wanted.get("version_tags")})
        for tag, value in texts.items():
            api.set("2.0/model-versions/set-tag", name=name, version=number, key=tag, value=value)
        for tag in gone:
            api.delete("2.0/model-versions/delete-tag", name=name, version=number, key=tag)

    def _create_version(self, api: Api, entry: Entry, latest: int = 0) -> str:
        template = entry["template"]
        chat = isinstance(template, list)
        tags = tag_list(
            {
                **(entry.get("version_tags") or {}),
                IS_PROMPT: "true",
                _TEXT: json.dumps(template) if chat else template,
                _TYPE: "chat" if chat else "text",
                **{tag: json.dumps(entry[field]) for field, tag in _VERSIONED.items() if entry.get(field)},
            }
        )
        message = {"description": entry["commit_message"]} if entry.get("commit_message") else {}

        def is_same(there: Entry) -> bool:
            return tags_of(tags).items() <= tags_of(there.get("tags")).items()

        return model_versions.create(api, entry["name"], latest, is_same, prompt=True, source=_SOURCE, tags=tags, **message)

    def _set_alias(self, api: Api, name: str, alias: str, wanted: t.Any, latest: str) -> None:
        api.set("2.0/registered-models/alias", name=name, alias=alias, version=latest if str(wanted) == LATEST else str(wanted))

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete("2.0/registered-models/delete", name=current["name"])


def _shown_with(server: Session, entry: Entry, names: t.Sequence[str]) -> dict[str, str]:
    """The tag that says with which experiments MLflow shows a prompt."""
    numbers = [with_experiments.number(server, entry["workspace"], name) for name in names]
    return {_EXPERIMENTS: f",{','.join(numbers)}," if numbers else ""}


def _latest(item: Entry) -> Entry:
    return max(item.get("latest_versions") or [{}], key=lambda one: int(one.get("version", 0)))


def _parsed(text: str) -> t.Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
