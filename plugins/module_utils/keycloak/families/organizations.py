# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Organizations with their domains, identity providers and members."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.family import Entry
from ...engine.http import quote
from ..base import Base, doubles, with_mark_in_lists
from ..session import Session

_LINKS = {"identityProviders": "alias", "members": "username"}


class Organizations(Base):
    """`organizations`; an organization's identity providers and members are sets of names."""

    name = "organizations"
    named = "alias"
    known = frozenset({"id", "name", "alias", "enabled", "description", "redirectUrl", "attributes", "domains", "identityProviders", "members", "groups"})
    rules = Rules(
        string_lists=frozenset({"attributes"}), sets=frozenset({"members", "identityProviders"}), keyed={"domains": "name"}, defaults={"enabled": True}
    )

    def entries(self, document: Entry) -> list[Entry]:
        return [_named(entry) if isinstance(entry, dict) else entry for entry in document.get(self.name) or []]

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in filter(lambda entry: isinstance(entry, dict), entries):
            label = f"{self.name}/{entry.get('alias')}"
            if not entry.get("name"):
                found.append(f"{label}: name is missing")
            found += [f"{label}: domain {name} is declared twice: merge the two" for name in doubles(entry.get("domains"), "name")]
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        enabled = server.declared.get("organizationsEnabled", server.realm.get("organizationsEnabled"))
        if entries and not enabled:
            return [f"{self.name}: realm {server.api.realm} has no organizations: set organizationsEnabled: true in the document"]
        return []

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.current_realm().get("organizationsEnabled"):
            return {}
        result = {}
        declared = self.declared(server)
        listed = list(server.api.pages("/organizations", briefRepresentation=False))
        # What has to go may be called by its name alone, though its alias is another.
        by_name = set(keys) - declared.keys() - {found["alias"] for found in listed}
        for found in listed:
            key = str(found["name"] if found["name"] in by_name else found["alias"])
            server.learn(self.name, key, found["id"])
            result[key] = found
            wanted = declared.get(key, {}) if key in keys else {}
            if _wants(wanted, "identityProviders"):
                found["identityProviders"] = [one["alias"] for one in server.api.get(f"/organizations/{found['id']}/identity-providers") or []]
            if _wants(wanted, "members"):
                found["members"] = [one["username"] for one in server.api.pages(f"/organizations/{found['id']}/members")]
        return result

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        first = marks.first(mark, entry, *_LINKS)
        identifier = server.api.post("/organizations", _body(entry, first))
        server.learn(self.name, self.key(entry), identifier)
        for key in _LINKS:
            self._link(server, identifier, key, [], entry.get(key) or [])
        if first is not mark:
            server.api.put(f"/organizations/{identifier}", {**_body(entry, mark), "id": identifier})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        identifier = str(current["id"])
        for key in dict.fromkeys(change.path[0] for change in changes if change.path[0] in _LINKS):
            self._link(server, identifier, key, current.get(key) or [], wanted.get(key) or [])
        if mark is not None or any(change.path[0] not in _LINKS for change in changes):
            server.api.put(f"/organizations/{identifier}", {**_body(wanted, mark), "id": identifier})

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/organizations/{current['id']}")
        server.forget(self.name, str(current["alias"]))

    def _link(self, server: Session, identifier: str, key: str, before: t.Sequence[str], after: t.Sequence[str]) -> None:
        path = f"/organizations/{identifier}/{'members' if key == 'members' else 'identity-providers'}"
        for name in [name for name in after if name not in before]:
            server.api.post(path, _user(server, name) if key == "members" else name)
        for name in [name for name in before if name not in after]:
            server.api.delete(f"{path}/{_user(server, name) if key == 'members' else quote(name)}")


def _named(entry: Entry) -> Entry:
    """A declared organization whose links are names, and which has an alias; its groups are another family's."""
    result = {key: value for key, value in entry.items() if key not in ("id", "groups")}
    result.setdefault("alias", entry.get("name"))
    for key, label in _LINKS.items():
        for form in (key, f"+{key}"):
            if isinstance(result.get(form), list):
                result[form] = [str(one.get(label)) if isinstance(one, dict) else str(one) for one in result[form]]
    return result


def _wants(entry: Entry, key: str) -> bool:
    return key in entry or f"+{key}" in entry


def _body(entry: Entry, mark: marks.Mark | None) -> Entry:
    """Keycloak takes an organization as a whole."""
    result: dict[str, Json] = {key: value for key, value in entry.items() if key not in _LINKS and value is not None}
    result["attributes"] = with_mark_in_lists(entry.get("attributes"), mark)
    return result


def _user(server: Session, name: str) -> str:
    known = server.id_of("users", name)
    if known is None:
        found = server.api.get("/users", username=name, exact=True) or []
        known = str(found[0]["id"]) if found else name
    return known
