# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client scopes with their protocol mappers, and which of them new clients get."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.errors import RefusedError
from ...engine.family import Entry
from ..base import Base, cleaned, with_mark, with_protocols, without
from ..documents import words
from ..references import needed_scope, scope_ids
from ..secret_keys import SECRETS
from ..session import Session

_BORN = words(
    """AuthnContextClassRef acr address basic email microprofile-jwt offline_access organization phone profile role_list roles
    saml_organization service_account web-origins"""
)


class ClientScopes(Base):
    """`clientScopes`."""

    name = "clientScopes"
    known = frozenset({"id", "name", "description", "protocol", "attributes", "protocolMappers"})
    rules = Rules(strings=frozenset({"attributes", "config"}), keyed={"protocolMappers": "name"}, secrets=SECRETS, defaults={"protocol": "openid-connect"})

    def entries(self, document: Entry) -> list[Entry]:
        return [cleaned(entry) if isinstance(entry, dict) else entry for entry in document.get(self.name) or []]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        found = {str(scope["name"]): scope for scope in server.api.get("/client-scopes") or []} if server.realm else {}
        for name, scope in found.items():
            server.learn(self.name, name, str(scope["id"]))
        return found

    def builtin(self, current: Entry) -> bool:
        return current["name"] in _BORN

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = {"protocol": "openid-connect", **entry, "attributes": with_mark(entry.get("attributes"), mark)}
        server.learn(self.name, self.key(entry), server.api.post("/client-scopes", body))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        path = f"/client-scopes/{current['id']}"
        write_mappers(server, f"{path}/protocol-mappers", current, wanted, changes)
        if mark is not None or any(change.path[0] != "protocolMappers" for change in changes):
            body = without(wanted, "protocolMappers")
            server.api.put(path, {**body, "id": current["id"], "attributes": written_attributes(current, wanted, mark)})

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/client-scopes/{current['id']}")
        server.forget(self.name, str(current["name"]))


def written_attributes(current: Entry, wanted: Entry, mark: marks.Mark | None) -> dict[str, str]:
    """Attributes to send where Keycloak keeps those that are not sent: an empty text removes one."""
    gone = dict.fromkeys((current.get("attributes") or {}).keys() - (wanted.get("attributes") or {}).keys(), "")
    return {**gone, **with_mark(wanted.get("attributes"), mark)}


def write_mappers(server: Session, path: str, current: Entry, wanted: Entry, changes: t.Sequence[Change]) -> None:
    """Brings protocol mappers to what is wanted, new ones in one request."""
    touched = {change.path[1] for change in changes if change.path[0] == "protocolMappers" and len(change.path) > 1}
    if any(change.path == ("protocolMappers",) for change in changes):  # the whole list is to go
        touched |= {str(mapper["name"]) for mapper in current.get("protocolMappers") or []}
    there = {str(mapper["name"]): mapper for mapper in current.get("protocolMappers") or []}
    after = {str(mapper["name"]): mapper for mapper in with_protocols(wanted).get("protocolMappers") or []}
    new = [after[name] for name in sorted(touched) if name in after and name not in there]
    if new:
        server.api.post(f"{path}/add-models", new)
    for name in sorted(touched & there.keys()):
        if name not in after:
            server.api.delete(f"{path}/models/{there[name]['id']}")
        else:
            server.api.put(f"{path}/models/{there[name]['id']}", {**after[name], "id": there[name]["id"]})


class DefaultClientScopes(Base):
    """`defaultDefaultClientScopes` and `defaultOptionalClientScopes`: what a new client gets."""

    name = "defaultClientScopes"
    rules = Rules(sets=frozenset({"defaultDefaultClientScopes", "defaultOptionalClientScopes"}))
    prunable = False
    registered = True
    parallel = False
    _PATHS: t.ClassVar[dict[str, str]] = {
        "defaultOptionalClientScopes": "/default-optional-client-scopes",
        "defaultDefaultClientScopes": "/default-default-client-scopes",
    }

    def entries(self, document: Entry) -> list[Entry]:
        found = {key: document[key] for name in self._PATHS for key in (name, f"+{name}") if document.get(key) is not None}
        return [found] if found else []

    def key(self, entry: Entry) -> str:
        return "realm"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        both = set(document.get("defaultDefaultClientScopes") or []) & set(document.get("defaultOptionalClientScopes") or [])
        return [f"client scope {name} is default and optional for new clients: choose one" for name in sorted(both)]

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        return [line for entry in entries.values() for line in unknown_scopes(server, "the realm", entry, snapshot[self.name].get("realm"), tuple(self._PATHS))]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm or not keys:
            return {}
        result: Entry = {}
        declared = {key.lstrip("+") for entry in self.entries(server.declared) for key in entry}
        for key, path in self._PATHS.items():
            if key not in declared:
                continue
            scopes = server.api.get(path) or []
            result[key] = sorted(str(scope["name"]) for scope in scopes)
        return {"realm": result}

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        current = self.read(server, ["realm"])["realm"]
        wanted = dict(current)
        for key, names in entry.items():
            wanted[key.lstrip("+")] = [*(current[key[1:]] if key.startswith("+") else []), *(names or [])]
        self.update(server, current, wanted, [Change((key,), None, None) for key in self._PATHS], mark)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        move_scopes(server, "", self._PATHS, current, wanted)


def move_scopes(server: Session, base: str, paths: t.Mapping[str, str], current: Entry, wanted: Entry) -> None:
    """Assigns client scopes; one that is default cannot become optional before it was taken away, nor the other way round."""
    for key, path in paths.items():
        for name in sorted(set(current.get(key) or []) - set(wanted.get(key) or [])):
            found = scope_ids(server).get(name)
            if found:
                server.api.delete(f"{base}{path}/{found}")
    for key, path in paths.items():
        for name in sorted(set(wanted.get(key) or []) - set(current.get(key) or [])):
            try:
                server.api.put(f"{base}{path}/{needed_scope(server, name)}")
            except RefusedError as exc:
                if exc.status != 409:  # it is there already
                    raise


def unknown_scopes(server: Session, label: str, entry: Entry, current: Entry | None, keys: t.Collection[str]) -> list[str]:
    """Client scopes that are to be assigned, and are neither in the document nor on the server."""
    if not server.realm:
        return []
    declared = {str(scope.get("name")) for scope in server.declared.get(ClientScopes.name) or []}
    found = []
    for key in keys:
        names = [*(entry.get(key) or []), *(entry.get(f"+{key}") or [])]
        for name in sorted({str(name) for name in names} - set((current or {}).get(key) or []) - declared):
            if name not in scope_ids(server):
                found.append(f"{label}: client scope {name} of {key} does not exist: declare it under clientScopes, or check its name")
    return found
