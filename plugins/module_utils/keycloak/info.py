# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a realm holds, in the format of a document."""

from __future__ import annotations

import typing as t

from ..engine import marks
from ..engine.compare import Json
from ..engine.door import Call, Door, Result
from ..engine.errors import EngineError, InvalidError
from ..engine.family import Entry
from . import documents, registry
from .api import Api
from .arguments import COMMON, REALM, overridden, tokens_of
from .base import mark_in
from .families import workflows
from .families.components import Components

# Families as they are asked for, with the keys of the document that belong to them.
FAMILIES: dict[str, tuple[str, ...]] = {
    "realm": (),
    "clientScopes": ("clientScopes", "defaultDefaultClientScopes", "defaultOptionalClientScopes"),
    "clients": ("clients", "scopeMappings", "clientScopeMappings"),
    "roles": ("roles",),
    "groups": ("groups", "defaultGroups"),
    "users": ("users",),
    "authenticationFlows": ("authenticationFlows", "authenticatorConfig", *sorted(documents.BINDING_KEYS)),
    "requiredActions": ("requiredActions",),
    "identityProviders": ("identityProviders", "identityProviderMappers"),
    "components": ("components",),
    "organizations": ("organizations",),
    "workflows": ("workflows",),
    "clientPolicies": ("clientPolicies", "clientProfiles"),
    "localizationTexts": ("localizationTexts",),
}
SPEC: dict[str, dict[str, t.Any]] = {
    "families": {"type": "list", "elements": "str", "choices": list(FAMILIES), "default": [name for name in FAMILIES if name != "users"]},
}
_NAMED = {"clients": "clientId", "clientScopes": "name", "identityProviders": "alias"}
_FREE = frozenset({"attributes", "config"})  # what is in these is nobody's identifier


def _run(call: Call) -> Result:
    params = call.params
    if not params["realm"]:
        raise InvalidError(["realm is missing: name it in the option realm (or KEYCLOAK_REALM)"])
    asked = params["families"]
    http, tokens = tokens_of(params)
    before = http.counts()["total"]
    api = Api(http, tokens, params["realm"])
    realm = api.representation()
    if not realm:
        raise EngineError(f"realm {params['realm']} does not exist on {http.base}, or this account may not see it: check realm, auth_realm and the account")
    query = {"exportClients": bool({"clients", "roles"} & set(asked)), "exportGroupsAndRoles": bool({"groups", "roles"} & set(asked))}
    export = api.send("POST", "/partial-export", None, **query).json()
    if "users" in asked:
        export["users"] = api.pages("/users", briefRepresentation=False)
    if "organizations" in asked and realm.get("organizationsEnabled"):
        export["organizations"] = api.pages("/organizations", briefRepresentation=False)
    if "workflows" in asked:
        export["workflows"] = workflows.listed(api) or []
    owners = _owners(export, realm, asked)
    return {
        "changed": False,
        "config": _config(export, asked),
        "owners": owners,
        "requests": {"total": http.counts()["total"] - before},
    }


def _config(export: Entry, asked: list[str]) -> Entry:
    aliases = {str(flow.get("id")): flow.get("alias") for flow in export.get("authenticationFlows") or []}
    for client in export.get("clients") or []:
        chosen = client.get("authenticationFlowBindingOverrides")
        if chosen:
            client["authenticationFlowBindingOverrides"] = {key: aliases.get(flow, flow) for key, flow in chosen.items()}
    theirs = {key for keys in FAMILIES.values() for key in keys}
    kept = {key for name in asked for key in FAMILIES[name]}
    for key in list(export):
        own = key in theirs or key in documents.SERVER_KEYS
        if key != "realm" and (key not in kept if own else "realm" not in asked):
            del export[key]
    return t.cast(Entry, _plain(export, ""))


def _plain(value: Json, name: str) -> Json:
    """Without the server's identifiers, and without marks."""
    if isinstance(value, dict):
        if name in _FREE:
            return {key: item for key, item in value.items() if not key.startswith("ansible.")}
        return {key: _plain(item, key) for key, item in value.items() if key not in ("id", "internalId", "containerId", "access")}
    return [_plain(item, name) for item in value] if isinstance(value, list) else value


def _owners(export: Entry, realm: Entry, asked: list[str]) -> dict[str, str]:
    """Owners of objects, by `family/name` as in results of the other modules."""
    found: dict[str, marks.Mark | None] = {"realm/realm": mark_in(realm.get("attributes"))} if "realm" in asked else {}
    for family, key in _NAMED.items():
        for entry in export.get(family) or []:
            found[f"{family}/{entry.get(key)}"] = mark_in(entry.get("config" if family == "identityProviders" else "attributes"))
    roles = export.get("roles") or {}
    for client, entries in [("", roles.get("realm") or []), *(roles.get("client") or {}).items()]:
        for role in entries:
            found[f"roles/{client}::{role['name']}" if client else f"roles/{role['name']}"] = mark_in(role.get("attributes"))
    groups = list(export.get("groups") or [])
    while groups:
        group = groups.pop()
        found[f"groups/{group.get('path')}"] = mark_in(group.get("attributes"))
        groups += group.get("subGroups") or []
    there = _identifiers(export)
    for family, kept in registry.read(realm.get("attributes") or {}).items():
        found.update({f"{family}/{key}": one.found(there.get((family, key))) for key, one in kept.items() if family in asked})
    return {name: mark.owner for name, mark in sorted(found.items()) if mark and name.partition("/")[0] in asked}


def _identifiers(export: Entry) -> dict[tuple[str, str], str]:
    """Identifiers of the objects whose marks are in the realm's attributes."""
    found = {
        (family, str(entry.get(key))): str(entry.get("id") or "")
        for family, key in (("authenticationFlows", "alias"), ("users", "username"), ("workflows", "name"))
        for entry in export.get(family) or []
    }
    for kind, entries in (export.get("components") or {}).items():
        for entry in entries:
            key = Components().key({**entry, "providerType": kind})
            found["components", key] = str(entry.get("id") or "")
    return found


def door() -> Door:
    """The door of keycloak_info."""
    return Door("keycloak_info", {**COMMON, **REALM, **SPEC}, _run, overridden=overridden)
