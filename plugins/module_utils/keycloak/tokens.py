# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in to Keycloak: one token for all threads, renewed before it ends."""

from __future__ import annotations

import threading
import time
import typing as t

from ..engine.errors import EngineError, RefusedError, cut
from ..engine.http import Http, Reply, quote
from . import token_cache

_RENEW_AT = 0.7  # of a token's life
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Credentials(t.NamedTuple):
    """Who logs in, by whichever of these is given: a token, a refresh token, a user, a client (secret, assertion or certificate).

    :ivar realm: the realm to log in to.
    :ivar client_id: the client that logs in, itself or for a user.
    :ivar assertion: makes a signed JWT for the audience it is given (private_key_jwt), or returns a federated one.
    :ivar totp: the user's one-time password.
    """

    realm: str = "master"
    client_id: str = "admin-cli"
    client_secret: str = ""
    assertion: t.Callable[[str], str] | None = None
    username: str = ""
    password: str = ""
    totp: str = ""
    token: str = ""
    refresh_token: str = ""
    scope: str = ""


class Tokens:
    """Keeps a valid access token; safe to use from several threads.

    :ivar inherited: whether the token comes from an earlier task, so that it may lack rights that were given since.
    """

    def __init__(self, http: Http, credentials: Credentials, clock: t.Callable[[], float] = time.monotonic, cache: bool = False) -> None:
        self._http = http
        self._credentials = credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._token = credentials.token
        self._renew_after = float("inf") if credentials.token else 0.0
        self._refresh_token = credentials.refresh_token
        self._cache = _cache_name(http.base, credentials) if cache and not credentials.token else ""
        self.inherited = False
        self.requests = 0

    def header(self) -> dict[str, str]:
        """The Authorization header for the next request.

        :raises EngineError: when nobody can log in.
        """
        with self._lock:
            if not self._token and self._cache:
                self._inherit()
            if not self._token or self._clock() >= self._renew_after:
                self._log_in()
            return {"Authorization": f"Bearer {self._token}"}

    def is_user(self, realm: str, username: str) -> bool:
        """Whether this user of a realm is who logs in."""
        return (self._credentials.realm, self._credentials.username.lower()) == (realm, username.lower())

    def renew(self, refused: str | None = None) -> bool:
        """Logs in again, unless another thread did so since this header was refused; False where a fixed token was given."""
        if self._credentials.token:
            return False
        with self._lock:
            if refused is None or refused == f"Bearer {self._token}":
                if self._cache:
                    token_cache.drop(self._cache)
                self._log_in()
            return True

    def _inherit(self) -> None:
        found = token_cache.load(self._cache)
        if found:
            self._token, seconds = found
            self._renew_after = self._clock() + seconds
            self.inherited = True

    def _log_in(self) -> None:
        who = self._credentials
        path = f"/realms/{quote(who.realm)}/protocol/openid-connect/token"
        form = {"client_id": who.client_id}
        if who.assertion:
            form.update(client_assertion_type=_ASSERTION_TYPE, client_assertion=who.assertion(f"{self._http.base}/realms/{quote(who.realm)}"))
        elif who.client_secret:
            form["client_secret"] = who.client_secret
        if self._refresh_token:
            form.update(grant_type="refresh_token", refresh_token=self._refresh_token)
        elif who.username:
            form.update(grant_type="password", username=who.username, password=who.password)
            if who.totp:
                form["totp"] = who.totp
        else:
            form["grant_type"] = "client_credentials"
        if who.scope:
            form["scope"] = who.scope
        self.requests += 1
        began = self._clock()
        reply = self._http.request("POST", path, form=form)
        if reply.status != 200:
            raise _refusal(reply, who, self._http.base)
        try:
            answer = reply.json()
            self._token = answer["access_token"]
            life = _RENEW_AT * float(answer.get("expires_in") or 60)
            self._renew_after = began + life
            if self._refresh_token:  # a server that lets each be used once only has sent the next one
                self._refresh_token = str(answer.get("refresh_token") or self._refresh_token)
        except (ValueError, KeyError, TypeError) as exc:
            raise EngineError(f"{self._http.base}{path} did not answer with a token: is this address Keycloak's?") from exc
        self.inherited = False
        if self._cache:
            token_cache.save(self._cache, self._token, life)


def _cache_name(base: str, who: Credentials) -> str:
    # A signed assertion is new each time; what it proves is the client, and that only its key's holder reads this user's files.
    return token_cache.name_of([base, who.realm, who.client_id, who.username, who.scope], [who.client_secret, who.password, who.refresh_token])


def _refusal(reply: Reply, who: Credentials, base: str) -> EngineError:
    try:
        answer = reply.json() or {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    code, text = str(answer.get("error") or ""), cut(str(answer.get("error_description") or answer.get("error") or ""))
    name = f"user {who.username}" if who.username else f"client {who.client_id}"
    if who.refresh_token and code == "invalid_grant":
        return RefusedError(
            f"login to {base} by a refresh token of client {who.client_id} of realm {who.realm} failed ({text}): it has ended or was used, get a new one",
            status=reply.status, code=code, method="POST",
        )  # fmt: skip
    if reply.status == 404:
        hint = f"check url (servers before 17, and some since, add /auth) and that realm {who.realm} exists"
    elif code in ("invalid_client", "unauthorized_client"):
        hint = f"check auth_client_id and its secret, and that client {who.client_id} of realm {who.realm} may use this grant"
    elif code == "invalid_grant" and "not fully set up" in text:
        hint = f"{name} has required actions to complete: log in once in a browser, or remove them"
    elif code == "invalid_grant":
        hint = "check name and password (and totp, if the user has a second factor)"
    else:
        hint = "check url and credentials"
    return RefusedError(
        f"login to {base} as {name} of realm {who.realm} failed ({reply.status}{': ' + text if text else ''}): {hint}",
        status=reply.status, code=code, method="POST", hint=hint,
    )  # fmt: skip
