# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From names in a document to the server's identifiers, and back; asked for only where a family has not read them."""

from __future__ import annotations

import typing as t

from ..engine.compare import Json
from ..engine.errors import EngineError
from ..engine.family import Entry
from ..engine.http import quote
from .session import Session

CLIENTS, ROLES, GROUPS, SCOPES, FLOWS = "clients", "roles", "groups", "clientScopes", "authenticationFlows"


def role_key(name: str, client: str = "") -> str:
    """The key of a role: a client's has its client before it."""
    return f"{client}::{name}" if client else name


def client_id(server: Session, name: str) -> str | None:
    """The identifier of a client; None where there is none."""
    found = server.id_of(CLIENTS, name)
    if found is None and server.realm:
        for client in server.api.get("/clients", clientId=name) or []:
            server.learn(CLIENTS, str(client["clientId"]), str(client["id"]))
        found = server.id_of(CLIENTS, name)
    return found


def client_name(server: Session, identifier: str) -> str:
    """The name of a client by its identifier."""
    found = server.name_of(CLIENTS, identifier)
    if found is None:
        found = str(server.api.get(f"/clients/{identifier}")["clientId"])
        server.learn(CLIENTS, found, identifier)
    return found


def role(server: Session, name: str, client: str = "") -> Entry | None:
    """A role as other requests take it; None where there is none."""
    known = server.id_of(ROLES, role_key(name, client))
    if known is None and server.realm:
        owner = client_id(server, client) if client else ""
        found = None if owner is None else server.api.find(f"/clients/{owner}/roles/{quote(name)}" if client else f"/roles/{quote(name)}")
        if found:
            known = str(found["id"])
            server.learn(ROLES, role_key(name, client), known)
    return {"id": known, "name": name} if known else None


def needed_role(server: Session, name: str, client: str = "") -> Entry:
    found = role(server, name, client)
    if found is None:
        where = f"roles.client.{client}" if client else "roles.realm"
        raise EngineError(f"role {role_key(name, client)} does not exist in realm {server.api.realm}: declare it under {where}, or check its name")
    return found


def group_id(server: Session, path: str) -> str | None:
    """The identifier of a group by its path; None where there is none."""
    path = "/" + path.strip("/")
    known = server.id_of(GROUPS, path)
    if known is None and server.realm:
        found = group(server, path)
        if found:
            known = str(found["id"])
            server.learn(GROUPS, path, known)
    return known


def group(server: Session, path: str) -> Entry | None:
    """A group by its path, without those below it; None where there is none."""
    steps = path.strip("/").replace("~/", "\0").split("/")
    found: Entry | None = server.api.find("/group-by-path/" + "/".join(quote(step.replace("\0", "/")) for step in steps))
    return found


def scope_ids(server: Session) -> dict[str, str]:
    """Identifiers of all client scopes by name."""
    if not server.names(SCOPES) and server.realm:
        for scope in server.api.get("/client-scopes") or []:
            server.learn(SCOPES, str(scope["name"]), str(scope["id"]))
    return {name: server.id_of(SCOPES, name) or "" for name in server.names(SCOPES)}


def needed_scope(server: Session, name: str) -> str:
    found = scope_ids(server).get(name)
    if not found:
        raise EngineError(f"client scope {name} does not exist in realm {server.api.realm}: declare it under clientScopes, or check its name")
    return found


def flow_names(server: Session) -> dict[str, str]:
    """Aliases of the top-level flows by identifier."""
    if not server.names(FLOWS) and server.realm:
        for flow in server.api.get("/authentication/flows") or []:
            server.learn(FLOWS, str(flow["alias"]), str(flow["id"]))
    return {server.id_of(FLOWS, alias) or "": alias for alias in server.names(FLOWS)}


# Roles of groups, users and service accounts: {"realmRoles": [...], "clientRoles": {client: [...]}}


def role_names(server: Session, realm_roles: Json, by_client: Json) -> tuple[list[str], dict[str, list[str]]]:
    """Names of mapped roles, in one order."""
    del server
    return sorted(str(found["name"]) for found in realm_roles or []), {
        str(client): sorted(str(found["name"]) for found in (one.get("mappings") or [])) for client, one in (by_client or {}).items()
    }


def write_roles(server: Session, path: str, before: Entry, after: Entry) -> None:
    """Gives and takes role mappings so that they are as in `after`, with one request for each owner of roles and direction.

    :param path: of the object's role mappings (or scope mappings) below the realm.
    """
    owners: dict[str, tuple[Json, Json]] = {"": (before.get("realmRoles"), after.get("realmRoles"))}
    for client in {**(before.get("clientRoles") or {}), **(after.get("clientRoles") or {})}:
        owners[client] = ((before.get("clientRoles") or {}).get(client), (after.get("clientRoles") or {}).get(client))
    for client, (old, new) in owners.items():
        gone, more = set(old or []) - set(new or []), set(new or []) - set(old or [])
        if not gone and not more:
            continue
        owner = f"/clients/{client_id(server, client)}" if client else "/realm"
        if gone:
            server.api.delete(path + owner, [found for found in (role(server, name, client) for name in sorted(gone)) if found])
        if more:
            server.api.post(path + owner, [needed_role(server, name, client) for name in sorted(more)])


def dangling(server: Session, label: str, entry: Entry, current: Entry | None) -> list[str]:
    """Roles that an object is to get and that are neither in the document nor on the server."""
    if not server.realm:
        return []  # what a new realm is born with is not known yet
    found = []
    declared = declared_roles(server.declared)
    for client, names in roles_of(entry):
        had = {name for other, there in roles_of(current or {}) if other == client for name in there}
        for name in names:
            if name not in had and role_key(name, client) not in declared and role(server, name, client) is None:
                where = f"roles.client.{client}" if client else "roles.realm"
                found.append(f"{label}: role {role_key(name, client)} does not exist: declare it under {where}, or check its name")
    return found


def roles_of(entry: Entry) -> t.Iterator[tuple[str, list[str]]]:
    """Role mappings of an object, by client (empty for the realm)."""
    yield "", [*(entry.get("realmRoles") or []), *(entry.get("+realmRoles") or [])]
    for client, names in (entry.get("clientRoles") or {}).items():
        yield client.lstrip("+"), list(names or [])


def declared_roles(document: Entry) -> set[str]:
    """Keys of all roles of a document, and of those that Keycloak makes with its clients."""
    roles = document.get("roles") or {}
    found = {str(entry.get("name")) for entry in roles.get("realm") or []}
    found |= {role_key("uma_protection", str(client.get("clientId"))) for client in document.get("clients") or [] if client.get("authorizationServicesEnabled")}
    for client, entries in (roles.get("client") or {}).items():
        found |= {role_key(str(entry.get("name")), client) for entry in entries or []}
    return found
