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

        :raises RefusedError: for every status of 300 and more.
        """
        full = path if path.startswith("/admin") else self.root + path
        for again in (False, True):
            header = self.tokens.header()
            reply = self.http.request(method, full, body=body, query=query, headers=header)
            # A token may end or be revoked while we work; rights that came after it was made are not in it.
            outdated = reply.status == 401 or (reply.status == 403 and self.tokens.inherited)
            if not outdated or again or not self.tokens.renew(header["Authorization"]):
                break
        if reply.status >= 300:
            raise refusal(reply, method, full, self.realm, self.tokens)
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
        """The realm; nothing where it is not there, and without its id where this account may not see its settings.

        :raises RefusedError: also where the server knows no such path at all.
        """
        realm = self._seen()
        if realm and "id" not in realm:
            self.tokens.renew()  # a realm made after the token was: its roles are in the next one
            realm = self._seen()
        return realm

    def _seen(self) -> dict[str, Json]:
        try:
            return self.get("") or {}
        except RefusedError as exc:
            # Not a realm that is missing: a path that is.
            if exc.status != 404 or not exc.code or exc.code.startswith(_NO_SUCH_PATH):
                raise
            return {}

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


def refusal(reply: Reply, method: str, path: str, realm: str, tokens: Tokens) -> RefusedError:
    """An answer of 300 and more as an error with its remedy."""
    try:
        answer = reply.json() or {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    text = cut(_told(answer))
    hint = {
        401: "the token has ended, was revoked, or is another server's (or another address's of this one): get a new one, or give credentials to renew it"
        if tokens.fixed
        else "a token just made is not valid here: check auth_realm, and that one server with one clock answers at url",
        403: _right(method, path, realm, tokens.realm),
        404: "url has not the server's base path: add /auth (servers before 17, and some since), or leave it out"
        if not text or text.startswith(_NO_SUCH_PATH)
        else "somebody deleted it meanwhile: run again",
        409: "it exists already, or another run is writing the same realm: run again",
        501: f"start Keycloak with the feature that it needs (--features={'authorization' if '/authz/' in path else '…'}), or leave it out",
    }.get(409 if text == _WRITTEN_MEANWHILE else reply.status, "")
    if reply.status < 400:
        hint = f"give the address it sends us to as url: {cut(str(reply.headers.get('Location') or 'it names none'))}"
    return RefusedError(
        f"{method} {path} was refused ({reply.status}{': ' + text if text else ''}){': ' + hint if hint else ''}",
        status=reply.status, code=text, method=method, path=path, hint=hint,
    )  # fmt: skip


def _told(answer: dict[str, Json]) -> str:
    """The server's message, with the field it is about and the limits that field has."""
    several = [_told(one) for one in answer.get("errors") or [] if isinstance(one, dict)]
    if several:
        return "; ".join(several)
    text = str(answer.get("errorMessage") or answer.get("error_description") or answer.get("error") or "")
    limits = ", ".join(str(limit) for limit in (answer.get("params") or [])[1:])
    return f"{answer['field']}: {text}{f' ({limits})' if limits else ''}" if answer.get("field") else text


def _right(method: str, path: str, realm: str, at: str) -> str:
    """What an account lacks that may not do this.

    :param at: the realm it logged in to.
    """
    parts = path.partition("?")[0].split("/")[4:]
    if path == "/admin/realms":
        return "give the account the realm role create-realm of master: others cannot make realms"
    if at not in (realm, "master"):
        return f"an account of realm {at} administers no other: log in to realm {realm} or master (auth_realm)"
    right = "view" if method == "GET" else "manage"
    role = "{right}-realm"
    if parts == ["partial-export"]:  # it changes nothing, and yet who may only look may not have it
        role = "manage-realm (and for clients and roles view-clients, for groups and roles view-users)"
    elif "authz" in parts:
        role = "manage-authorization (for adminPermissions {right}-realm)"  # also to read: settings are shown to who may change them
    elif parts[:2] != ["users", "profile"]:
        role = _ROLES.get(parts[0] if parts else "", role)
    if right == "manage" and {"role-mappings", "composites"} & set(parts):
        role += ", and each role of an administrator that it is to give"
    client = f"{realm}-realm in realm master" if at == "master" else "realm-management"
    return f"give the account the role {role.format(right=right)} (of client {client})"


_NO_SUCH_PATH = "Unable to find matching target resource"
_WRITTEN_MEANWHILE = "Database operation failed"
_ROLES = {
    "clients": "{right}-clients",
    "client-scopes": "{right}-clients",
    "default-default-client-scopes": "{right}-clients",
    "default-optional-client-scopes": "{right}-clients",
    "users": "{right}-users",
    "groups": "{right}-users",
    "group-by-path": "{right}-users",
    "identity-provider": "{right}-identity-providers",
    "organizations": "{right}-organizations (and {right}-users for members)",
    "events": "{right}-events",
}
