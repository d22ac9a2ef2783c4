# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of a server, whichever program keeps them."""

from __future__ import annotations

import contextlib
import threading
import typing as t
import weakref

from ...engine.errors import EngineError, RefusedError
from .. import documents
from . import model
from .backend import Backend
from .native_legacy import NativeLegacy
from .native_roles import NativeRoles
from .nothing import Nothing
from .oidc_auth import OidcAuth

if t.TYPE_CHECKING:
    from ..session import Session

_chosen: weakref.WeakKeyDictionary[Session, Backend] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_NOT_HERE = frozenset({404, 405, 422})


def backend(server: Session) -> Backend:
    """The backend of a server; found out once per session, at no cost where MLflow keeps its permissions itself.

    :raises EngineError: where nothing does, or none can be reached, and the document asks for it.
    """
    with _lock:
        if server not in _chosen:
            _chosen[server] = _choose(server)
        return _chosen[server]


def _choose(server: Session) -> Backend:
    asked = any(documents.within(server.document, (family,)) for family in ("users", "roles", "grants"))
    if not server.is_whole:
        line = (
            f"{server.http.base} runs an MLflow before 3.12 below a static prefix, which has its users at /api of the host, and that does not lead to it: "
            "give the server's own address as url, let the proxy pass /api on too, or update MLflow"
        )
        if asked:
            raise EngineError(line)
        server.note(f"users, roles and grants are left as they are: {line}")
        return Nothing(server)
    native = NativeRoles(server) if server.since(3, 13) else NativeLegacy(server)
    for keeper in (native, OidcAuth(server)):
        try:
            keeper.users([])
        except RefusedError as exc:
            if exc.status not in _NOT_HERE:
                raise
        else:
            return keeper
    if not asked:
        return Nothing(server)
    raise EngineError(
        f"{server.http.base} keeps no users: start it with --app-name basic-auth (MLflow's own permissions) or --app-name oidc-auth (mlflow-oidc-auth), "
        "or leave users, roles and grants out"
    )


@contextlib.contextmanager
def writing(server: Session) -> t.Iterator[Backend]:
    """The backend for a write; what was read before counts no more after it, whether it succeeds or not."""
    keeper = backend(server)
    try:
        yield keeper
    finally:
        keeper.refreshed()


def note_default(server: Session) -> None:
    """Warns where those may do something who are granted nothing: then nothing that is declared limits anybody."""
    keeper = backend(server)
    if keeper.default_is_known:
        return
    keeper.default_is_known = True
    with contextlib.suppress(RefusedError):  # who administers a workspace only may not ask
        found = keeper.default()
        if found:
            server.note(f"who is granted nothing may {found} everything here, for that is the server's default permission: set {keeper.default_setting}")


def grant_problems(server: Session, label: str, grant: model.Grant, permission: str, there: bool) -> list[str]:
    """Why a grant cannot be kept here, or would never match anything.

    :param there: the server has it already, so that its resource need not be looked for.
    """
    keeper = backend(server)
    problem = keeper.grant_problem(grant, permission)
    if problem:
        return [f"{label}: {problem}"]
    if there or grant.regex or (grant.workspace, grant.resource) in model.declared_names(server.document, grant.type):
        return []
    return [] if keeper.resources.is_there(grant.workspace, grant.type, grant.resource) else [model.dead(label, grant.type, grant.resource)]


def unknown_users(server: Session, label: str, names: t.Iterable[str]) -> list[str]:
    """Users who are neither declared nor there."""
    known = {str(entry.get("username")) for entry in documents.listed(server.document, ("users",))}
    missing = sorted({str(name) for name in names} - known)
    there = {user["username"] for user in backend(server).users([])} if missing else set()
    return [f"{label}: there is no user {name}: declare it under users, or correct the name" for name in missing if name not in there]


def unknown_subjects(server: Session, label: str, grant: model.Grant) -> list[str]:
    """The user or role of a grant, if neither declared nor there."""
    if grant.subject == "user":
        return unknown_users(server, label, [grant.name])
    key = documents.key(grant.name, grant.workspace)
    declared = {documents.key(str(entry.get("name")), entry["workspace"]) for entry in documents.within(server.document, ("roles",))}
    if key in declared or key in {documents.key(role["name"], role["workspace"]) for role in backend(server).roles([])}:
        return []
    return [f"{label}: there is no role {key}: declare it under roles, or correct the name"]
