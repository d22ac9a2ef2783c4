# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's own permissions since 3.13: everything is a permission of a role, and every user has a role of their own.

The list of users holds their roles, and the list of roles their permissions: two requests tell all.
"""

from __future__ import annotations

import re
import threading
import typing as t

from ...engine.compare import Json
from ...engine.errors import EngineError, RefusedError
from ...engine.family import Entry
from .. import documents
from . import model
from .backend import Backend, Subject, plain
from .model import Grant

NONE = "NO_PERMISSIONS"
SHORTEST_PASSWORD = 12
_OWN_ROLE = re.compile(r"__user_\d+__")
# Granted and taken back at once, to make the server set up the role of a user who has none: no model can have this name.
_NOTHING = "ansible:nothing"
_SINCE: t.Mapping[str, tuple[int, int]] = {
    "prompt": (3, 13),
    "mcp_server": (3, 15),
    **dict.fromkeys(model.WHOLE - {"workspace"}, (3, 17)),
}


class NativeRoles(Backend):
    """MLflow's basic-auth app, 3.13 and newer."""

    name = "native"
    user_fields = frozenset({"username", "password", "is_admin"})
    role_fields = frozenset({"name", "description", "members", "permissions"})
    default_setting = "default_permission = NO_PERMISSIONS in the file of MLFLOW_AUTH_CONFIG_PATH"

    def __init__(self, server: t.Any) -> None:
        super().__init__(server)
        self._users: list[Json] | None = None
        self._roles: list[Json] | None = None
        self._role_ids: dict[tuple[str, str], int] = {}
        self._rows: dict[Grant, int] = {}
        self._lock = threading.Lock()

    def refreshed(self) -> None:
        self._users = self._roles = None

    # Users

    def users(self, names: t.Collection[str]) -> list[Entry]:
        return [{"username": user["username"], "is_admin": bool(user.get("is_admin")), "id": str(user["id"])} for user in self._listed_users()]

    def _listed_users(self) -> list[Json]:
        with self._lock:
            if self._users is None:
                self._users = self.server.api.get("2.0/users/list").get("users") or []
            return self._users

    def user_problem(self, entry: Entry, there: Entry | None) -> str:
        password = entry.get("password")
        if not there and not password:
            return f"password is missing: a new user needs one of at least {SHORTEST_PASSWORD} characters"
        if password and len(password) < SHORTEST_PASSWORD:
            return f"password is too short: MLflow wants at least {SHORTEST_PASSWORD} characters"
        name, own = self.caller()
        if there and entry["username"] == name and password and password != own:
            return "this run logs in as this user and cannot change its password under its own feet: log in as another administrator for that"
        return ""

    def create_user(self, entry: Entry) -> str:
        made = self._quietly("POST", "2.0/users/create", entry["username"], {"username": entry["username"], "password": entry["password"]})
        if entry.get("is_admin"):
            self.update_user(entry, ["is_admin"])
        return str((made.get("user") or {}).get("id") or "")

    def update_user(self, wanted: Entry, fields: t.Collection[str]) -> None:
        username = wanted["username"]
        if "password" in fields and self.caller() != (username, wanted["password"]):
            self._quietly("PATCH", "2.0/users/update-password", username, {"username": username, "password": wanted["password"]})
        if "is_admin" in fields:
            self.server.api.patch("2.0/users/update-admin", username=username, is_admin=bool(wanted.get("is_admin")))

    def _quietly(self, method: str, path: str, username: str, body: Json) -> Json:
        # A refusal may quote the statement that failed, and with it the hash of the password.
        try:
            return self.server.api.call(method, path, body)
        except RefusedError as exc:
            why = "there is a user of this name by now" if exc.code == "RESOURCE_ALREADY_EXISTS" else "is the account an administrator?"
            raise RefusedError(f"{method} {path} for {username} was refused ({exc.status} {exc.code}): {why}", status=exc.status, code=exc.code) from None

    def delete_user(self, username: str) -> None:
        if username == self.caller()[0]:
            raise EngineError(f"this run logs in as {username}, and MLflow lets nobody delete the own account: log in as another administrator for that")
        self.server.api.delete("2.0/users/delete", username=username)

    # Roles

    def _listed_roles(self) -> list[Json]:
        with self._lock:
            if self._roles is None:
                self._roles = self._ask_for_roles()
                self._role_ids = {(plain(role["workspace"]), role["name"]): int(role["id"]) for role in self._roles}
            return self._roles

    def _ask_for_roles(self) -> list[Json]:
        try:
            return self.server.api.get("3.0/roles/list").get("roles") or []
        except RefusedError as exc:
            if exc.status != 403:
                raise
        # Who administers workspaces only may list the roles of those.
        workspaces = [name or documents.DEFAULT for name in documents.scopes(self.server.document, [], True)]
        return self.server.api.get("3.0/roles/list", workspace=workspaces).get("roles") or []

    def roles(self, keys: t.Collection[str]) -> list[Entry]:
        members = self._members(keys)
        return [
            {
                "workspace": plain(role["workspace"]),
                "name": role["name"],
                "description": role.get("description") or "",
                "members": sorted(members.get(int(role["id"]), [])),
                "permissions": self._permissions(role) if documents.key(role["name"], plain(role["workspace"])) in keys else [],
                "id": str(role["id"]),
            }
            for role in self._listed_roles()
            if not _OWN_ROLE.fullmatch(role["name"])
        ]

    def _permissions(self, role: Json) -> list[Entry]:
        return [{"on": grant.on, "permission": permission} for grant, permission in self._rows_of(role, "role", role["name"])]

    def _members(self, keys: t.Collection[str]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for user in self._listed_users():
            for role in user.get("roles") or []:
                found.setdefault(int(role["id"]), []).append(user["username"])
        return found

    def _rows_of(self, role: Json, subject: str, name: str) -> t.Iterator[tuple[Grant, str]]:
        for row in role.get("permissions") or []:
            workspace, kind = plain(role["workspace"]), row["resource_type"]
            if row["resource_pattern"] == _NOTHING:
                continue
            grant = Grant(workspace, subject, name, kind, self.resources.name_of(workspace, kind, row["resource_pattern"]))
            self._rows[grant] = int(row["id"])
            yield grant, row["permission"]

    def role_problem(self, entry: Entry) -> str:
        return "names that begin with __user_ are MLflow's own" if entry["name"].startswith("__user_") else ""

    def _role_id(self, workspace: str, name: str) -> int:
        if (workspace, name) not in self._role_ids:
            self._roles = None
            self._listed_roles()
        if (workspace, name) not in self._role_ids:
            raise EngineError(f"there is no role {documents.key(name, workspace)}: declare it under roles")
        return self._role_ids[workspace, name]

    def create_role(self, entry: Entry) -> str:
        workspace = entry.get("workspace") or documents.DEFAULT
        made = self.server.api.post("3.0/roles/create", name=entry["name"], workspace=workspace, description=entry.get("description") or None)
        number = int(made["role"]["id"])
        self._role_ids[plain(workspace), entry["name"]] = number
        return str(number)

    def describe_role(self, entry: Entry) -> None:
        self.server.api.patch("3.0/roles/update", role_id=int(entry["id"]), description=entry.get("description") or "")

    def delete_role(self, entry: Entry) -> None:
        self.server.api.delete("3.0/roles/delete", role_id=int(entry["id"]))

    def assign(self, role: Entry, username: str) -> None:
        self.server.api.post("3.0/roles/assign", username=username, role_id=int(role["id"]))

    def unassign(self, role: Entry, username: str) -> None:
        self.server.api.delete("3.0/roles/unassign", username=username, role_id=int(role["id"]))

    # Grants

    def grants(self, asked: t.Collection[Grant] | None) -> dict[Grant, str]:
        subjects = None if asked is None else {grant[:3] for grant in asked}
        found: dict[Grant, str] = {}
        if subjects is None or any(kind == "role" for _workspace, kind, _name in subjects):
            for role in self._listed_roles():
                if not _OWN_ROLE.fullmatch(role["name"]) and (subjects is None or (plain(role["workspace"]), "role", role["name"]) in subjects):
                    found.update(self._rows_of(role, "role", role["name"]))
        if subjects is None or any(kind == "user" for _workspace, kind, _name in subjects):
            found.update(self._user_grants(subjects, asked or ()))
        return found

    def _user_grants(self, subjects: t.Collection[Subject] | None, asked: t.Collection[Grant]) -> t.Iterator[tuple[Grant, str]]:
        """Permissions of single users.

        :param asked: grants that somebody asks for by name; here every one of a user is listed anyway.
        """
        for user in self._listed_users():
            name = user["username"]
            # An administrator may do everything; what creating things granted on the way says nothing.
            if subjects is None and user.get("is_admin"):
                continue
            for role in user.get("roles") or []:
                if role["name"] == f"__user_{user['id']}__" and (subjects is None or (plain(role["workspace"]), "user", name) in subjects):
                    yield from self._rows_of(role, "user", name)

    def grant_problem(self, grant: Grant, permission: str) -> str:
        if grant.regex:
            return "regex needs mlflow-oidc-auth: MLflow itself knows '*' and exact names"
        since = _SINCE.get(grant.type)
        if since and not self.server.since(*since):
            return f"{grant.type} can be granted since MLflow {since[0]}.{since[1]}: leave it out, or upgrade the server"
        if permission == model.DENY and not self.server.since(3, 17):
            return "DENY is known since MLflow 3.17: leave the grant out and let the server's default be no permission, or upgrade the server"
        return ""

    def give(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        if grant.subject == "user" and grant.type != "workspace":
            body = {"username": grant.name, "resource_type": grant.type, "resource_id": self.pattern(grant), "permission": permission}
            self.server.at(grant.workspace).call("POST", "3.0/users/permissions/grant", body)
            return
        role = self._role_id(grant.workspace, grant.name) if grant.subject == "role" else self._own_role(grant)
        self._add(role, grant, permission)

    def _add(self, role: int, grant: Grant, permission: str) -> None:
        body = {"role_id": role, "resource_type": grant.type, "resource_pattern": self.pattern(grant), "permission": permission}
        made = self.server.api.call("POST", "3.0/roles/permissions/add", body)
        self._rows[grant] = int(made["role_permission"]["id"])

    def _own_role(self, grant: Grant) -> int:
        """The role that stands for one user. Only it can hold a permission on the workspace, and only a grant makes the server create it."""
        user = self._user(grant.name)
        for again in (False, True):
            for role in user.get("roles") or []:
                if role["name"] == f"__user_{user['id']}__" and plain(role["workspace"]) == grant.workspace:
                    return int(role["id"])
            if again:
                break
            api, nothing = self.server.at(grant.workspace), {"username": grant.name, "resource_type": "registered_model", "resource_id": _NOTHING}
            api.call("POST", "3.0/users/permissions/grant", {**nothing, "permission": "READ"})
            api.call("POST", "3.0/users/permissions/revoke", nothing)
            self._users = None
            user = self._user(grant.name)
        raise EngineError(f"MLflow set up no role for {grant.name}: declare a role with this permission and {grant.name} under its members")

    def _user(self, name: str) -> Json:
        for again in (False, True):
            for user in self._listed_users():
                if user["username"] == name:
                    return user
            if not again:
                self._users = None
        raise EngineError(f"there is no user {name}: declare it under users")

    def change(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        self.server.api.patch("3.0/roles/permissions/update", role_permission_id=self._row(grant), permission=permission)

    def take(self, grant: Grant) -> None:
        self.server.api.delete("3.0/roles/permissions/remove", role_permission_id=self._row(grant))

    def _row(self, grant: Grant) -> int:
        if grant not in self._rows:
            self.refreshed()
            self.grants({grant})
        if grant not in self._rows:
            raise RefusedError(f"{grant.key} is not granted any more", status=404)
        return self._rows[grant]

    def default(self) -> str:
        """What a user without a grant on experiments may do with the one that every server is born with."""
        granting = {
            int(role["id"])
            for role in self._listed_roles()
            for row in role.get("permissions") or []
            if row["resource_type"] == "experiment" or (row["resource_type"] == "workspace" and row["permission"] == "MANAGE")
        }
        for user in self._listed_users():
            if not user.get("is_admin") and not granting & {int(role["id"]) for role in user.get("roles") or []}:
                asked = {"username": user["username"], "resource_type": "experiment", "resource_id": "0"}
                found = str(self.server.api.get("3.0/users/permissions/get", **asked).get("permission") or "")
                return "" if found in (NONE, model.DENY) else found
        return ""

    def pattern(self, grant: Grant) -> str:
        """The resource as the server calls it."""
        found = self.resources.id_of(grant.workspace, grant.type, grant.resource)
        if found is None:
            raise EngineError(model.dead(grant.key, grant.type, grant.resource))
        return found
