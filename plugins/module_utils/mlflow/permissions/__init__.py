# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which program keeps the permissions of a server."""

from __future__ import annotations

import threading
import typing as t
import weakref

from ...engine.errors import EngineError, RefusedError
from .backend import Backend
from .native_legacy import NativeLegacy
from .native_roles import NativeRoles
from .oidc_auth import OidcAuth

if t.TYPE_CHECKING:
    from ..session import Session

_chosen: weakref.WeakKeyDictionary[Session, Backend] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def backend(server: Session) -> Backend:
    """The backend of a server; found out once per session, at no cost where MLflow keeps its permissions itself.

    :raises EngineError: where nothing does.
    """
    with _lock:
        if server not in _chosen:
            _chosen[server] = _choose(server)
        return _chosen[server]


def _choose(server: Session) -> Backend:
    try:
        native = NativeRoles(server) if server.since(3, 13) else NativeLegacy(server)
        native.users([])
        return native
    except RefusedError as exc:
        if exc.status not in (404, 405, 422):
            raise
    try:
        oidc = OidcAuth(server)
        oidc.users([])
        return oidc
    except RefusedError as exc:
        if exc.status != 404:
            raise
    raise EngineError(
        f"{server.http.base} keeps no users: start it with --app-name basic-auth (MLflow's own permissions) or --app-name oidc-auth (mlflow-oidc-auth), "
        "or leave users, roles and grants out"
    )
