# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's REST API: requests within a workspace, lists to their end, refusals with a remedy."""

from __future__ import annotations

import typing as t

from ..engine.errors import EngineError, RefusedError, cut
from ..engine.http import Http, Json, Reply

WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"
# At the root of the host: there servers before 3.12 have it whatever their static prefix, and what browsers ask for (ajax-api) alone below the prefix.
BARE = "/api"


class Api:
    """The API of one server, in one of its workspaces.

    Paths are given as `2.0/experiments/get`: the version of the API, then what follows `mlflow/` in it.

    :ivar root: where the API is: `api` or `ajax-api` below the address, or BARE.
    :ivar workspace: name of the workspace; empty for the server's default one, and no header then.
    """

    def __init__(self, http: Http, workspace: str = "", root: str = "api") -> None:
        self.http = http
        self.root = root
        self.workspace = workspace

    def send(self, method: str, path: str, body: Json = None, **query: t.Any) -> Reply:
        """Sends a request.

        :raises RefusedError: for every answer that is not a success.
        """
        version, _sep, rest = path.partition("/")
        whole = path.startswith("/")
        full = path if whole else f"/{self.root.lstrip('/')}/{version}/mlflow/{rest}"
        headers = {WORKSPACE_HEADER: self.workspace} if self.workspace else {}
        # Flask refuses a write without a JSON type, with or without a body.
        sent = {} if body is None and method in ("POST", "PATCH", "PUT") else body
        reply = self.http.request(method, full, body=sent, query=query, headers=headers, prefixed=whole or self.root != BARE)
        if reply.status >= 300:
            raise refusal(reply, method, full, self.workspace)
        return reply

    def call(self, method: str, path: str, body: Json = None, **query: t.Any) -> dict[str, t.Any]:
        """As send; the answer's JSON object, empty where there is none."""
        reply = self.send(method, path, body, **query)
        try:
            answer = reply.json()
        except ValueError as exc:
            raise EngineError(
                f"{method} {path}: the answer is no JSON: is url MLflow's own address, and not that of a login or another program in front of it?"
            ) from exc
        return answer if isinstance(answer, dict) else {}

    def get(self, path: str, **query: t.Any) -> dict[str, t.Any]:
        return self.call("GET", path, **query)

    def find(self, path: str, **query: t.Any) -> dict[str, t.Any] | None:
        """As get; None where there is nothing."""
        try:
            return self.get(path, **query)
        except RefusedError as exc:
            if exc.status == 404 and exc.code:  # without a code it is the path that is unknown, not the object
                return None
            raise

    def post(self, path: str, **body: t.Any) -> dict[str, t.Any]:
        return self.call("POST", path, body)

    def set(self, path: str, **body: t.Any) -> dict[str, t.Any]:
        """As post, for a tag or an alias: sent again when another request set the same one at that moment.

        MLflow looks whether it is there and inserts it if not, in two steps, so of two at once one hears its database (400 BAD_REQUEST).
        """
        try:
            return self.post(path, **body)
        except RefusedError as exc:
            if exc.code != "BAD_REQUEST":
                raise
            return self.post(path, **body)

    def patch(self, path: str, **body: t.Any) -> dict[str, t.Any]:
        return self.call("PATCH", path, body)

    def delete(self, path: str, **body: t.Any) -> dict[str, t.Any]:
        return self.call("DELETE", path, body)

    def pages(self, path: str, field: str, size: int, method: str = "GET", **asked: t.Any) -> list[dict[str, t.Any]]:
        """A list to its end.

        :param field: where the answer holds it.
        :param size: most entries of a page that the server accepts.
        """
        result: list[dict[str, t.Any]] = []
        token = None
        while True:
            page = {**asked, "max_results": size, **({"page_token": token} if token else {})}
            answer = self.call(method, path, page) if method == "POST" else self.get(path, **page)
            result += answer.get(field) or []
            token = answer.get("next_page_token")
            if not token:
                return result

    def page(self, path: str, field: str, size: int, **asked: t.Any) -> list[dict[str, t.Any]] | None:
        """A list of one page; None when it is longer."""
        answer = self.get(path, max_results=size, **asked)
        return None if answer.get("next_page_token") else answer.get(field) or []


def refusal(reply: Reply, method: str, path: str, workspace: str = "") -> RefusedError:
    """An answer that is no success as an error with its remedy."""
    try:
        answer = reply.json() or {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    code = str(answer.get("error_code") or "")
    plain = "" if answer else reply.text
    text = cut(str(answer.get("message") or _detail(answer.get("detail")) or ("" if _is_page(plain) else plain)))
    hint = _hint(reply, code, text, plain, workspace)
    if reply.status == 500 and path == "/version":
        hint = "a server with basic authentication cannot read a token: give username and password instead"
    return RefusedError(
        f"{method} {path} was refused ({reply.status}{f' {code}' if code else ''}{': ' + text if text else ''}){': ' + hint if hint else ''}",
        status=reply.status, code=code, method=method, path=path, hint=hint,
    )  # fmt: skip


def _detail(found: t.Any) -> str:
    """What FastAPI says instead of a message: a text, or a list of fields with what is wrong with each; never the value that was sent."""
    if not isinstance(found, list):
        return str(found or "")
    fields = [(".".join(map(str, one.get("loc") or ())), str(one.get("msg") or "")) for one in found if isinstance(one, dict)]
    return "; ".join(f"{where}: {what}" for where, what in fields)


def _is_page(text: str) -> bool:
    return text.lstrip()[:1] == "<"


def _hint(reply: Reply, code: str, text: str, plain: str, workspace: str) -> str:
    status = reply.status
    if status < 400:
        return f"it redirects to {reply.headers.get('Location', 'elsewhere').partition('?')[0]}: give MLflow's own address, or a token the login accepts"
    if "Invalid Host header" in text:
        return "the server does not know itself by this name: add it, with its port, to --allowed-hosts (MLFLOW_SERVER_ALLOWED_HOSTS)"
    if "Cross-origin request blocked" in text:
        return "take the Origin header out of headers, or add it to --cors-allowed-origins (MLFLOW_SERVER_CORS_ALLOWED_ORIGINS)"
    if code == "FEATURE_DISABLED" or "disabled because the server is running" in text:
        return (
            "start the server with --enable-workspaces, or leave workspace out"
            if "orkspace" in text
            else "this feature is switched off on the server: start it with it"
        )
    if status == 401:
        return "a login in front of MLflow answers, not MLflow: give a token it accepts" if _is_page(plain) else "check username and password, or token"
    if status == 403:
        return f"the account has no permission for this{f' in workspace {workspace}' if workspace else ''}: grant it MANAGE there, or use an administrator"
    if status == 404 and not code:
        return "this path is unknown to the server: check url and static_prefix, and that this version of MLflow has the feature"
    if status == 404 and workspace and "orkspace" in text:
        return f"declare {workspace} under workspaces"
    if code == "RESOURCE_ALREADY_EXISTS":
        return "something has this name that was not listed: a prompt and a model share their names, and what was deleted may keep its own"
    return ""
