# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks. The server accepts one name twice; a declared name that it has twice is refused, for nobody can tell which is meant."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import MASK, Change, Rules
from ...engine.family import Entry
from ...engine.http import quote
from .. import documents
from ..scoped import TwinFamily, keep_the_oldest
from ..session import Session

_PAGE = 100
# What the server knows; it refuses every other pair.
EVENTS = frozenset(
    {
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_tag.deleted",
        "model_version_alias.created",
        "model_version_alias.deleted",
        "prompt.created",
        "prompt_version.created",
        "prompt_tag.set",
        "prompt_tag.deleted",
        "prompt_version_tag.set",
        "prompt_version_tag.deleted",
        "prompt_alias.created",
        "prompt_alias.deleted",
        "budget_policy.exceeded",
    }
)


class Webhooks(TwinFamily):
    """Webhooks by name. The server never returns their secret."""

    name = "webhooks"
    registered = True
    fields = {
        "name": documents.TEXT,
        "url": documents.TEXT,
        "events": documents.LIST,
        "description": documents.TEXT,
        "status": documents.Kind((str,), ("ACTIVE", "DISABLED")),
        "secret": documents.TEXT,
    }
    required = ("name", "url", "events")
    rules = Rules(ignored=frozenset({"workspace", "_twins"}), sets=frozenset({"events"}), secrets=frozenset({"secret"}), defaults={"status": "ACTIVE"})

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            if isinstance(entry.get("events"), list):
                entry["events"] = [_event(one) for one in entry["events"]]
            if isinstance(entry.get("status"), str):
                entry["status"] = entry["status"].upper()
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            for event in entry.get("events") or []:
                if event not in EVENTS:
                    found.append(f"{self.label(entry)}: events: {documents.unknown(event, EVENTS)}")
            if entry.get("url") and not str(entry["url"]).startswith(("https://", "http://")):
                found.append(f"{self.label(entry)}: url {entry['url']!r} is no web address: give it as https://…")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        return [
            f"{self.name}/{key}: the server has {len(twins)} webhooks of this name ({', '.join(twins)}): delete all but one, so that it is clear which is meant"
            for key in entries
            if len(twins := snapshot[self.name].get(key, {}).get("_twins") or []) > 1
        ]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        for workspace in server.scopes(self, keys):
            for item in server.at(workspace).pages("2.0/webhooks", "webhooks", _PAGE):
                key = documents.key(str(item["name"]), workspace)
                entry = {
                    "name": item["name"],
                    "workspace": workspace,
                    "url": item.get("url", ""),
                    "events": sorted(map(_event, item.get("events") or [])),
                    "description": item.get("description", ""),
                    "status": item.get("status", "ACTIVE"),
                    "secret": MASK,  # it may have one or not: nobody is told
                }
                self.found(server, result, key, str(item["webhook_id"]), item, entry)
        return result

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        api = server.at(entry["workspace"])
        made = str(api.post("2.0/webhooks", **_body(entry))["webhook"]["webhook_id"])
        alike = [item for item in api.pages("2.0/webhooks", "webhooks", _PAGE) if item["name"] == entry["name"]]
        keep_the_oldest(made, alike, "webhook_id", "creation_timestamp", lambda number: api.delete(f"2.0/webhooks/{quote(number)}"))
        server.learn(self.name, self.key(entry), made)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        body = _body({field: wanted.get(field) for field in {change.path[0] for change in changes}})
        if body:
            server.at(current["workspace"]).patch(f"2.0/webhooks/{quote(str(server.id_of(self.name, self.key(current))))}", **body)

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete(f"2.0/webhooks/{quote(str(server.id_of(self.name, self.key(current))))}")


def _event(event: t.Any) -> str:
    if isinstance(event, dict):
        return f"{event.get('entity', '')}.{event.get('action', '')}".lower()
    return str(event).lower()


def _body(entry: Entry) -> Entry:
    body: Entry = {field: entry[field] for field in ("name", "url", "description", "status", "secret") if field in entry and entry[field] != MASK}
    body = {field: "" if value is None and field in ("description", "secret") else value for field, value in body.items()}
    if entry.get("events"):
        pairs = (event.partition(".") for event in entry["events"])
        body["events"] = [{"entity": entity.upper(), "action": action.upper()} for entity, _sep, action in pairs]
    return {field: value for field, value in body.items() if value is not None}
