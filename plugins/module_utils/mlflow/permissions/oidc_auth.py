# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions kept by mlflow-oidc-auth: a role is a group of the identity provider, and names may be regular expressions.

There is one list per user or group, type of resource, and way of naming it; they hold for the workspace of the request.
"""

from __future__ import annotations

import typing as t

from ...engine.compare import Json
from ...engine.errors import EngineError, RefusedError
from ...engine.family import Entry
from ...engine.http import quote
from .. import documents
from ..api import Api
from . import model
from .backend import Backend, Subject
from .model import Grant

NONE = "NO_PERMISSIONS"
# "Every one" is a pattern here. The one with the lower number decides, so that it comes last.
_EVERY = ".*"
_LAST = 1000
_FIRST = 100


class _Kind(t.NamedTuple):
    """Paths of the lists for one type of resource, below a user or a group.

    :ivar exact: by name.
    :ivar pattern: by regular expression; empty where there are none.
    """

    exact: str
    pattern: str


_KINDS = {
    "experiment": _Kind("experiments", "experiment-patterns"),
    "registered_model": _Kind("registered-models", "registered-models-patterns"),
    "prompt": _Kind("prompts", "prompts-patterns"),
    "scorer": _Kind("scorers", "scorer-patterns"),
    "gateway_secret": _Kind("gateways/secrets", "gateways/secrets-patterns"),
    "gateway_endpoint": _Kind("gateways/endpoints", "gateways/endpoints-patterns"),
    "gateway_model_definition": _Kind("gateways/model-definitions", "gateways/model-definitions-patterns"),
    "mcp_server": _Kind("mcp-servers", ""),
}
_TYPES = frozenset({*_KINDS, "workspace"})


class OidcAuth(Backend):
    """mlflow-oidc-auth, 11 and newer."""

    name = "oidc_auth"
    user_fields = frozenset({"username", "display_name", "is_admin", "is_service_account", "active"})
    role_fields = frozenset({"name", "permissions"})
    default_setting = "DEFAULT_MLFLOW_PERMISSION=NO_PERMISSIONS in its environment"

    def __init__(self, server: t.Any) -> None:
        super().__init__(server)
        self._users: list[Json] | None = None
        self._groups: set[str] | None = None
        self._patterns: dict[Grant, tuple[int, int]] = {}
        self._lists: dict[tuple[str, str], list[Json]] = {}

    def refreshed(self) -> None:
        self._users = self._groups = None
        self._lists = {}

    def _at(self, workspace: str) -> Api:
        # A regular expression that is granted without naming a workspace holds in all of them.
        return Api(self.server.http, workspace or (documents.DEFAULT if self.server.has_workspaces else ""))

    def _list(self, workspace: str, path: str) -> list[Json]:
        if (workspace, path) not in self._lists:
            found = self._at(workspace).send("GET", path).json()
            self._lists[workspace, path] = found if isinstance(found, list) else []
        return self._lists[workspace, path]

    # Users

    def users(self, names: t.Collection[str]) -> list[Entry]:
        if self._users is None:
            self._users = self._list("", "2.0/users/details")
        kept = self.user_fields
        return [{"id": "", **{field: value for field, value in user.items() if field in kept}} for user in self._users]

    def user_problem(self, entry: Entry, there: Entry | None) -> str:
        if entry.get("password"):
            return "people log in through the identity provider, and service accounts by tokens: leave password out"
        if there and entry.get("display_name") not in (None, there.get("display_name")):
            return "display_name is taken from the identity provider once the user is there: leave it out"
        return ""

    def create_user(self, entry: Entry) -> str:
        self._put_user({"display_name": entry["username"], **entry})
        if entry.get("active") is False:
            self.update_user(entry, ["active"])
        return ""

    def _put_user(self, entry: Entry) -> None:
        body = {field: entry[field] for field in ("username", "display_name", "is_admin", "is_service_account") if entry.get(field) is not None}
        self.server.api.post("2.0/users", **body)

    def update_user(self, wanted: Entry, fields: t.Collection[str]) -> None:
        if {"is_admin", "is_service_account"} & set(fields):
            self._put_user({"display_name": wanted["username"], **wanted})
        if "active" in fields:
            self.server.api.patch(f"2.0/users/{quote(wanted['username'])}/active", active=wanted.get("active") is not False)

    def delete_user(self, username: str) -> None:
        self.server.api.delete("2.0/users", username=username)

    def caller(self) -> tuple[str, str]:
        return str(self.server.api.get("2.0/users/current").get("username") or ""), ""

    # Roles

    def _all_groups(self) -> set[str]:
        if self._groups is None:
            self._groups = {str(name) for name in self._list("", "2.0/permissions/groups")}
        return self._groups

    def roles(self, keys: t.Collection[str]) -> list[Entry]:
        """Groups with what they are granted. One that nobody declares and that has no grant is none: groups cannot be deleted here."""
        declared = {documents.key(str(entry.get("name")), entry["workspace"]) for entry in documents.within(self.server.document, ("roles",))}
        found = []
        for workspace in sorted({documents.split(key)[1] for key in keys} | set(documents.scopes(self.server.document, keys, True))):
            for group in sorted(self._all_groups()):
                key = documents.key(group, workspace)
                given = self._of(workspace, "role", group) if key in keys else {}
                if key in declared or key not in keys or given:
                    permissions = [{"on": grant.on, "permission": permission} for grant, permission in given.items()]
                    found.append({"id": "", "workspace": workspace, "name": group, "permissions": permissions})
        return found

    def role_problem(self, entry: Entry) -> str:
        if entry.get("members") or entry.get("+members"):
            return "a role is a group of the identity provider, which also says who is in it: leave members out, and put the users in the group there"
        return ""

    def create_role(self, entry: Entry) -> str:
        self.server.api.post("2.0/permissions/groups", group_name=entry["name"])
        return ""

    def delete_role(self, entry: Entry) -> None:
        for grant in self._of(entry["workspace"], "role", entry["name"]):
            self.take(grant)

    # Grants

    def grants(self, asked: t.Collection[Grant] | None) -> dict[Grant, str]:
        people, groups = {user["username"]: user for user in self.users([])}, self._all_groups()
        if asked is None:
            workspaces = documents.scopes(self.server.document, [], True)
            wanted: dict[Subject, t.Collection[str]] = {(place, "role", name): _TYPES for place in workspaces for name in groups}
            # An administrator may do everything; what creating things granted on the way says nothing.
            wanted.update({(place, "user", name): _TYPES for place in workspaces for name, user in people.items() if not user.get("is_admin")})
        else:
            wanted = {grant[:3]: {other.type for other in asked if other[:3] == grant[:3]} for grant in asked}
        found: dict[Grant, str] = {}
        for (workspace, subject, name), types in sorted(wanted.items()):
            if name in (people if subject == "user" else groups) and self.server.is_there(workspace):
                found.update(self._of(workspace, subject, name, types))
        return found

    def _of(self, workspace: str, subject: str, name: str, types: t.Collection[str] = _TYPES) -> dict[Grant, str]:
        """Everything of these types that a user or group is granted in a workspace."""
        found: dict[Grant, str] = {}
        for kind, lists in _KINDS.items():
            if kind not in types or (kind.startswith("gateway_") and not self.server.has_gateway):
                continue
            base = _path(subject, name)
            for row in self._list(workspace, f"{base}/{lists.exact}"):
                # A user's list tells what is in force, wherever it comes from.
                if subject == "role" or row.get("kind", "user") == "user":
                    found[Grant(workspace, subject, name, kind, self._name(workspace, kind, row))] = _level(row)
            for row in self._list(workspace, f"{base}/{lists.pattern}") if lists.pattern else []:
                if not self.server.has_workspaces or row.get("workspace") == (workspace or documents.DEFAULT):
                    grant = Grant(workspace, subject, name, kind, model.ANY)
                    if row["regex"] != _EVERY:
                        grant = grant._replace(resource=row["regex"], regex=True)
                    self._patterns[grant] = (int(row["id"]), int(row["priority"]))
                    found[grant] = _level(row)
        for grant in [grant for grant in found if grant.type == "prompt" and not grant.regex]:
            if grant.resource != model.ANY:
                found.pop(grant._replace(type="registered_model"), None)  # a group's models hold its prompts too
        if self.server.has_workspaces and "workspace" in types:
            field = "username" if subject == "user" else "group_name"
            for row in self._list(workspace, f"3.0/{_workspace(workspace, subject)}"):
                if row[field] == name:
                    found[Grant(workspace, subject, name, "workspace", model.ANY)] = _level(row)
        return found

    def _name(self, workspace: str, kind: str, row: Json) -> str:
        if kind == "scorer":
            return f"{self.resources.name_of(workspace, 'experiment', str(row['experiment_id']))}/{row['scorer_name']}"
        return str(row["name"])

    def grant_problem(self, grant: Grant, permission: str) -> str:
        if grant.type in model.WHOLE - {"workspace"}:
            return f"mlflow-oidc-auth grants no {grant.type} by itself: grant what it belongs to"
        if grant.type == "workspace" and not self.server.has_workspaces:
            return "the server has no workspaces: start it with --enable-workspaces, or leave the grant out"
        if grant.type == "mcp_server" and (grant.regex or grant.resource == model.ANY):
            return "mlflow-oidc-auth grants mcp_server one by one: name each"
        return ""

    def give(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        api, level = self._at(grant.workspace), _kept(permission)
        if grant.type == "workspace":
            field = "username" if grant.subject == "user" else "group_name"
            api.call("POST", f"3.0/{_workspace(grant.workspace, grant.subject)}", {field: grant.name, "permission": level})
        elif _is_pattern(grant):
            api.call("POST", self._pattern_list(grant), _pattern(grant, level, priority))
        else:
            api.call("POST", self._exact(grant), {"permission": level})

    def change(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        api, level = self._at(grant.workspace), _kept(permission)
        if grant.type == "workspace":
            field = "username" if grant.subject == "user" else "group_name"
            api.call("PATCH", self._workspace_row(grant), {field: grant.name, "permission": level})
        elif _is_pattern(grant):
            number, before = self._known_pattern(grant)
            api.call("PATCH", f"{self._pattern_list(grant)}/{number}", _pattern(grant, level, before if priority is None else priority))
        else:
            api.call("PATCH", self._exact(grant), {"permission": level})

    def take(self, grant: Grant) -> None:
        if grant.type == "workspace":
            path = self._workspace_row(grant)
        elif _is_pattern(grant):
            path = f"{self._pattern_list(grant)}/{self._known_pattern(grant)[0]}"
        else:
            path = self._exact(grant)
        self._at(grant.workspace).send("DELETE", path)

    def priority(self, grant: Grant) -> int | None:
        return self._patterns[grant][1] if grant.regex and grant in self._patterns else None

    def default(self) -> str:
        if self.server.has_workspaces:
            return ""  # there is none: the permission on the workspace is asked instead
        for user in self._users or []:
            if not user.get("is_admin"):
                rows = self._list("", f"{_path('user', user['username'])}/{_KINDS['experiment'].exact}")
                found = {str(row["permission"]) for row in rows if row.get("kind") == "fallback"} - {NONE}
                return found.pop() if found else ""
        return ""

    def _known_pattern(self, grant: Grant) -> tuple[int, int]:
        if grant not in self._patterns:
            self._of(grant.workspace, grant.subject, grant.name, {grant.type})
        if grant not in self._patterns:
            raise RefusedError(f"{grant.key} is not granted any more", status=404)
        return self._patterns[grant]

    def _pattern_list(self, grant: Grant) -> str:
        return f"{_path(grant.subject, grant.name)}/{_KINDS[grant.type].pattern}"

    def _exact(self, grant: Grant) -> str:
        resource = quote(grant.resource)
        if grant.type in ("experiment", "scorer"):
            experiment, _sep, scorer = grant.resource.partition("/") if grant.type == "scorer" else (grant.resource, "", "")
            number = self.resources.id_of(grant.workspace, "experiment", experiment)
            if number is None:
                raise EngineError(model.dead(grant.key, grant.type, grant.resource))
            resource = f"{number}/{quote(scorer)}" if scorer else number
        return f"{_path(grant.subject, grant.name)}/{_KINDS[grant.type].exact}/{resource}"

    def _workspace_row(self, grant: Grant) -> str:
        return f"3.0/{_workspace(grant.workspace, grant.subject)}/{quote(grant.name)}"


def _path(subject: str, name: str) -> str:
    return f"2.0/permissions/{'users' if subject == 'user' else 'groups'}/{quote(name)}"


def _workspace(workspace: str, subject: str) -> str:
    return f"permissions/workspaces/{workspace or documents.DEFAULT}/{'users' if subject == 'user' else 'groups'}"


def _is_pattern(grant: Grant) -> bool:
    return grant.regex or grant.resource == model.ANY


def _pattern(grant: Grant, level: str, priority: int | None) -> Json:
    regex = grant.resource if grant.regex else _EVERY
    return {"regex": regex, "priority": (_FIRST if grant.regex else _LAST) if priority is None else priority, "permission": level}


def _level(row: Json) -> str:
    return model.DENY if row["permission"] == NONE else str(row["permission"])


def _kept(permission: str) -> str:
    return NONE if permission == model.DENY else permission
