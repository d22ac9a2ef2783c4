# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An MLflow in memory that answers over real sockets, and misbehaves when told to.

It knows workspaces, experiments, registered models, prompts, webhooks, the gateway, users, roles and grants. Its behaviour
is what was seen of MLflow 3.17.2 with basic authentication and workspaces; where a test needs more, add a route with @route.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from faulty_server import Answer, FaultyServer, RefusedError

Json = Any
Record = dict[str, Json]
MASKED = {"api_key": "sk-...masked"}
IS_PROMPT = "mlflow.prompt.is_prompt"


@dataclasses.dataclass
class Request:
    """A request as routes get it: what was sent, as query or body, and the tables of its workspace."""

    given: Record
    args: tuple[str, ...]
    tables: dict[str, dict[str, Record]]
    workspace: str


Route = Callable[["FakeMlflow", Request], Json]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []
_FAMILIES = ("experiments", "models", "webhooks", "secrets", "model-definitions", "endpoints", "budgets", "guardrails", "scorers")


def route(method: str, pattern: str) -> Callable[[Route], Route]:
    """Adds an answer for a path below the API; groups of the pattern are the arguments."""

    def add(function: Route) -> Route:
        ROUTES.append((method, re.compile(pattern + r"\Z"), function))
        return function

    return add


def nothing(what: str) -> RefusedError:
    return RefusedError(404, f"{what} not found", "RESOURCE_DOES_NOT_EXIST")


def taken(what: str) -> RefusedError:
    return RefusedError(400, f"{what} already exists", "RESOURCE_ALREADY_EXISTS")


class FakeMlflow(FaultyServer):
    """A FaultyServer.

    :ivar spaces: tables by workspace.
    :ivar users: users by name, each with password, is_admin and the numbers of its roles.
    :ivar roles: roles by number, each with its permissions.
    :ivar version: what it says it is.
    :ivar prefix: the static prefix; before 3.12 it is that of what browsers ask for alone.
    :ivar hidden: a proxy in front passes nothing on but what is below the prefix.
    """

    def __init__(self, version: str = "3.17.2", prefix: str = "") -> None:
        super().__init__()
        self.version, self.prefix, self.hidden = version, prefix, False
        self.numbers = itertools.count(1)
        self.spaces: dict[str, Record] = {}
        self.workspaces: dict[str, Record] = {}
        self.users: dict[str, Record] = {}
        self.roles: dict[str, Record] = {}
        self.add_workspace("default")
        self.add_user("admin", "admin-password", True)

    def number(self) -> str:
        return str(next(self.numbers))

    def add_workspace(self, name: str, **more: Json) -> None:
        self.workspaces[name] = {"name": name, **more}
        self.spaces[name] = {family: {} for family in _FAMILIES}

    def add_user(self, name: str, password: str, is_admin: bool = False) -> Record:
        self.users[name] = {"id": int(self.number()), "username": name, "password": password, "is_admin": is_admin, "roles": []}
        return self.users[name]

    def at(self, family: str, workspace: str = "default") -> dict[str, Record]:
        """A table of a workspace, as tests look into it."""
        found: dict[str, Record] = self.spaces[workspace][family]
        return found

    def by_hand(self, method: str, path: str, **body: Json) -> Json:
        """What somebody else does, past the modules."""
        login = base64.b64encode(b"admin:" + self.users["admin"]["password"].encode()).decode()
        return self.do(method, f"/api/2.0/mlflow{path}", {}, json.dumps(body).encode(), {"Authorization": f"Basic {login}"})[1]

    def refused(self, error: RefusedError) -> Json:
        return {"error_code": error.code, "message": error.message}

    def do(self, method: str, path: str, query: dict[str, str], raw: bytes, headers: Mapping[str, str]) -> Answer:
        user, _sep, password = base64.b64decode(headers.get("Authorization", "").removeprefix("Basic ")).decode().partition(":")
        if user not in self.users or self.users[user]["password"] != password:
            raise RefusedError(401, "You are not authenticated.")
        if path == f"{self.prefix}/version":
            return 200, self.version, {}
        bare = tuple(map(int, self.version.split(".")[:2])) < (3, 12)
        roots = (f"{'' if bare else self.prefix}/api", f"{self.prefix}/ajax-api")
        where = re.match("|".join(f"{re.escape(root)}/[23].0/mlflow" for root in roots), path)
        if not where or (self.hidden and not path.startswith(self.prefix)):
            raise RefusedError(404)
        workspace = headers.get("X-MLFLOW-WORKSPACE", "default")
        if workspace not in self.spaces:
            raise nothing(f"Workspace '{workspace}'")
        given = {**query, **(json.loads(raw) if raw else {})}
        for verb, pattern, function in ROUTES:
            found = pattern.match(path[where.end() :])
            if found and re.fullmatch(verb, method):
                request = Request(given, tuple(unquote(group or "") for group in found.groups()), self.spaces[workspace], workspace)
                return 200, copy.deepcopy(function(self, request)), {}
        raise RefusedError(404)

    def page_of(self, request: Request, field: str, items: list[Record]) -> Record:
        """One page of a list."""
        start, most = int(request.given.get("page_token") or 0), int(request.given["max_results"])
        end = start + min(most, self.page or most)
        return {field: items[start:end], **({"next_page_token": str(end)} if end < len(items) else {})}


def one(table: dict[str, Record], key: Json, what: str) -> Record:
    """A record by its key."""
    if str(key) not in table:
        raise nothing(what)
    return table[str(key)]


def tags_in(given: Json) -> list[Record]:
    """Tags as they come, the last of a name only."""
    return [{"key": key, "value": value} for key, value in {tag["key"]: tag["value"] for tag in given or []}.items()]


def set_tag(record: Record, given: Record) -> Record:
    record["tags"] = [tag for tag in record["tags"] if tag["key"] != given["key"]] + [{"key": given["key"], "value": given["value"]}]
    return {}


def delete_tag(record: Record, given: Record) -> Record:
    if all(tag["key"] != given["key"] for tag in record["tags"]):
        raise nothing(f"No tag with name: {given['key']}")
    record["tags"] = [tag for tag in record["tags"] if tag["key"] != given["key"]]
    return {}


@route("GET", "/server-info")
def _info(fake: FakeMlflow, request: Request) -> Json:
    return {"workspaces_enabled": True, "store_type": "SqlStore", "features_enabled": {"gateway": True}}


# Workspaces


@route("GET", "/workspaces")
def _workspaces(fake: FakeMlflow, request: Request) -> Json:
    return {"workspaces": list(fake.workspaces.values())}


@route("POST", "/workspaces")
def _make_workspace(fake: FakeMlflow, request: Request) -> Json:
    if request.given["name"] in fake.workspaces:
        raise taken("Workspace")
    fake.add_workspace(**request.given)
    return {"workspace": fake.workspaces[request.given["name"]]}


@route("PATCH", "/workspaces/([^/]+)")
def _change_workspace(fake: FakeMlflow, request: Request) -> Json:
    found = one(fake.workspaces, request.args[0], "Workspace")
    found.update({key: value for key, value in request.given.items() if key in ("description", "default_artifact_root")})
    return {"workspace": found}


@route("DELETE", "/workspaces/([^/]+)")
def _delete_workspace(fake: FakeMlflow, request: Request) -> Json:
    one(fake.workspaces, request.args[0], "Workspace")
    if request.given.get("mode") == "RESTRICT" and any(fake.spaces[request.args[0]].values()):
        raise RefusedError(500, "Cannot delete: table 'experiments' still contains 1 resource(s)", "INVALID_STATE")
    del fake.workspaces[request.args[0]], fake.spaces[request.args[0]]
    for number in [number for number, role in fake.roles.items() if role["workspace"] == request.args[0]]:
        del fake.roles[number]
    return {}


# Experiments


def _experiment(request: Request, alive: bool = True) -> Record:
    found = one(request.tables["experiments"], request.given["experiment_id"], "Experiment")
    if alive and found["lifecycle_stage"] == "deleted":
        raise RefusedError(400, "The experiment must be in the 'active' state", "INVALID_PARAMETER_VALUE")
    return found


@route("POST", "/experiments/create")
def _make_experiment(fake: FakeMlflow, request: Request) -> Json:
    if any(item["name"] == request.given["name"] for item in request.tables["experiments"].values()):
        raise taken(f"Experiment(name={request.given['name']})")
    number = fake.number()
    request.tables["experiments"][number] = {
        "experiment_id": number, "name": request.given["name"], "lifecycle_stage": "active", "tags": tags_in(request.given.get("tags")),
    }  # fmt: skip
    return {"experiment_id": number}


@route("GET", "/experiments/search")
def _experiments(fake: FakeMlflow, request: Request) -> Json:
    every = request.given.get("view_type") == "ALL"
    return fake.page_of(request, "experiments", [item for item in request.tables["experiments"].values() if every or item["lifecycle_stage"] == "active"])


@route("GET", "/experiments/get-by-name")
def _experiment_by_name(fake: FakeMlflow, request: Request) -> Json:
    found = [item for item in request.tables["experiments"].values() if item["name"] == request.given["experiment_name"]]
    if not found:
        raise nothing("Experiment")
    return {"experiment": found[0]}


@route("POST", "/experiments/(set-experiment-tag|delete-experiment-tag|delete|restore)")
def _change_experiment(fake: FakeMlflow, request: Request) -> Json:
    verb = request.args[0]
    if verb == "set-experiment-tag":
        return set_tag(_experiment(request), request.given)
    if verb == "delete-experiment-tag":
        return delete_tag(_experiment(request), request.given)
    found = _experiment(request, alive=False)
    if verb == "delete" and found["lifecycle_stage"] == "deleted":
        raise nothing("Experiment")
    found["lifecycle_stage"] = "deleted" if verb == "delete" else "active"
    return {}


# Registered models and prompts


def _shown_model(model: Record) -> Record:
    listed = list(model["versions"].values())[-1:]
    aliases = [{"alias": alias, "version": version} for alias, version in model["aliases"].items()]
    return {key: model[key] for key in ("name", "description", "tags")} | {"latest_versions": listed, "aliases": aliases}


def _is_prompt(model: Record) -> bool:
    return any(tag["key"] == IS_PROMPT for tag in model["tags"])


def _model(request: Request) -> Record:
    return one(request.tables["models"], request.given["name"], f"Registered Model with name={request.given['name']}")


def _version(request: Request) -> Record:
    return one(_model(request)["versions"], request.given["version"], "Model Version")


@route("POST", "/registered-models/create")
def _make_model(fake: FakeMlflow, request: Request) -> Json:
    name = request.given["name"]
    if name in request.tables["models"]:
        raise taken(f"Registered Model (name={name})")
    tags = tags_in(request.given.get("tags"))
    request.tables["models"][name] = {"name": name, "description": request.given.get("description", ""), "tags": tags, "versions": {}, "aliases": {}}
    return {"registered_model": _shown_model(request.tables["models"][name])}


@route("GET", "/registered-models/search")
def _models(fake: FakeMlflow, request: Request) -> Json:
    prompts = IS_PROMPT in request.given.get("filter", "")
    return fake.page_of(request, "registered_models", [_shown_model(model) for model in request.tables["models"].values() if _is_prompt(model) == prompts])


@route("GET", "/registered-models/get")
def _get_model(fake: FakeMlflow, request: Request) -> Json:
    return {"registered_model": _shown_model(_model(request))}


@route("PATCH", "/registered-models/update")
def _change_model(fake: FakeMlflow, request: Request) -> Json:
    _model(request)["description"] = request.given["description"]
    return {}


@route("DELETE", "/registered-models/delete")
def _delete_model(fake: FakeMlflow, request: Request) -> Json:
    _model(request)
    del request.tables["models"][request.given["name"]]
    return {}


@route("POST", "/registered-models/alias")
def _set_alias(fake: FakeMlflow, request: Request) -> Json:
    _version(request)
    _model(request)["aliases"][request.given["alias"]] = str(request.given["version"])
    return {}


@route("DELETE", "/registered-models/alias")
def _delete_alias(fake: FakeMlflow, request: Request) -> Json:
    _model(request)["aliases"].pop(request.given["alias"], None)
    return {}


@route("POST", "/registered-models/set-tag")
def _set_model_tag(fake: FakeMlflow, request: Request) -> Json:
    return set_tag(_model(request), request.given)


@route("DELETE", "/registered-models/delete-tag")
def _delete_model_tag(fake: FakeMlflow, request: Request) -> Json:
    return delete_tag(_model(request), request.given)


@route("POST", "/model-versions/create")
def _make_version(fake: FakeMlflow, request: Request) -> Json:
    model, given = _model(request), request.given
    number = str(max(map(int, model["versions"]), default=0) + 1)
    model["versions"][number] = {
        "name": model["name"], "version": number, "source": given["source"], "run_id": given.get("run_id", ""),
        "description": given.get("description", ""), "tags": tags_in(given.get("tags")),
    }  # fmt: skip
    return {"model_version": model["versions"][number]}


@route("GET", "/model-versions/search")
def _versions(fake: FakeMlflow, request: Request) -> Json:
    clause, _and, prompts = request.given["filter"].partition(" AND ")
    model = request.tables["models"].get(clause.partition("=")[2].strip()[1:-1])
    shown = model is not None and _is_prompt(model) == bool(prompts)
    return fake.page_of(request, "model_versions", list(model["versions"].values())[::-1] if shown else [])


@route("PATCH", "/model-versions/update")
def _change_version(fake: FakeMlflow, request: Request) -> Json:
    _version(request)["description"] = request.given["description"]
    return {}


@route("POST", "/model-versions/set-tag")
def _set_version_tag(fake: FakeMlflow, request: Request) -> Json:
    return set_tag(_version(request), request.given)


@route("DELETE", "/model-versions/delete-tag")
def _delete_version_tag(fake: FakeMlflow, request: Request) -> Json:
    return delete_tag(_version(request), request.given)


@route("DELETE", "/model-versions/delete")
def _delete_version(fake: FakeMlflow, request: Request) -> Json:
    number = _version(request)["version"]
    model = _model(request)
    del model["versions"][number]
    model["aliases"] = {alias: version for alias, version in model["aliases"].items() if version != number}
    return {}


# Webhooks: one name as often as one likes


@route("GET", "/webhooks")
def _webhooks(fake: FakeMlflow, request: Request) -> Json:
    shown = [{key: value for key, value in item.items() if key != "secret"} for item in request.tables["webhooks"].values()]
    return fake.page_of(request, "webhooks", shown)


@route("POST", "/webhooks")
def _make_webhook(fake: FakeMlflow, request: Request) -> Json:
    number = fake.number()
    request.tables["webhooks"][number] = {"status": "ACTIVE", **request.given, "webhook_id": number, "creation_timestamp": int(number)}
    return {"webhook": request.tables["webhooks"][number]}


@route("PATCH", "/webhooks/([^/]+)")
def _change_webhook(fake: FakeMlflow, request: Request) -> Json:
    one(request.tables["webhooks"], request.args[0], "Webhook").update(request.given)
    return {}


@route("DELETE", "/webhooks/([^/]+)")
def _delete_webhook(fake: FakeMlflow, request: Request) -> Json:
    one(request.tables["webhooks"], request.args[0], "Webhook")
    del request.tables["webhooks"][request.args[0]]
    return {}


# Gateway: key of an answer, of the list, of the identifier and of the name

_GATEWAY = {
    "secrets": ("secret", "secrets", "secret_id", "secret_name"),
    "model-definitions": ("model_definition", "model_definitions", "model_definition_id", "name"),
    "endpoints": ("endpoint", "endpoints", "endpoint_id", "name"),
    "budgets": ("budget_policy", "budget_policies", "budget_policy_id", ""),
    "guardrails": ("guardrail", "guardrails", "guardrail_id", ""),
}


def _shown(request: Request, folder: str, item: Record) -> Record:
    tables = request.tables
    if folder == "secrets":
        return {key: value for key, value in item.items() if key != "secret_value"} | {"masked_values": MASKED}
    if folder == "model-definitions":
        return item | {"secret_name": tables["secrets"].get(item["secret_id"], {}).get("secret_name", "")}
    if folder == "endpoints":
        known = tables["model-definitions"]
        mappings = [one_of | {"model_definition": {"name": known[one_of["model_definition_id"]]["name"]}} for one_of in item["model_configs"]]
        return {key: value for key, value in item.items() if key != "model_configs"} | {"model_mappings": mappings}
    if folder == "guardrails":
        (scorer,) = (one_of for one_of in tables["scorers"].values() if one_of["scorer_id"] == item["scorer_id"])
        shown = {key: value for key, value in item.items() if key not in ("scorer_id", "scorer_version", "attached")}
        return shown | {"scorer": scorer | {"scorer_version": int(item["scorer_version"])}}
    return item


@route("GET", "/gateway/secrets/config")
def _config(fake: FakeMlflow, request: Request) -> Json:
    return {"using_default_passphrase": False}


@route("GET", "/gateway/(secrets|model-definitions|endpoints|budgets|guardrails)/list")
def _gateway_list(fake: FakeMlflow, request: Request) -> Json:
    folder = request.args[0]
    listed = [_shown(request, folder, item) for item in request.tables[folder].values()]
    if folder in ("budgets", "guardrails"):
        return fake.page_of(request, _GATEWAY[folder][1], listed)
    return {_GATEWAY[folder][1]: [item for item in listed if item.get("secret_id") == request.given.get("secret_id", item.get("secret_id"))]}


@route("POST", "/gateway/(secrets|model-definitions|endpoints|budgets|guardrails)/create")
def _gateway_create(fake: FakeMlflow, request: Request) -> Json:
    folder = request.args[0]
    made, _listed, identifier, title = _GATEWAY[folder]
    if title and any(item[title] == request.given[title] for item in request.tables[folder].values()):
        raise RefusedError(400, "(sqlite3.IntegrityError) UNIQUE [SQL: INSERT INTO endpoints VALUES (?)] [parameters: ('x')]", "BAD_REQUEST")
    number = fake.number()
    born: Record = {"tags": [], "usage_tracking": True} if folder == "endpoints" else {"created_at": int(number)}
    request.tables[folder][number] = {**born, **request.given, identifier: number}
    return {made: _shown(request, folder, request.tables[folder][number])}


@route("POST", "/gateway/(secrets|model-definitions|endpoints|budgets)/update")
def _gateway_update(fake: FakeMlflow, request: Request) -> Json:
    folder = request.args[0]
    made, _listed, identifier, _title = _GATEWAY[folder]
    found = one(request.tables[folder], request.given[identifier], made)
    found.update(request.given)
    return {made: _shown(request, folder, found)}


@route("DELETE", "/gateway/(secrets|model-definitions|endpoints|budgets|guardrails)/delete")
def _gateway_delete(fake: FakeMlflow, request: Request) -> Json:
    folder = request.args[0]
    number = request.given[_GATEWAY[folder][2]]
    one(request.tables[folder], number, folder)
    del request.tables[folder][number]
    return {}


@route("POST", "/gateway/endpoints/set-tag")
def _set_endpoint_tag(fake: FakeMlflow, request: Request) -> Json:
    return set_tag(one(request.tables["endpoints"], request.given["endpoint_id"], "Endpoint"), request.given)


@route("DELETE", "/gateway/endpoints/delete-tag")
def _delete_endpoint_tag(fake: FakeMlflow, request: Request) -> Json:
    return delete_tag(one(request.tables["endpoints"], request.given["endpoint_id"], "Endpoint"), request.given)


@route("GET", "/scorers/versions")
def _scorer_versions(fake: FakeMlflow, request: Request) -> Json:
    """Of a scorer that a test has put into the table."""
    wanted = {key: request.given[key] for key in ("experiment_id",)} | {"scorer_name": request.given["name"]}
    found = [item for item in request.tables["scorers"].values() if wanted.items() <= item.items()]
    if not found:
        raise nothing("Scorer")
    return {"scorers": found}


@route("GET", "/gateway/guardrails/list-for-endpoint")
def _attached(fake: FakeMlflow, request: Request) -> Json:
    number = request.given["endpoint_id"]
    rails = request.tables["guardrails"]
    return {"configs": [{"guardrail_id": rail, **item["attached"][number]} for rail, item in rails.items() if number in item.get("attached", {})]}


@route("(POST|PATCH|DELETE)", "/gateway/guardrails/(add-to-endpoint|update-config|remove-from-endpoint)")
def _attach(fake: FakeMlflow, request: Request) -> Json:
    verb, number = request.args[0], request.given["endpoint_id"]
    attached = one(request.tables["guardrails"], request.given["guardrail_id"], "Guardrail").setdefault("attached", {})
    if verb == "add-to-endpoint" and number in attached:
        raise taken("Guardrail of this endpoint")
    attached.pop(number, None)
    if verb != "remove-from-endpoint":
        attached[number] = {key: value for key, value in request.given.items() if key == "execution_order"}
    return {}


# Users, roles and grants, as since 3.13


def _user(fake: FakeMlflow, request: Request) -> Record:
    return one(fake.users, request.given["username"], f"User with username={request.given['username']}")


def _role(fake: FakeMlflow, request: Request) -> Record:
    return one(fake.roles, request.given["role_id"], "Role")


def _row(fake: FakeMlflow, request: Request) -> tuple[Record, Record]:
    for role in fake.roles.values():
        for row in role["permissions"]:
            if row["id"] == request.given["role_permission_id"]:
                return role, row
    raise nothing("Role permission")


def _add_row(fake: FakeMlflow, role: Record, kind: str, pattern: str, permission: str) -> Record:
    if any((row["resource_type"], row["resource_pattern"]) == (kind, pattern) for row in role["permissions"]):
        raise taken("Role permission")
    row = {"id": int(fake.number()), "resource_type": kind, "resource_pattern": pattern, "permission": permission}
    role["permissions"].append(row)
    return row


@route("GET", "/users/list")
def _list_users(fake: FakeMlflow, request: Request) -> Json:
    return {
        "users": [
            {key: user[key] for key in ("id", "username", "is_admin")} | {"roles": [fake.roles[number] for number in user["roles"] if number in fake.roles]}
            for user in fake.users.values()
        ]
    }


@route("POST", "/users/create")
def _make_user(fake: FakeMlflow, request: Request) -> Json:
    if request.given["username"] in fake.users:
        raise RefusedError(400, "User already exists. Error: (sqlite3.IntegrityError) [parameters: ('scrypt:hash')]", "RESOURCE_ALREADY_EXISTS")
    return {"user": {**fake.add_user(request.given["username"], request.given["password"]), "password": None}}


@route("PATCH", "/users/update-(password|admin)")
def _change_user(fake: FakeMlflow, request: Request) -> Json:
    field = "password" if request.args[0] == "password" else "is_admin"
    _user(fake, request)[field] = request.given[field]
    return {}


@route("DELETE", "/users/delete")
def _delete_user(fake: FakeMlflow, request: Request) -> Json:
    user = _user(fake, request)
    del fake.users[user["username"]]
    for number in [number for number, role in fake.roles.items() if role["name"] == f"__user_{user['id']}__"]:
        del fake.roles[number]
    return {}


@route("GET", "/roles/list")
def _list_roles(fake: FakeMlflow, request: Request) -> Json:
    return {"roles": list(fake.roles.values())}


def _new_role(fake: FakeMlflow, name: str, workspace: str, description: str = "") -> Record:
    number = fake.number()
    fake.roles[number] = {"id": int(number), "name": name, "workspace": workspace, "description": description, "permissions": []}
    return fake.roles[number]


@route("POST", "/roles/create")
def _make_role(fake: FakeMlflow, request: Request) -> Json:
    name, workspace = request.given["name"], request.given["workspace"]
    if any((role["name"], role["workspace"]) == (name, workspace) for role in fake.roles.values()):
        raise taken("Role")
    return {"role": _new_role(fake, name, workspace, request.given.get("description") or "")}


@route("PATCH", "/roles/update")
def _change_role(fake: FakeMlflow, request: Request) -> Json:
    _role(fake, request)["description"] = request.given["description"]
    return {}


@route("DELETE", "/roles/delete")
def _delete_role(fake: FakeMlflow, request: Request) -> Json:
    del fake.roles[str(_role(fake, request)["id"])]
    return {}


@route("POST", "/roles/permissions/add")
def _add_permission(fake: FakeMlflow, request: Request) -> Json:
    given = request.given
    return {"role_permission": _add_row(fake, _role(fake, request), given["resource_type"], given["resource_pattern"], given["permission"])}


@route("PATCH", "/roles/permissions/update")
def _change_permission(fake: FakeMlflow, request: Request) -> Json:
    _row(fake, request)[1]["permission"] = request.given["permission"]
    return {}


@route("DELETE", "/roles/permissions/remove")
def _remove_permission(fake: FakeMlflow, request: Request) -> Json:
    role, row = _row(fake, request)
    role["permissions"].remove(row)
    return {}


@route("POST", "/roles/assign")
def _assign(fake: FakeMlflow, request: Request) -> Json:
    user, number = _user(fake, request), str(_role(fake, request)["id"])
    if number in user["roles"]:
        raise taken("Assignment")
    user["roles"].append(number)
    return {}


@route("DELETE", "/roles/unassign")
def _unassign(fake: FakeMlflow, request: Request) -> Json:
    user, number = _user(fake, request), str(_role(fake, request)["id"])
    if number not in user["roles"]:
        raise nothing("Assignment")
    user["roles"].remove(number)
    return {}


@route("POST", "/users/permissions/(grant|revoke)")
def _grant(fake: FakeMlflow, request: Request) -> Json:
    user, given = _user(fake, request), request.given
    name = f"__user_{user['id']}__"
    role = next((role for role in fake.roles.values() if (role["name"], role["workspace"]) == (name, request.workspace)), None)
    if request.args[0] == "grant":
        if role is None:
            role = _new_role(fake, name, request.workspace)
            user["roles"].append(str(role["id"]))
        _add_row(fake, role, given["resource_type"], given["resource_id"], given["permission"])
        return {}
    rows = [row for row in (role or {"permissions": []})["permissions"] if row["resource_pattern"] == given["resource_id"]]
    if not role or not rows:
        raise nothing("Permission")
    role["permissions"].remove(rows[0])
    return {}


@route("GET", "/users/permissions/get")
def _effective(fake: FakeMlflow, request: Request) -> Json:
    _user(fake, request)
    return {"allowed": False, "permission": "NO_PERMISSIONS"}
