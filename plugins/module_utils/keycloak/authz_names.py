# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names for the identifiers in the administrators' permissions, and back."""

from __future__ import annotations

import typing as t

from ..engine.compare import Json
from ..engine.errors import EngineError
from ..engine.http import quote
from .session import Session

Entry = dict[str, Json]
# Kind of object: where one is by its identifier, and what it is called by.
_PLACES = {
    "Users": ("/users", "username"),
    "Clients": ("/clients", "clientId"),
    "Groups": ("/groups", "path"),
    "Roles": ("/roles-by-id", "name"),
    "Organizations": ("/organizations", "name"),
    "ClientScopes": ("/client-scopes", "name"),
}
_CONFIG = {"users": "Users", "clients": "Clients", "roles": "Roles", "groups": "Groups", "clientScopes": "ClientScopes"}


class Names:
    """Looks up each object once."""

    def __init__(self, server: Session) -> None:
        self._server = server
        self._known: dict[tuple[str, str], str] = {}

    def resource(self, kind: str, identifier: str, declared: t.Collection[Json]) -> str:
        """An object that a permission is about, called as the document calls it: by identifier, or by name."""
        if identifier == kind or identifier in declared:
            return identifier
        name = self._name(kind, identifier)
        return name.lstrip("/") if name.lstrip("/") in declared else name

    def config(self, config: Entry) -> Entry:
        """A policy's configuration with names for identifiers."""
        result: Entry = {}
        for key, value in config.items():
            kind = _CONFIG.get(key)
            if kind is None or not isinstance(value, list):
                result[key] = value
                continue
            named = [self._object(kind, one) if isinstance(one, dict) else self._name(kind, str(one)) for one in value]
            result[key] = sorted(named, key=repr)
        return result

    def _object(self, kind: str, found: Entry) -> Entry:
        identifier = str(found.get("id") or "")
        if kind == "Groups":
            return {**{key: value for key, value in found.items() if key != "id"}, "path": found.get("path") or self._name(kind, identifier)}
        return {**found, "id": self._name(kind, identifier)}

    def _name(self, kind: str, identifier: str) -> str:
        if kind not in _PLACES:
            return identifier
        if (kind, identifier) not in self._known:
            path, field = _PLACES[kind]
            found = self._server.api.find(f"{path}/{quote(identifier)}") or {}
            name = str(found.get(field) or identifier)
            if kind == "Roles" and found.get("clientRole"):
                name = f"{self._name('Clients', str(found['containerId']))}/{name}"
            self._known[kind, identifier] = name
        return self._known[kind, identifier]

    def resolved(self, body: Entry) -> Entry:
        """A permission with identifiers for the names of the objects that it is about."""
        kind = body.get("resourceType")
        if not kind or not body.get("resources"):
            return body
        return {**body, "resources": [self._identifier(str(kind), str(name)) for name in body["resources"]]}

    def _identifier(self, kind: str, name: str) -> str:
        get = self._server.api.find
        if kind == "Groups":
            found = get(f"/groups/{quote(name)}") or get(f"/group-by-path/{'/'.join(quote(part) for part in name.strip('/').split('/'))}")
        elif kind == "Users":
            found = next(iter(get("/users", username=name, exact=True) or []), None) or get(f"/users/{quote(name)}")
        elif kind == "Clients":
            found = next(iter(get("/clients", clientId=name) or []), None) or get(f"/clients/{quote(name)}")
        elif kind == "Roles":
            client, _slash, role = name.rpartition("/")
            owner = self._identifier("Clients", client) if client else ""
            found = get(f"/clients/{owner}/roles/{quote(role)}" if owner else f"/roles/{quote(role)}") or get(f"/roles-by-id/{quote(name)}")
        elif kind == "Organizations":
            found = next(iter(get("/organizations", search=name, exact=True) or []), None) or get(f"/organizations/{quote(name)}")
        else:
            return name
        if not found:
            raise EngineError(f"a permission is about {name}, but {kind} has no such object: check its name, or declare it too")
        return str(found["id"])
