# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of the realm and of clients, with their composites."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules, merged
from ...engine.errors import EngineError
from ...engine.family import Entry
from ...engine.http import quote
from .. import documents
from ..base import Base, names_sorted, with_mark_in_lists, without
from ..references import client_id, client_name, declared_roles, needed_role, role, role_key
from ..session import Session
from .clients import realm_client

if t.TYPE_CHECKING:
    from ...engine.plan import Plan

_Role = tuple[str, str]  # its client, empty for the realm, and its name
_BORN = frozenset({"offline_access", "uma_authorization", "admin", "create-realm"})


class Roles(Base):
    """`roles`: {realm: [...], client: {clientId: [...]}}. A client's role is called clientId::name in results and patterns."""

    name = "roles"
    linked = True
    known = frozenset({"id", "client", "name", "description", "composite", "composites", "clientRole", "containerId", "attributes", "scopeParamRequired"})
    rules = Rules(ignored=frozenset({"id", "client", "composite", "clientRole", "containerId"}), string_lists=frozenset({"attributes"}))

    def entries(self, document: Entry) -> list[Entry]:
        roles = document.get(self.name)
        if not isinstance(roles, dict):
            return []
        result = [_entry(entry, "") for entry in roles.get("realm") or []]
        for client, entries in (roles.get("client") or {}).items():
            result += [_entry(entry, str(client)) for entry in entries or []]
        return result

    def key(self, entry: Entry) -> str:
        return role_key(str(entry["name"]), str(entry.get("client") or ""))

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        roles = document.get(self.name) or {}
        found += [f"roles.{key} is not a known key: roles are under realm, or under client and their client" for key in roles if key not in ("realm", "client")]
        for entry in entries:
            if isinstance(entry, dict) and entry.get("composites"):
                found += [f"roles/{entry.get('name')}: {line}" for line in documents.misspelt("composites.", entry["composites"], ("realm", "client"))]
        return found + _cycles({self.key(entry): entry for entry in entries if isinstance(entry, dict) and entry.get("name")})

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if not server.realm:
            return []
        found = []
        declared = declared_roles(server.declared)
        clients = {str(client.get("clientId")) for client in server.declared.get("clients") or []}
        for client in sorted({str(entry["client"]) for entry in entries.values() if entry.get("client")} - clients):
            if client_id(server, client) is None:
                found.append(f"roles.client.{client}: client {client} does not exist: declare it under clients, or check its clientId")
        for key, entry in entries.items():
            had = set(_parts((snapshot[self.name].get(key) or {}).get("composites") or {}))
            for client, name in _parts(entry.get("composites") or {}):
                if (client, name) not in had and role_key(name, client) not in declared and role(server, name, client) is None:
                    where = f"roles.client.{client}" if client else "roles.realm"
                    found.append(f"roles/{key}: composite {role_key(name, client)} does not exist: declare it under {where}, or check its name")
        return found

    def problems_planned(self, made: Plan, server: Session) -> list[str]:
        if not server.realm:
            return []
        left: dict[_Role, frozenset[_Role]] = {}  # what a role contains when all is written; of others the server knows it
        new: dict[_Role, frozenset[_Role]] = {}
        for action in made.actions:
            before, after = action.current or {}, action.wanted or {}
            if action.family is not self or (action.verb != "delete" and after.get("composites") is None):
                continue
            which = str((after or before).get("client") or ""), str((after or before)["name"])
            left[which] = frozenset(_parts(after.get("composites") or {}))
            new[which] = left[which] - frozenset(_parts(before.get("composites") or {}))
        circles = (_circle(server, which, parts, left) for which, parts in sorted(new.items()) if parts)
        return [_contains_itself([role_key(name, client) for client, name in circle]) for circle in circles if circle][:1]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        found = self._some(server, keys) if server.few(self, keys) else self._all(server, keys)
        for key, entry in found.items():
            server.learn(self.name, key, str(entry["id"]))
        declared = self.declared(server)

        def composites(key: str) -> None:
            found[key]["composites"] = _composites(server, found[key])

        server.each(composites, [key for key in keys if key in found and declared.get(key, {}).get("composites") is not None])
        return found

    def _all(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        found = {str(entry["name"]): entry for entry in server.api.pages("/roles", briefRepresentation=False)}
        clients = [str(client) for client in (server.declared.get(self.name) or {}).get("client") or {}]
        clients += sorted({key.partition("::")[0] for key in keys if "::" in key} - set(clients))

        def of_client(client: str) -> None:
            owner = client_id(server, client)
            for entry in server.api.pages(f"/clients/{owner}/roles", briefRepresentation=False) if owner else []:
                found[role_key(str(entry["name"]), client)] = {**entry, "client": client}

        server.each(of_client, clients)
        return found

    def _some(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        declared = self.declared(server)

        def one(key: str) -> None:
            client = str(declared[key].get("client") or "") if key in declared else key.partition("::")[0] if "::" in key else ""
            owner = f"/clients/{client_id(server, client) or 'none'}" if client else ""
            entry = server.api.find(f"{owner}/roles/{quote(key.removeprefix(f'{client}::'))}")
            if entry:
                found[key] = {**entry, "client": client} if client else entry

        server.each(one, list(keys))
        return found

    def builtin(self, current: Entry) -> bool:
        if current.get("client"):
            return realm_client(str(current["client"])) or current["name"] == "uma_protection"
        return current["name"] in _BORN or str(current["name"]).startswith("default-roles-")

    def born(self, server: Session, entry: Entry) -> Entry | None:
        there = super().born(server, entry)
        if there is None or entry.get("composites") is None:
            return there
        return {**there, "composites": _composites(server, there)}

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        client = str(entry.get("client") or "")
        base = ""
        if client:
            owner = client_id(server, client)
            if owner is None:
                raise EngineError(f"client {client} does not exist: declare it under clients")
            base = f"/clients/{owner}"
        body = without(entry, "client", "composites")
        first = mark.without("composites") if mark else None
        server.api.post(f"{base}/roles", {**body, "attributes": with_mark_in_lists(entry.get("attributes"), first)})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        links, others = _links(wanted, changes), any(change.path[0] != "composites" for change in changes)
        if others or (mark is not None and not links):  # otherwise link() writes the mark
            self._put(server, str(current["id"]), wanted, mark.without("composites") if mark and links else mark)

    def _put(self, server: Session, identifier: str, wanted: Entry, mark: marks.Mark | None) -> None:
        body = {"description": "", **without(wanted, "client", "composites")}
        server.api.put(f"/roles-by-id/{identifier}", {**body, "attributes": with_mark_in_lists(wanted.get("attributes"), mark)})

    def link(self, server: Session, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        ours = _links(wanted, changes)
        if not ours:
            return
        key = self.key(wanted)
        # A new one as it is there, for a realm may have been born with it.
        entry = wanted if "id" in wanted else self._some(server, [key]).get(key) or needed_role(server, str(wanted["name"]), str(wanted.get("client") or ""))
        server.learn(self.name, key, str(entry["id"]))
        now = _composites(server, {**entry, "composite": True})
        after = merged({"composites": now}, {"composites": wanted["composites"]}, self.rules, ours)["composites"]
        old, new = set(_parts(now)), set(_parts(after))
        path = f"/roles-by-id/{entry['id']}/composites"
        if old - new:
            server.api.delete(path, [found for found in (role(server, name, client) for client, name in sorted(old - new)) if found])
        if new - old:
            server.api.post(path, [needed_role(server, name, client) for client, name in sorted(new - old)])
        # Nothing is written to a role that a realm is born with as it is declared: Keycloak refuses that for its own.
        if mark is not None and ("id" in wanted or old != new or self.mark(server, key, entry) not in (None, mark)):
            self._put(server, str(entry["id"]), entry, mark)

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/roles-by-id/{quote(str(current['id']))}")
        server.forget(self.name, self.key(current))


def _entry(entry: t.Any, client: str) -> t.Any:
    if not isinstance(entry, dict):
        return entry
    result = without(entry, "id", "containerId", "clientRole", "composite", "scopeParamRequired")
    if isinstance(result.get("composites"), dict):
        result["composites"] = names_sorted(result["composites"])
    return {**result, "client": client} if client else result


def _links(wanted: Entry, changes: t.Sequence[Change]) -> list[Change]:
    """The changes that link() makes."""
    return [change for change in changes if change.path[0] == "composites"] if isinstance(wanted.get("composites"), dict) else []


def _parts(composites: Entry) -> t.Iterator[tuple[str, str]]:
    """The roles of a composite, each as client (empty for the realm) and name."""
    for key in ("realm", "+realm"):
        yield from (("", str(name)) for name in composites.get(key) or [])
    for client, names in (composites.get("client") or {}).items():
        yield from ((client.lstrip("+"), str(name)) for name in names or [])


def _composites(server: Session, entry: Entry) -> Entry:
    if not entry.get("composite"):
        return {"realm": [], "client": {}}
    realm: list[str] = []
    clients: dict[str, list[str]] = {}
    for part in server.api.get(f"/roles-by-id/{entry['id']}/composites") or []:
        if part.get("clientRole"):
            client = client_name(server, str(part["containerId"]))
            server.learn(Roles.name, role_key(str(part["name"]), client), str(part["id"]))
            clients.setdefault(client, []).append(str(part["name"]))
        else:
            realm.append(str(part["name"]))
    return {"realm": sorted(realm), "client": {client: sorted(names) for client, names in sorted(clients.items())}}


def _cycles(entries: t.Mapping[str, Entry]) -> list[str]:
    """Composites that contain themselves."""
    left = {key: {role_key(name, client) for client, name in _parts(entry.get("composites") or {})} for key, entry in entries.items()}
    ends = list(left)
    while ends:  # what contains nothing that is left cannot be in a circle
        ends = [key for key, parts in left.items() if not parts & left.keys()]
        for key in ends:
            del left[key]
    if not left:
        return []
    way = [min(left)]
    while way.count(way[-1]) < 2:
        way.append(min(left[way[-1]] & left.keys()))
    return [_contains_itself(way[way.index(way[-1]) :])]


def _circle(server: Session, start: _Role, first: t.Collection[_Role], left: dict[_Role, frozenset[_Role]]) -> list[_Role]:
    """The shortest way from a role by what it contains to itself; empty where there is none.

    :param first: of what it contains, where to look.
    :param left: what roles contain; of others the server is asked, and that is added.
    """

    def ask(which: _Role) -> None:
        found = role(server, which[1], which[0])
        left[which] = frozenset(_parts(_composites(server, {**found, "composite": True}))) if found else frozenset()

    ways = {which: [start, which] for which in sorted(first)}
    seen: set[_Role] = set()
    while ways and start not in ways:
        seen |= ways.keys()
        server.each(ask, [which for which in ways if which not in left])
        ways = {part: [*way, part] for which, way in ways.items() for part in sorted(left[which] - seen)}
    return ways.get(start, [])


def _contains_itself(circle: t.Sequence[str]) -> str:
    return f"roles: {' contains '.join(circle)}: a composite must not contain itself, take one of them out"
