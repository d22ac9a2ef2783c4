# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Keycloak in memory that answers over real sockets, and misbehaves when told to.

It knows what the families of the core need: realms, client scopes, clients, roles, groups, users, mappings. Its behaviour is what was
seen of Keycloak 26.7.3; where a test needs more, add a route with @FakeKeycloak.route.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from faulty_server import Answer, FaultyServer, RefusedError

MASK = "**********"
Json = Any


@dataclasses.dataclass
class Request:
    """A request as routes get it."""

    realm: dict[str, Json]
    args: tuple[str, ...]
    query: dict[str, str]
    body: Json


class FakeKeycloak(FaultyServer):
    """A FaultyServer.

    :ivar realms: what it holds.
    :ivar version: what it tells of itself; nothing where this account may not know.
    :ivar stubs: new realms are seen as stubs by tokens that were made before them.
    """

    routes: list[tuple[str, re.Pattern[str], Callable[[FakeKeycloak, Request], Json]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.realms: dict[str, dict[str, Json]] = {"master": {"realm": "master"}}
        self.stubs = True
        self.version = ""
        self.passwords = {"admin": "admin-password"}
        self.tokens: dict[str, set[str]] = {}

    @classmethod
    def route(cls, method: str, pattern: str) -> Callable[[Callable[[FakeKeycloak, Request], Json]], Callable[[FakeKeycloak, Request], Json]]:
        """Adds an answer for paths below a realm; groups of the pattern are the arguments."""

        def add(function: Callable[[FakeKeycloak, Request], Json]) -> Callable[[FakeKeycloak, Request], Json]:
            cls.routes.append((method, re.compile(pattern + r"\Z"), function))
            return function

        return add

    def requests(self, method: str = "") -> int:
        """How many requests came, without those to log in."""
        return sum(1 for verb, path in self.log if (not method or verb == method) and not path.endswith("/token"))

    # Answers

    def refused(self, error: RefusedError) -> Json:
        return {"error" if error.status == 404 else "errorMessage": error.message}

    def do(self, method: str, path: str, query: dict[str, str], raw: bytes, headers: Mapping[str, str]) -> Answer:
        if path.endswith("/protocol/openid-connect/token"):
            return self._token(dict(parse_qsl(raw.decode())))
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise RefusedError(401, "HTTP 401 Unauthorized")
        body = json.loads(raw) if raw else None
        if path == "/admin/realms" and method == "POST":
            return self._make_realm(body)
        if path == "/admin/serverinfo" and self.version:
            return 200, {"systemInfo": {"version": self.version}}, {}
        steps = path.split("/", 4)
        if steps[1:3] != ["admin", "realms"] or len(steps) < 4:
            raise RefusedError(404, "Unable to find matching target resource method")
        realm = self.realms.get(unquote(steps[3]))
        if realm is None:
            raise RefusedError(404, "Realm not found.")
        below = "/" + steps[4] if len(steps) > 4 else ""
        if self.stubs and realm["realm"] not in self.tokens[token]:
            if method == "GET" and not below:
                return 200, {"realm": realm["realm"], "bruteForceProtected": False, "supportedLocales": []}, {}
            raise RefusedError(403, "HTTP 403 Forbidden")
        for verb, pattern, function in self.routes:
            found = pattern.match(below)
            if found and verb == method:
                answer = function(self, Request(realm, tuple(unquote(group or "") for group in found.groups()), query, body))
                if method == "POST" and isinstance(answer, str):
                    return 201, None, {"Location": f"{self.url}{path}/{answer}"}
                return (200 if answer is not None else 204), answer, {}
        raise RefusedError(404, "HTTP 404 Not Found")

    def _token(self, form: dict[str, str]) -> tuple[int, Json, dict[str, str]]:
        if form.get("grant_type") == "password" and self.passwords.get(form.get("username", "")) != form.get("password"):
            return 401, {"error": "invalid_grant", "error_description": "Invalid user credentials"}, {}
        token = uuid.uuid4().hex
        self.tokens[token] = set(self.realms)
        return 200, {"access_token": token, "expires_in": 60}, {}

    def _make_realm(self, body: dict[str, Json]) -> tuple[int, Json, dict[str, str]]:
        name = body["realm"]
        if name in self.realms:
            raise RefusedError(409, f"Conflict detected. See logs for details: Realm {name} already exists")
        self.realms[name] = new_realm(name)
        FakeKeycloak.put_realm(self, Request(self.realms[name], (), {}, body))
        return 201, None, {"Location": f"{self.url}/admin/realms/{name}"}

    def listed(self, items: list[Json], query: dict[str, str]) -> list[Json]:
        """A page of a list."""
        first, most = int(query.get("first", 0)), int(query.get("max", 0)) or len(items)
        if self.page:
            most = min(most, self.page)
        return copy.deepcopy(items[first : first + most])

    @staticmethod
    def put_realm(fake: FakeKeycloak, request: Request) -> None:
        data = request.realm["data"]
        for key, value in (request.body or {}).items():
            if key == "nonsense":
                raise RefusedError(400, f'Unrecognized field "{key}"')
            if key == "smtpServer" and isinstance(value, dict):
                value = {**value, "password": (data.get(key) or {}).get("password")} if value.get("password") == MASK else value
            if value is not None:
                data[key] = value


def new_realm(name: str) -> dict[str, Json]:
    """A realm as Keycloak makes it, with a few of the objects it is born with."""
    realm: dict[str, Json] = {"realm": name, "data": {"id": uuid.uuid4().hex, "realm": name, "enabled": True, "attributes": {}}}
    realm.update(scopes={}, clients={}, roles={}, groups={}, users={}, mappings={}, composites={}, members={}, default_scopes={}, passwords={})
    realm.update(components={}, providers={}, organizations={})
    for scope in ("profile", "email", "service_account"):
        put(realm["scopes"], {"name": scope, "protocol": "openid-connect", "attributes": {}, "protocolMappers": []})
    realm["default_scopes"] = {"default": ["profile", "email"], "optional": []}
    for client in ("account", "realm-management"):
        put(realm["clients"], {**CLIENT, "clientId": client, "attributes": {"realm_client": "true"}})
    for role in ("offline_access", f"default-roles-{name}"):
        put(realm["roles"], {"name": role, "description": f"${{role_{role}}}", "clientRole": False, "containerId": name, "composite": False, "attributes": {}})
    return realm


CLIENT: dict[str, Json] = {"enabled": True, "protocol": "openid-connect", "publicClient": False, "redirectUris": [], "webOrigins": [],
                           "defaultClientScopes": [], "optionalClientScopes": [], "fullScopeAllowed": True}  # fmt: skip


def put(table: dict[str, Json], item: Json) -> str:
    """Adds an object to a table; returns its new identifier."""
    identifier = uuid.uuid4().hex
    table[identifier] = {**copy.deepcopy(item), "id": identifier}
    return identifier


def found(table: dict[str, Json], identifier: str) -> Json:
    if identifier not in table:
        raise RefusedError(404, "Could not find it")
    return table[identifier]


def unique(table: dict[str, Json], key: str, value: str) -> None:
    if any(item.get(key) == value for item in table.values()):
        raise RefusedError(409, f"{value} already exists")


def short(attributes: Json) -> None:
    """Columns of roles and groups take 255 characters."""
    if any(len(text) > 255 for texts in (attributes or {}).values() for text in texts):
        raise RefusedError(500, "For more on this error consult the server log.")


route = FakeKeycloak.route


@route("GET", "")
def get_realm(fake: FakeKeycloak, request: Request) -> Json:
    data = copy.deepcopy(request.realm.get("data") or {"realm": request.realm["realm"]})
    if (data.get("smtpServer") or {}).get("password"):
        data["smtpServer"]["password"] = MASK
    return data


route("PUT", "")(FakeKeycloak.put_realm)


@route("DELETE", "")
def delete_realm(fake: FakeKeycloak, request: Request) -> None:
    del fake.realms[request.realm["realm"]]


# Client scopes and clients, with their mappers


def with_ids(mappers: Json) -> Json:
    if any("protocol" not in mapper for mapper in mappers or []):
        raise RefusedError(409, "Duplicate resource error")
    return [{"consentRequired": False, **mapper, "id": mapper.get("id") or uuid.uuid4().hex} for mapper in mappers or []]


@route("GET", "/client-scopes")
def get_scopes(fake: FakeKeycloak, request: Request) -> Json:
    return list(copy.deepcopy(request.realm["scopes"]).values())


@route("POST", "/client-scopes")
def post_scope(fake: FakeKeycloak, request: Request) -> str:
    unique(request.realm["scopes"], "name", request.body["name"])
    return put(request.realm["scopes"], {**request.body, "protocolMappers": with_ids(request.body.get("protocolMappers"))})


@route("PUT", "/client-scopes/([^/]+)")
def put_scope(fake: FakeKeycloak, request: Request) -> None:
    scope = found(request.realm["scopes"], request.args[0])
    body = {key: value for key, value in request.body.items() if key not in ("protocolMappers", "id") and value is not None}
    body["attributes"] = merged_texts(scope, body)
    scope.update(body)


@route("DELETE", "/(client-scopes|clients)/([^/]+)")
def delete_one(fake: FakeKeycloak, request: Request) -> None:
    table = request.realm["scopes" if request.args[0] == "client-scopes" else "clients"]
    found(table, request.args[1])
    del table[request.args[1]]
    for role in roles_of(request, request.args[1]):
        del request.realm["roles"][role["id"]]


def merged_texts(old: Json, new: Json) -> Json:
    """Attributes that are not sent stay, empty ones go."""
    whole = {**(old.get("attributes") or {}), **(new.get("attributes") or {})}
    return {key: value for key, value in whole.items() if value not in (None, "")}


@route("POST", "/client-scopes/([^/]+)/protocol-mappers/add-models")
def post_mappers(fake: FakeKeycloak, request: Request) -> None:
    scope = found(request.realm["scopes"], request.args[0])
    scope["protocolMappers"] = [*(scope.get("protocolMappers") or []), *with_ids(request.body)]


@route("PUT", "/client-scopes/([^/]+)/protocol-mappers/models/([^/]+)")
def put_mapper(fake: FakeKeycloak, request: Request) -> None:
    scope = found(request.realm["scopes"], request.args[0])
    scope["protocolMappers"] = [request.body if mapper["id"] == request.args[1] else mapper for mapper in scope["protocolMappers"]]


@route("DELETE", "/client-scopes/([^/]+)/protocol-mappers/models/([^/]+)")
def delete_mapper(fake: FakeKeycloak, request: Request) -> None:
    scope = found(request.realm["scopes"], request.args[0])
    scope["protocolMappers"] = [mapper for mapper in scope["protocolMappers"] if mapper["id"] != request.args[1]]


@route("GET", "/default-(default|optional)-client-scopes")
def get_default_scopes(fake: FakeKeycloak, request: Request) -> Json:
    return [{"name": name} for name in request.realm["default_scopes"][request.args[0]]]


@route("PUT", "/default-(default|optional)-client-scopes/([^/]+)")
def put_default_scope(fake: FakeKeycloak, request: Request) -> None:
    request.realm["default_scopes"][request.args[0]].append(found(request.realm["scopes"], request.args[1])["name"])


@route("DELETE", "/default-(default|optional)-client-scopes/([^/]+)")
def delete_default_scope(fake: FakeKeycloak, request: Request) -> None:
    request.realm["default_scopes"][request.args[0]].remove(found(request.realm["scopes"], request.args[1])["name"])


@route("GET", "/clients")
def get_clients(fake: FakeKeycloak, request: Request) -> Json:
    items = list(request.realm["clients"].values())
    if "clientId" in request.query:
        items = [item for item in items if item["clientId"] == request.query["clientId"]]
    return fake.listed(items, request.query)


@route("GET", "/clients/([^/]+)")
def get_client(fake: FakeKeycloak, request: Request) -> Json:
    return copy.deepcopy(found(request.realm["clients"], request.args[0]))


@route("POST", "/clients")
def post_client(fake: FakeKeycloak, request: Request) -> str:
    unique(request.realm["clients"], "clientId", request.body["clientId"])
    body = {**CLIENT, "defaultClientScopes": request.realm["default_scopes"]["default"], **request.body}
    body.update(protocolMappers=with_ids(body.get("protocolMappers")), attributes=merged_texts({}, body))
    if not body["publicClient"]:
        body.setdefault("secret", uuid.uuid4().hex)
    if body.get("serviceAccountsEnabled"):
        body["defaultClientScopes"] = [*body["defaultClientScopes"], "service_account"]
    identifier = put(request.realm["clients"], body)
    if body.get("serviceAccountsEnabled"):
        put(request.realm["users"], {"username": f"service-account-{body['clientId']}", "serviceAccountClientId": identifier, "enabled": True})
    return identifier


@route("PUT", "/clients/([^/]+)")
def put_client(fake: FakeKeycloak, request: Request) -> None:
    client = found(request.realm["clients"], request.args[0])
    if (client.get("attributes") or {}).get("realm_client") == "true" and client["clientId"] == "realm-management":
        raise RefusedError(403, "HTTP 403 Forbidden")
    body = {key: value for key, value in request.body.items() if value is not None and key not in ("defaultClientScopes", "optionalClientScopes")}
    body["attributes"] = merged_texts(client, body)
    if "protocolMappers" in body:
        body["protocolMappers"] = with_ids(body["protocolMappers"])
    if not request.body.get("authorizationServicesEnabled"):
        client.pop("authorizationServicesEnabled", None)
    client.update(body)


@route("PUT", "/clients/([^/]+)/(default|optional)-client-scopes/([^/]+)")
def put_client_scope(fake: FakeKeycloak, request: Request) -> None:
    names = found(request.realm["clients"], request.args[0])[f"{request.args[1]}ClientScopes"]
    names.append(found(request.realm["scopes"], request.args[2])["name"])


@route("DELETE", "/clients/([^/]+)/(default|optional)-client-scopes/([^/]+)")
def delete_client_scope(fake: FakeKeycloak, request: Request) -> None:
    names = found(request.realm["clients"], request.args[0])[f"{request.args[1]}ClientScopes"]
    names.remove(found(request.realm["scopes"], request.args[2])["name"])


@route("GET", "/clients/([^/]+)/service-account-user")
def get_account(fake: FakeKeycloak, request: Request) -> Json:
    for user in request.realm["users"].values():
        if user.get("serviceAccountClientId") == request.args[0]:
            return {key: value for key, value in user.items() if key != "serviceAccountClientId"}
    raise RefusedError(400, "Service account not enabled for the client")


# Roles


def roles_of(request: Request, owner: str) -> list[Json]:
    return [role for role in request.realm["roles"].values() if role["containerId"] == owner]


@route("GET", "(?:/clients/([^/]+))?/roles")
def get_roles(fake: FakeKeycloak, request: Request) -> Json:
    return fake.listed(roles_of(request, request.args[0] or request.realm["realm"]), request.query)


@route("POST", "(?:/clients/([^/]+))?/roles")
def post_role(fake: FakeKeycloak, request: Request) -> str:
    owner = request.args[0] or request.realm["realm"]
    if any(role["name"] == request.body["name"] for role in roles_of(request, owner)):
        raise RefusedError(409, f"Role with name {request.body['name']} already exists")
    short(request.body.get("attributes"))
    role = {"attributes": {}, **request.body, "clientRole": bool(request.args[0]), "containerId": owner, "composite": False}
    put(request.realm["roles"], role)
    return str(request.body["name"])


@route("GET", "(?:/clients/([^/]+))?/roles/([^/]+)")
def get_role(fake: FakeKeycloak, request: Request) -> Json:
    owner = request.args[0] or request.realm["realm"]
    for role in roles_of(request, owner):
        if role["name"] == request.args[1]:
            return copy.deepcopy(role)
    raise RefusedError(404, "Could not find role")


@route("PUT", "/roles-by-id/([^/]+)")
def put_role(fake: FakeKeycloak, request: Request) -> None:
    short(request.body.get("attributes"))
    found(request.realm["roles"], request.args[0]).update({key: request.body[key] for key in ("name", "description", "attributes") if key in request.body})


@route("DELETE", "/roles-by-id/([^/]+)")
def delete_role(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["roles"], request.args[0])
    del request.realm["roles"][request.args[0]]


@route("GET", "/roles-by-id/([^/]+)/composites")
def get_composites(fake: FakeKeycloak, request: Request) -> Json:
    roles = request.realm["roles"]
    return [copy.deepcopy(roles[part]) for part in sorted(request.realm["composites"].get(request.args[0], ())) if part in roles]


@route("POST", "/roles-by-id/([^/]+)/composites")
def post_composites(fake: FakeKeycloak, request: Request) -> None:
    parts = {found(request.realm["roles"], str(part.get("id")))["id"] for part in request.body}
    request.realm["composites"].setdefault(request.args[0], set()).update(parts)
    found(request.realm["roles"], request.args[0])["composite"] = True


@route("DELETE", "/roles-by-id/([^/]+)/composites")
def delete_composites(fake: FakeKeycloak, request: Request) -> None:
    kept = request.realm["composites"].setdefault(request.args[0], set())
    kept -= {part["id"] for part in request.body}
    found(request.realm["roles"], request.args[0])["composite"] = bool(kept)


# Groups


def group_tree(realm: dict[str, Json], parent: str) -> list[Json]:
    result = []
    for group in realm["groups"].values():
        if group.get("parentId", "") == parent:
            names = mapped(realm, group["id"])
            result.append({**copy.deepcopy(group), **names, "path": group_path(realm, group), "subGroups": group_tree(realm, group["id"])})
    return result


def group_path(realm: dict[str, Json], group: Json) -> str:
    above = realm["groups"].get(group.get("parentId", ""))
    return (group_path(realm, above) if above else "") + "/" + group["name"].replace("/", "~/")


@route("GET", "/groups")
def get_groups(fake: FakeKeycloak, request: Request) -> Json:
    tree = group_tree(request.realm, "")
    return tree if request.query.get("search") == "*" else fake.listed([{**group, "subGroups": []} for group in tree], request.query)


@route("GET", "/group-by-path/(.+)")
def get_group(fake: FakeKeycloak, request: Request) -> Json:
    for group in request.realm["groups"].values():
        path = group_path(request.realm, group)
        if path.replace("~/", "/") == "/" + request.args[0]:  # the steps are names: a slash in one of them is %2F, not ~/
            return {**copy.deepcopy(group), **mapped(request.realm, group["id"]), "path": path, "subGroups": []}
    raise RefusedError(404, "Group path does not exist")


@route("POST", "/groups(?:/([^/]+)/children)?")
def post_group(fake: FakeKeycloak, request: Request) -> str:
    parent = request.args[0] or ""
    if any(group["name"] == request.body["name"] and group.get("parentId", "") == parent for group in request.realm["groups"].values()):
        raise RefusedError(409, f"Top level group named '{request.body['name']}' already exists.")
    short(request.body.get("attributes"))
    return put(request.realm["groups"], {"attributes": {}, **request.body, "parentId": parent})


@route("PUT", "/groups/([^/]+)")
def put_group(fake: FakeKeycloak, request: Request) -> None:
    short(request.body.get("attributes"))
    found(request.realm["groups"], request.args[0]).update({key: request.body[key] for key in ("name", "attributes", "description") if key in request.body})


@route("DELETE", "/groups/([^/]+)")
def delete_group(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["groups"], request.args[0])
    for child in [group["id"] for group in request.realm["groups"].values() if group.get("parentId") == request.args[0]]:
        delete_group(fake, dataclasses.replace(request, args=(child,)))
    data, path = request.realm["data"], group_path(request.realm, request.realm["groups"][request.args[0]])
    if "defaultGroups" in data:
        data["defaultGroups"] = [other for other in data["defaultGroups"] or [] if other != path]
    del request.realm["groups"][request.args[0]]


# Users


@route("GET", "/users")
def get_users(fake: FakeKeycloak, request: Request) -> Json:
    users = [user for user in request.realm["users"].values() if "serviceAccountClientId" not in user]
    if "username" in request.query:
        users = [user for user in users if user["username"] == request.query["username"]]
    return fake.listed(users, request.query)


@route("POST", "/users")
def post_user(fake: FakeKeycloak, request: Request) -> str:
    unique(request.realm["users"], "username", request.body["username"])
    body = {key: value for key, value in request.body.items() if key != "credentials"}
    identifier = put(request.realm["users"], {"emailVerified": False, "requiredActions": [], **body, "username": body["username"].lower()})
    request.realm["passwords"][identifier] = [credential["value"] for credential in request.body.get("credentials") or []]
    paths = request.realm["data"].get("defaultGroups") or []
    request.realm["members"][identifier] = {group["id"] for group in request.realm["groups"].values() if group_path(request.realm, group) in paths}
    default = next(role["id"] for role in request.realm["roles"].values() if role["name"].startswith("default-roles-"))
    request.realm["mappings"][identifier] = {default}
    return identifier


@route("PUT", "/users/([^/]+)")
def put_user(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["users"], request.args[0]).update({key: value for key, value in request.body.items() if value is not None})


@route("DELETE", "/users/([^/]+)")
def delete_user(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["users"], request.args[0])
    del request.realm["users"][request.args[0]]


@route("PUT", "/users/([^/]+)/reset-password")
def put_password(fake: FakeKeycloak, request: Request) -> None:
    request.realm["passwords"][request.args[0]] = [request.body["value"]]


@route("GET", "/users/([^/]+)/groups")
def get_user_groups(fake: FakeKeycloak, request: Request) -> Json:
    groups = [request.realm["groups"][group] for group in sorted(request.realm["members"].get(request.args[0], ())) if group in request.realm["groups"]]
    return fake.listed([{"id": group["id"], "path": group_path(request.realm, group)} for group in groups], request.query)


@route("PUT", "/users/([^/]+)/groups/([^/]+)")
def join(fake: FakeKeycloak, request: Request) -> None:
    request.realm["members"].setdefault(request.args[0], set()).add(found(request.realm["groups"], request.args[1])["id"])


@route("DELETE", "/users/([^/]+)/groups/([^/]+)")
def leave(fake: FakeKeycloak, request: Request) -> None:
    request.realm["members"].setdefault(request.args[0], set()).discard(request.args[1])


@route("GET", "/users/profile")
def get_profile(fake: FakeKeycloak, request: Request) -> Json:
    return {"attributes": [{"name": name} for name in ("username", "email", "firstName", "lastName")]}


# Components


@route("GET", "/components")
def get_components(fake: FakeKeycloak, request: Request) -> Json:
    return [copy.deepcopy(one) for one in request.realm["components"].values() if one["parentId"] == request.query.get("parent", one["parentId"])]


@route("POST", "/components")
def post_component(fake: FakeKeycloak, request: Request) -> str:
    identifier = put(request.realm["components"], {"config": {}, **request.body})
    if request.body["providerId"] == "ldap":
        for name in ("username", "email", "last name"):
            put(request.realm["components"], {"name": name, "parentId": identifier, "providerId": "m", "providerType": "mappers", "config": {"born": ["yes"]}})
    return identifier


@route("PUT", "/components/([^/]+)")
def put_component(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["components"], request.args[0]).update({key: value for key, value in request.body.items() if value is not None})


@route("DELETE", "/components/([^/]+)")
def delete_component(fake: FakeKeycloak, request: Request) -> None:
    components = request.realm["components"]
    found(components, request.args[0])
    for identifier in [identifier for identifier, one in components.items() if request.args[0] in (identifier, one["parentId"])]:
        del components[identifier]


# Identity providers and organizations

_PROVIDERS = "/identity-provider/instances"


def provider_of(request: Request) -> Json:
    return next(one for one in request.realm["providers"].values() if one["alias"] == request.args[0])


@route("GET", _PROVIDERS)
def get_providers(fake: FakeKeycloak, request: Request) -> Json:
    shown = [{key: value for key, value in one.items() if key != "mappers"} for one in request.realm["providers"].values()]
    return fake.listed(shown, request.query)


@route("POST", _PROVIDERS)
def post_provider(fake: FakeKeycloak, request: Request) -> str:
    unique(request.realm["providers"], "alias", request.body["alias"])
    identifier = put(request.realm["providers"], {"firstBrokerLoginFlowAlias": "first broker login", "mappers": {}, **request.body})
    request.realm["providers"][identifier]["internalId"] = request.realm["providers"][identifier].pop("id")
    return str(request.body["alias"])


@route("GET", _PROVIDERS + "/([^/]+)")
def get_provider(fake: FakeKeycloak, request: Request) -> Json:
    return copy.deepcopy({key: value for key, value in provider_of(request).items() if key != "mappers"})


@route("PUT", _PROVIDERS + "/([^/]+)")
def put_provider(fake: FakeKeycloak, request: Request) -> None:
    provider = provider_of(request)
    kept = {key: provider[key] for key in ("alias", "internalId", "mappers")}
    provider.clear()
    provider.update(request.body, **kept)


@route("GET", _PROVIDERS + "/([^/]+)/mappers")
def get_provider_mappers(fake: FakeKeycloak, request: Request) -> Json:
    return list(copy.deepcopy(provider_of(request)["mappers"]).values())


@route("POST", _PROVIDERS + "/([^/]+)/mappers")
def post_provider_mapper(fake: FakeKeycloak, request: Request) -> str:
    return put(provider_of(request)["mappers"], request.body)


@route("PUT", _PROVIDERS + "/([^/]+)/mappers/([^/]+)")
def put_provider_mapper(fake: FakeKeycloak, request: Request) -> None:
    found(provider_of(request)["mappers"], request.args[1]).update(request.body)


@route("GET", "/organizations")
def get_organizations(fake: FakeKeycloak, request: Request) -> Json:
    return fake.listed([{key: value for key, value in one.items() if key != "people"} for one in request.realm["organizations"].values()], request.query)


@route("POST", "/organizations")
def post_organization(fake: FakeKeycloak, request: Request) -> str:
    unique(request.realm["organizations"], "alias", request.body["alias"])
    return put(request.realm["organizations"], {**request.body, "people": []})


@route("PUT", "/organizations/([^/]+)")
def put_organization(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["organizations"], request.args[0]).update(request.body)


@route("GET", "/organizations/([^/]+)/members")
def get_members(fake: FakeKeycloak, request: Request) -> Json:
    people = found(request.realm["organizations"], request.args[0])["people"]
    return fake.listed([{"username": request.realm["users"][identifier]["username"]} for identifier in people], request.query)


@route("POST", "/organizations/([^/]+)/members")
def post_member(fake: FakeKeycloak, request: Request) -> None:
    found(request.realm["organizations"], request.args[0])["people"].append(found(request.realm["users"], request.body)["id"])


# Roles of groups, users, clients and client scopes


def mapped(realm: dict[str, Json], owner: str) -> dict[str, Json]:
    result: dict[str, Json] = {"realmRoles": [], "clientRoles": {}}
    for identifier in realm["mappings"].get(owner, ()):
        role = realm["roles"].get(identifier)
        if role and role["clientRole"]:
            result["clientRoles"].setdefault(realm["clients"][role["containerId"]]["clientId"], []).append(role["name"])
        elif role:
            result["realmRoles"].append(role["name"])
    return result


_OWNER = "/(?:groups|users|clients|client-scopes)/([^/]+)/(?:role|scope)-mappings"


@route("GET", _OWNER)
def get_mappings(fake: FakeKeycloak, request: Request) -> Json:
    names = mapped(request.realm, request.args[0])
    clients = {client: {"mappings": [{"name": name} for name in roles]} for client, roles in names["clientRoles"].items()}
    return {"realmMappings": [{"name": name} for name in names["realmRoles"]], "clientMappings": clients}


@route("POST", _OWNER + "/(?:realm|clients/[^/]+)")
def post_mappings(fake: FakeKeycloak, request: Request) -> None:
    ids = {found(request.realm["roles"], str(role.get("id")))["id"] for role in request.body}
    request.realm["mappings"].setdefault(request.args[0], set()).update(ids)


@route("DELETE", _OWNER + "/(?:realm|clients/[^/]+)")
def delete_mappings(fake: FakeKeycloak, request: Request) -> None:
    request.realm["mappings"].setdefault(request.args[0], set()).difference_update(role["id"] for role in request.body)
