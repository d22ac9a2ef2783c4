# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which a module reaches an MLflow server, and the session they make. Documented in doc_fragments/mlflow.py."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from ..engine import connection, door
from ..engine.errors import EngineError
from ..engine.family import Family
from ..engine.http import Http, basic
from . import session as sessions
from .session import Session


def _from(*names: str) -> tuple[t.Any, list[str]]:
    return (env_fallback, list(names))


CONNECTION: dict[str, dict[str, t.Any]] = {
    **connection.CONNECTION,
    "url": {"type": "str", "required": True, "fallback": _from("MLFLOW_TRACKING_URI")},
    "static_prefix": {"type": "str", "fallback": _from("MLFLOW_STATIC_PREFIX")},
    "workspace": {"type": "str", "fallback": _from("MLFLOW_WORKSPACE")},
    "username": {"type": "str", "fallback": _from("MLFLOW_TRACKING_USERNAME")},
    "password": {"type": "str", "no_log": True, "fallback": _from("MLFLOW_TRACKING_PASSWORD")},
    "token": {"type": "str", "no_log": True, "fallback": _from("MLFLOW_TRACKING_TOKEN")},
    "ca_path": {"type": "path", "fallback": _from("MLFLOW_TRACKING_SERVER_CERT_PATH")},
    "client_cert": {"type": "path", "fallback": _from("MLFLOW_TRACKING_CLIENT_CERT_PATH")},
}
# For the modules that write. With one worker, four requests at a time take longer than two: its threads wait for each other.
WRITING: dict[str, dict[str, t.Any]] = {"parallel": {"type": "int", "default": 2}}
# For the modules that may delete a workspace.
CONTENT: dict[str, dict[str, t.Any]] = {"workspace_content": {"type": "str", "choices": list(sessions.CONTENT), "default": "refuse"}}
CONSTRAINTS: dict[str, t.Any] = {
    "required_together": [("username", "password")],
    "mutually_exclusive": [("username", "token")],
    "required_by": {"client_key": ("client_cert",)},
}


def overridden(given: t.Collection[str]) -> set[str]:
    """Options that environment variables do not fill in, for the given ones say otherwise who logs in."""
    account = "username" in given or "password" in given
    return ({"token"} if account else {"username", "password"} if "token" in given else set()) - set(given)


def http(params: t.Mapping[str, t.Any]) -> Http:
    """The way to the server, kept for all items of a loop.

    :raises EngineError: when the options do not make one.
    """
    url, prefix = str(params["url"]), (params.get("static_prefix") or "").strip("/")
    if not url.startswith(("http://", "https://")):
        raise EngineError(f"url {url!r} is no address of a server (it may come from MLFLOW_TRACKING_URI): give it as https://host[:port]")
    settings = connection.settings_of(params, f"{url.rstrip('/')}/{prefix}" if prefix else url)
    if params.get("token"):
        settings = settings._replace(headers=(*settings.headers, ("Authorization", f"Bearer {params['token']}")))
    elif params.get("username"):
        settings = settings._replace(headers=(*settings.headers, ("Authorization", basic(params["username"], params["password"]))))
    return door.kept("mlflow", settings, lambda: Http(settings))


def session(params: t.Mapping[str, t.Any], families: t.Sequence[Family], pruned: t.Collection[str] = (), in_loop: bool = False) -> Session:
    """A session with the server.

    :param pruned: families of which undeclared objects may be deleted.
    :param in_loop: other items of a loop will ask the same server.
    """
    return Session(http(params), families, pruned, params.get("workspace_content") or "refuse", in_loop)


def placed(params: t.Mapping[str, t.Any], document: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A document whose families stand in the workspace that the module's options name, unless it names one itself."""
    return {**({"workspace": params["workspace"]} if params.get("workspace") else {}), **document}
