# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorization settings as a list of objects that compare: from exports, from the plain form of admin permissions, from the server. Pure."""

from __future__ import annotations

import json
import typing as t

from ..engine.compare import Json
from . import documents

Entry = dict[str, Json]
ADMIN = "admin-permissions"
SETTINGS = ("allowRemoteResourceManagement", "policyEnforcementMode", "decisionStrategy")
PATHS = {"scopes": "scope", "resources": "resource", "policies": "policy"}
_PERMISSIONS = ("scope", "resource")
# Lists of objects in a policy: the field that names one, and what it has when nothing else is said.
_OBJECTS: dict[str, Entry] = {"roles": {"required": False}, "clientScopes": {"required": False}, "groups": {"extendChildren": False}}
_TYPED = {"applyPolicies": "policies", "defaultResourceType": "resourceType"}
_OWN = documents.words("client kind id name")
_KEYS = {
    "settings": _OWN | documents.words("authorizationSchema clientId policies resources scopes") | set(SETTINGS),
    "scopes": _OWN | documents.words("displayName iconUri policies resources"),
    "resources": _OWN
    | documents.words("_id attributes displayName iconUri icon_uri owner ownerManagedAccess resource_scopes scopes type uri uris"),
    "policies": _OWN
    | documents.words("config decisionStrategy description logic owner policies resourceType resources resourcesData scopes scopesData type"),
}
_REFERENCES = {"applyPolicies": "policies", "scopes": "scopes", "resources": "resources"}


def entries(document: Entry) -> list[Entry]:
    """Every declared object, in the order in which they can be written."""
    result = []
    for client, settings in _declared(document):
        result += of_settings(client, settings)
    about = [entry["config"] for entry in result if entry["client"] == ADMIN and isinstance((entry.get("config") or {}).get("resources"), list)]
    known = _names_of_identifiers(document) if about else {}
    for config in about:
        config["resources"] = sorted((known.get(str(one), one) for one in config["resources"]), key=str)
    # Permissions refer to policies, and these to each other.
    return sorted(result, key=_rank)


def _names_of_identifiers(document: Entry) -> dict[str, str]:
    """What exports call by identifiers, by the names that the same export has for them: on another server, identifiers are others."""

    def objects(value: Json) -> list[Entry]:
        """What has the wrong shape is told by the family it belongs to."""
        return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

    roles = document.get("roles") or {}
    found = {one.get("id"): one.get("username") for one in objects(document.get("users"))}
    found |= {one.get("id"): one.get("clientId") for one in objects(document.get("clients"))}
    found |= {one.get("id"): one.get("name") for one in [*objects(document.get("organizations")), *objects(roles.get("realm"))]}
    for client, below in (roles.get("client") or {}).items():
        found |= {one.get("id"): f"{client}/{one.get('name')}" for one in objects(below)}
    groups = objects(document.get("groups"))
    for one in groups:  # it grows
        found[one.get("id")] = one.get("path")
        groups += objects(one.get("subGroups"))
    return {str(identifier): str(name) for identifier, name in found.items() if identifier and name}


def _declared(document: Entry) -> t.Iterator[tuple[str, Entry]]:
    for client in document.get("clients") or []:
        if isinstance(client, dict) and isinstance(client.get("authorizationSettings"), dict):
            yield str(client.get("clientId")), client["authorizationSettings"]
    exported = (document.get("adminPermissionsClient") or {}).get("authorizationSettings")
    if exported:
        yield ADMIN, exported
    plain = document.get("adminPermissions")
    if isinstance(plain, dict):
        yield ADMIN, {"policies": [*(plain.get("policies") or []), *(_permission(one) for one in plain.get("permissions") or [])]}


def _permission(entry: Entry) -> Entry:
    """A permission in its plain form (resourceType, resources, scopes, policies) as exports have it."""
    kept = {key: value for key, value in entry.items() if key not in ("resourceType", "resources", "scopes", "policies")}
    config = {
        "defaultResourceType": entry.get("resourceType"),
        "resources": entry.get("resources") or [entry.get("resourceType")],
        "scopes": entry.get("scopes") or [],
        "applyPolicies": entry.get("policies") or [],
    }
    return {**kept, "type": "scope", "config": config}


def of_settings(client: str, settings: Entry) -> list[Entry]:
    """The objects in a client's authorization settings; of an administrators' client, only what is not Keycloak's own."""
    result: list[Entry] = []
    own = {key: settings[key] for key in SETTINGS if key in settings}
    if client != ADMIN:
        if own:
            result.append({"client": client, "kind": "settings", **own})
        for scope in settings.get("scopes") or []:
            result.append({"client": client, "kind": "scopes", **_without(scope, "id")})
        for resource in settings.get("resources") or []:
            one = {"client": client, "kind": "resources", **_without(resource, "_id", "owner", "uri")}
            if resource.get("uri") and not resource.get("uris"):
                one["uris"] = [resource["uri"]]
            if "scopes" in one:
                one["scopes"] = sorted(str(scope.get("name") if isinstance(scope, dict) else scope) for scope in one["scopes"] or [])
            result.append(one)
        # As when Keycloak imports a realm: a scope that only a resource names is made for it.
        named = {name for one in result if one["kind"] == "resources" for name in one.get("scopes") or []}
        result += [
            {"client": client, "kind": "scopes", "name": name} for name in sorted(named - {one.get("name") for one in result if one["kind"] == "scopes"})
        ]
    for found in settings.get("policies") or []:
        result.append({"client": client, "kind": "policies", **policy(found)})
    return sorted(result, key=last_first)


def policy(found: Entry) -> Entry:
    """A policy or permission whose configuration is data, not text that holds data."""
    result = _without(found, "id", "owner", "resourceType", "resources", "scopes", "policies", "resourcesData", "scopesData")
    config: Entry = {}
    for key, value in (found.get("config") or {}).items():
        config[key] = _data(key, value)
    result["config"] = config
    return result


def _data(key: str, value: Json) -> Json:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list):
        items = (
            [{**_OBJECTS[key], **(item if isinstance(item, dict) else {"path" if key == "groups" else "id": item})} for item in value]
            if key in _OBJECTS
            else value
        )
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return value


def typed(entry: Entry) -> Entry:
    """A policy as its own endpoint takes it."""
    body = {key: value for key, value in entry.items() if key not in ("client", "kind", "id", "config")}
    for key, value in (entry.get("config") or {}).items():
        body[_TYPED.get(key, key)] = value
    if entry["client"] == ADMIN and body.get("resources") == [body.get("resourceType")]:
        del body["resources"]  # every object of the type
    return body


def references(entry: Entry) -> t.Iterator[tuple[str, str]]:
    """What of the same client an object names, by kind."""
    if entry["kind"] == "resources":
        yield from (("scopes", name) for name in entry.get("scopes") or [])
    elif entry["kind"] == "policies":
        for key, kind in _REFERENCES.items():
            if entry["client"] != ADMIN or kind == "policies":
                yield from ((kind, str(name)) for name in (entry.get("config") or {}).get(key) or [])


def problems(family: str, found: t.Sequence[Entry]) -> list[str]:
    """What is wrong with the objects themselves."""
    result = []
    for entry in found:
        where = f"{family}/{entry['client']}/{entry['kind']}/{entry.get('name') or ''}".rstrip("/")
        if entry["kind"] != "settings" and not entry.get("name"):
            result.append(f"{where}: name is missing")
        if entry["kind"] == "policies" and not entry.get("type"):
            result.append(f"{where}: type is missing: role, user, group, client, client-scope, aggregate, regex, time, resource or scope")
        if (
            entry["kind"] == "policies"
            and entry["client"] == ADMIN
            and entry.get("type") == "scope"
            and not (entry.get("config") or {}).get("defaultResourceType")
        ):
            result.append(f"{where}: resourceType is missing: Users, Groups, Clients, Roles or Organizations")
    return result


def unknown_keys(family: str, found: t.Sequence[Entry]) -> list[str]:
    """Keys of objects that Keycloak does not know."""
    result = []
    for entry in found:
        result += documents.unknown_here(f"{family}/{entry['client']}/{entry['kind']}/{entry.get('name')}: ", entry, _KEYS[entry["kind"]])
    return result


def unknown_settings(document: Entry) -> list[str]:
    """Keys of what holds the objects: with such a one there may be none at all."""
    result = []
    for client, settings in _declared(document):
        result += documents.unknown_here(f"authorizationSettings of {client}: ", settings, _KEYS["settings"])
    if isinstance(document.get("adminPermissions"), dict):
        result += documents.unknown("adminPermissions: ", document["adminPermissions"], ("policies", "permissions"))
    return result


def _rank(entry: Entry) -> int:
    if entry["kind"] != "policies":
        return ("settings", "scopes", "resources").index(entry["kind"])
    return 5 if entry.get("type") in _PERMISSIONS else 4 if entry.get("type") == "aggregate" else 3


def last_first(entry: Entry) -> int:
    """For the order in which objects are deleted: what refers to others first."""
    return -_rank(entry)


def _without(entry: Entry, *keys: str) -> Entry:
    return {key: value for key, value in entry.items() if key not in keys}
