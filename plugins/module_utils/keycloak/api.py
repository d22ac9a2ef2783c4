# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keycloak's Admin REST API: requests with a valid token, lists to their end, refusals with a remedy."""

from __future__ import annotations

import typing as t

from ..engine.errors import EngineError, RefusedError, cut
from ..engine.http import Http, Json, Reply, quote
from .tokens import Tokens

PAGE = 1000


class Api:
    """The Admin API of one realm.

    :ivar realm: name of the realm.
    :ivar root: path of the realm below the server's address.
    """

    def __init__(self, http: Http, tokens: Tokens, realm: str) -> None:
        self.http = http
        self.tokens = tokens
        self.realm = realm
        self.root = f"/admin/realms/{quote(realm)}"

    def send(self, method: str, path: str, body: Json = None, **query: t.Any) -> Reply:
        """Sends a request below the realm (or below the server, where path starts with /admin).

        :raises RefusedError: for every status of 400 and more.
        """
        full = path if path.startswith("/admin") else self.root + path
        for again in (False, True):
            header = self.tokens.header()
            reply = self.http.request(method, full, body=body, query=query, headers=header)
            # A token may end or be revoked while we work; rights that came after it was made are not in it.
            outdated = reply.status == 401 or (reply.status == 403 and self.tokens.inherited)
            if not outdated or again or not self.tokens.renew(header["Authorization"]):
                break
        if reply.status >= 400:
            raise refusal(reply, method, full, self.realm)
        return reply

    def get(self, path: str, **query: t.Any) -> Json:
        reply = self.send("GET", path, **query)
        try:
            return reply.json()
        except ValueError as exc:
            raise EngineError(f"GET {path}: the answer is no JSON: is url Keycloak's own address, and not that of a login in front of it?") from exc

    def find(self, path: str, **query: t.Any) -> Json:
        """As get; None where there is nothing."""
        try:
            return self.get(path, **query)
        except RefusedError as exc:
            if exc.status == 404:
                return None
            raise

    def representation(self) -> dict[str, Json]:
        """The realm; nothing where it is not there, and its name alone where this account may not see it."""
        realm = self.find("") or {}
        if set(realm) == {"realm"}:
            self.tokens.renew()  # a realm made after the token was: its roles are in the next one
            realm = self.find("") or {}
        return realm

    def pages(self, path: str, **query: t.Any) -> list[Json]:
        """A list to its end, whatever the server's own page size."""
        result: list[Json] = []
        while True:
            page = self.get(path, first=len(result), max=PAGE, **query) or []
            if result and page and page[0] == result[0]:
                return result  # a list that knows no pages begins again
            result += page
            # Some servers and proxies have a limit of their own below ours: a round number may be one, any other is the end.
            if not page or len(page) % 10:
                return result

    def post(self, path: str, body: Json, **query: t.Any) -> str:
        """Creates something; returns its identifier where the server says it."""
        reply = self.send("POST", path, body, **query)
        return str(reply.headers.get("Location") or "").rstrip("/").rpartition("/")[2]

    def put(self, path: str, body: Json = None) -> None:
        """Changes something; a realm that another run is writing is waited for."""
        for pause in (0.2, 0.5, 1.0, 2.0, None) if path == "" else (None,):
            try:
                self.send("PUT", path, body)
                return
            except RefusedError as exc:
                if exc.status != 409 or pause is None:
                    raise
                self.http.pause(pause)

    def delete(self, path: str, body: Json = None) -> None:
        self.send("DELETE", path, body)


def refusal(reply: Reply, method: str, path: str, realm: str) -> RefusedError:
    """An answer of 400 and more as an error with its remedy."""
    try:
        answer = reply.json() or {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    text = cut(str(answer.get("errorMessage") or answer.get("error_description") or answer.get("error") or ""))
    parts = path.partition("?")[0].split("/")
    family = parts[4] if len(parts) > 4 else "realm"
    right = "view" if method == "GET" else "manage"
    hint = {
        401: "the token is not valid here, or not any more: check auth_realm and the client's token lifespan",
        403: f"give the account the role {_ROLES.get(family, f'{right}-realm').format(right=right)} (of client realm-management, or {realm}-realm in master)",
        404: f"check that realm {realm} exists and that url has the server's base path",
        409: "it exists already, or another run is writing the same realm: run again",
        501: "a feature of the server is switched off: start Keycloak with --features",
    }.get(reply.status, "")
    return RefusedError(
        f"{method} {path} was refused ({reply.status}{': ' + text if text else ''}){': ' + hint if hint else ''}",
        status=reply.status, code=str(answer.get("error") or ""), method=method, path=path, hint=hint,
    )  # fmt: skip


_ROLES = {
    "clients": "{right}-clients",
    "client-scopes": "{right}-clients",
    "users": "{right}-users",
    "groups": "{right}-users",
    "identity-provider": "{right}-identity-providers",
    "organizations": "{right}-organizations",
    "authentication": "{right}-realm",
    "events": "{right}-events",
}
