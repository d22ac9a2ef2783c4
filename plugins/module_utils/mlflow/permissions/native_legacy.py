# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's own permissions before 3.13: one table per type of resource, with one row per user; 3.12 has roles beside them.

The list of users says no more than their names, so a user's permissions cost requests of their own.
"""

from __future__ import annotations

import functools
import typing as t

from ...engine.compare import Json
from ...engine.errors import EngineError, RefusedError
from ...engine.family import Entry
from .. import documents
from . import model
from .backend import Subject, plain
from .model import Grant
from .native_roles import NONE, NativeRoles


class _Table(t.NamedTuple):
    """Where the permissions on one type of resource are kept.

    :ivar path: of the calls, each followed by /create, /get, /update or /delete.
    :ivar key: what they call the resource.
    :ivar field: where the answer to /get has the permission.
    """

    path: str
    key: str
    field: str


_TABLES = {
    "experiment": _Table("2.0/experiments/permissions", "experiment_id", "experiment_permission"),
    "registered_model": _Table("2.0/registered-models/permissions", "name", "registered_model_permission"),
    "scorer": _Table("3.0/scorers/permissions", "scorer_name", "scorer_permission"),
    "gateway_secret": _Table("3.0/gateway/secrets/permissions", "secret_id", "gateway_secret_permission"),
    "gateway_endpoint": _Table("3.0/gateway/endpoints/permissions", "endpoint_id", "gateway_endpoint_permission"),
    "gateway_model_definition": _Table("3.0/gateway/model-definitions/permissions", "model_definition_id", "gateway_model_definition_permission"),
}
_UNLISTED = tuple(kind for kind in _TABLES if kind.startswith("gateway_"))
# A prompt is a registered model here.
_TABLES["prompt"] = _TABLES["registered_model"]


class NativeLegacy(NativeRoles):
    """MLflow's basic-auth app, 3.10 to 3.12."""

    def __init__(self, server: t.Any) -> None:
        super().__init__(server)
        self._details: dict[tuple[str, str], Json] = {}

    def refreshed(self) -> None:
        super().refreshed()
        self._details = {}

    # Users

    def users(self, names: t.Collection[str]) -> list[Entry]:
        found = []
        for user in self._listed_users():
            entry = {"username": user["username"], "id": str(user["id"])}
            if user["username"] in names:
                entry["is_admin"] = bool(self._detail("", user["username"]).get("is_admin"))
            found.append(entry)
        return found

    def _detail(self, workspace: str, username: str) -> Json:
        if (workspace, username) not in self._details:
            found = self.server.at(workspace).find("2.0/users/get", username=username) or {}
            self._details[workspace, username] = found.get("user") or {}
        return self._details[workspace, username]

    def delete_user(self, username: str) -> None:
        # These versions answer with a database error while a user has any permission left, be it on what is gone itself.
        user = self._detail("", username)
        for row in user.get("experiment_permissions") or []:
            self._drop("", "experiment", {"username": username, "experiment_id": row["experiment_id"]})
        for row in user.get("scorer_permissions") or []:
            self._drop("", "scorer", {"username": username, "experiment_id": row["experiment_id"], "scorer_name": row["scorer_name"]})
        for workspace in map(plain, self.server.workspaces()):
            for row in self._detail(workspace, username).get("registered_model_permissions") or []:
                self._drop(workspace, "registered_model", {"username": username, "name": row["name"]})
            for kind in _UNLISTED:
                for name in self.resources.names(workspace, kind):
                    number = self.resources.id_of(workspace, kind, name)
                    self._drop(workspace, kind, {"username": username, _TABLES[kind].key: number})
            if self.server.has_workspaces:
                _unless_gone(functools.partial(self.take, Grant(workspace, "user", username, "workspace", model.ANY)))
        for role in self.server.api.get("3.0/users/roles/list", username=username).get("roles") or [] if self.server.since(3, 12) else []:
            self.unassign(role, username)
        super().delete_user(username)

    def _drop(self, workspace: str, kind: str, body: Json) -> None:
        _unless_gone(functools.partial(self.server.at(workspace).call, "DELETE", f"{_TABLES[kind].path}/delete", body))

    # Roles

    def role_problem(self, entry: Entry) -> str:
        if not self.server.since(3, 12):
            return "roles are known since MLflow 3.12: declare what the role's members may do under grants, user by user, or upgrade the server"
        return super().role_problem(entry)

    def _ask_for_roles(self) -> list[Json]:
        return super()._ask_for_roles() if self.server.since(3, 12) else []

    def _members(self, keys: t.Collection[str]) -> dict[int, list[str]]:
        names = {user["id"]: user["username"] for user in self._listed_users()}
        found = {}
        for role in self._listed_roles():
            if documents.key(role["name"], plain(role["workspace"])) in keys:
                listed = self.server.api.get("3.0/roles/users/list", role_id=int(role["id"])).get("assignments") or []
                found[int(role["id"])] = [names[entry["user_id"]] for entry in listed if entry["user_id"] in names]
        return found

    def default(self) -> str:
        return ""  # nothing asks these versions what somebody else may do

    # Grants

    def grant_problem(self, grant: Grant, permission: str) -> str:
        if grant.regex:
            return super().grant_problem(grant, permission)
        if grant.subject == "role":
            if grant.type == "prompt":
                return "before MLflow 3.13 a role is granted prompts as registered_model: write that, or upgrade the server"
            if permission == model.DENY:
                return "before MLflow 3.17 a role cannot deny: leave the grant out and let the server's default be no permission, or upgrade the server"
            if not self.server.since(3, 12):
                return "roles are known since MLflow 3.12: grant it to the user, or upgrade the server"
            return super().grant_problem(grant, permission)
        if grant.type == "workspace":
            return ""
        if grant.type not in _TABLES:
            return super().grant_problem(grant, "")
        if grant.resource == model.ANY:
            return f"before MLflow 3.13 a user is granted one {grant.type} at a time: name each, grant '*' to a role (3.12), or upgrade the server"
        return ""

    def _user_grants(self, subjects: t.Collection[Subject] | None, asked: t.Collection[Grant]) -> t.Iterator[tuple[Grant, str]]:
        declared = {model.of(entry) for entry in documents.within(self.server.document, ("grants",))} | set(asked)
        everybody = [user["username"] for user in self._listed_users()]
        if subjects is None:
            workspaces = documents.scopes(self.server.document, [], True)
            subjects = {(workspace, "user", name) for workspace in workspaces for name in everybody if not self._detail("", name).get("is_admin")}
        for workspace, kind, name in sorted(subjects):
            if kind == "user" and name in everybody and self.server.is_there(workspace):
                yield from self._of_user(workspace, name, {grant for grant in declared if grant[:3] == (workspace, kind, name)})

    def _of_user(self, workspace: str, name: str, declared: set[Grant]) -> t.Iterator[tuple[Grant, str]]:
        user = self._detail(workspace, name)
        for row in user.get("experiment_permissions") or []:
            experiment = self.resources.name_of(workspace, "experiment", str(row["experiment_id"]))
            if not experiment.startswith("#"):  # one of another workspace, or of none any more
                yield Grant(workspace, "user", name, "experiment", experiment), _level(row)
        for row in user.get("registered_model_permissions") or []:
            if plain(row.get("workspace")) == workspace:
                prompt = Grant(workspace, "user", name, "prompt", row["name"])
                yield prompt if prompt in declared else prompt._replace(type="registered_model"), _level(row)
        for row in user.get("scorer_permissions") or []:
            experiment = self.resources.name_of(workspace, "experiment", str(row["experiment_id"]))
            if not experiment.startswith("#"):
                yield Grant(workspace, "user", name, "scorer", f"{experiment}/{row['scorer_name']}"), _level(row)
        if self.server.has_workspaces:
            listed = self.server.api.get("3.0/workspace-permissions", username=name).get("permissions") or []
            for row in listed:
                if plain(row.get("workspace")) == workspace:
                    yield Grant(workspace, "user", name, "workspace", model.ANY), _level(row)
        # Nothing lists these: only what is, or was, declared is asked for.
        for grant in sorted(grant for grant in declared if grant.type in _UNLISTED):
            body = self._body(grant)
            found = self.server.at(workspace).find(f"{_TABLES[grant.type].path}/get", **body) if body else None
            if found:
                yield grant, _level(found[_TABLES[grant.type].field])

    def _body(self, grant: Grant) -> Json | None:
        """Who and on what, as the tables have it; None for a resource that is not there."""
        table = _TABLES[grant.type]
        if grant.type == "scorer":
            experiment, _sep, scorer = grant.resource.partition("/")
            number = self.resources.id_of(grant.workspace, "experiment", experiment)
            return None if number is None else {"username": grant.name, "experiment_id": number, "scorer_name": scorer}
        found = self.resources.id_of(grant.workspace, grant.type, grant.resource)
        return None if found is None else {"username": grant.name, table.key: found}

    def give(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        self._write("POST", "create", grant, permission)

    def change(self, grant: Grant, permission: str, priority: int | None = None) -> None:
        self._write("PATCH", "update", grant, permission)

    def take(self, grant: Grant) -> None:
        if grant.subject == "role":
            super().take(grant)
        elif grant.type == "workspace":
            self.server.api.send("DELETE", self._workspace(grant), {"username": grant.name})
        else:
            self._row_call("DELETE", "delete", grant, {})

    def _write(self, method: str, verb: str, grant: Grant, permission: str) -> None:
        level = NONE if permission == model.DENY else permission
        if grant.subject == "role":
            if verb == "create":
                super().give(grant, level)
            else:
                super().change(grant, level)
        elif grant.type == "workspace":
            self.server.api.post(self._workspace(grant), username=grant.name, permission=level)
        else:
            self._row_call(method, verb, grant, {"permission": level})

    def _workspace(self, grant: Grant) -> str:
        if not self.server.has_workspaces:
            raise RefusedError(f"{grant.key}: the server has no workspaces: start it with --enable-workspaces, or leave the grant out", status=503)
        return f"3.0/workspaces/{grant.workspace or documents.DEFAULT}/permissions"

    def _row_call(self, method: str, verb: str, grant: Grant, more: Json) -> None:
        body = self._body(grant)
        if body is None:
            raise EngineError(model.dead(grant.key, grant.type, grant.resource))
        self.server.at(grant.workspace).call(method, f"{_TABLES[grant.type].path}/{verb}", {**body, **more})


def _unless_gone(call: t.Callable[[], object]) -> None:
    try:
        call()
    except RefusedError as exc:
        if exc.status != 404:
            raise


def _level(row: Json) -> str:
    return model.DENY if row["permission"] == NONE else str(row["permission"])
