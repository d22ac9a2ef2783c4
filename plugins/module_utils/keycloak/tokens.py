# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in to Keycloak: one token for all threads, renewed before it ends."""

from __future__ import annotations

import threading
import time
import typing as t

from ..engine.errors import EngineError, cut
from ..engine.http import Http, Reply, quote
from . import token_cache
from .assertions import Assertion

_RENEW_AT = 0.7  # of a token's life
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Credentials(t.NamedTuple):
    """Who logs in, by whichever of these is given: a token, a refresh token, a user, a client (secret, assertion or certificate).

    :ivar realm: the realm to log in to.
    :ivar client_id: the client that logs in, itself or for a user.
    :ivar assertion: makes a signed JWT (private_key_jwt), for which it asks the audience, or returns one that somebody else made.
    :ivar totp: the user's one-time password.
    """

    realm: str = "master"
    client_id: str = "admin-cli"
    client_secret: str = ""
    assertion: Assertion | None = None
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

    @property
    def realm(self) -> str:
        """The realm that is logged in to."""
        return self._credentials.realm

    @property
    def fixed(self) -> bool:
        """Whether a token was given, which nobody here can renew."""
        return bool(self._credentials.token)

    def is_user(self, realm: str, username: str) -> bool:
        """Whether this user of a realm is who logs in."""
        return (self._credentials.realm, self._credentials.username.lower()) == (realm, username.lower())

    def renew(self, refused: str | None = None) -> bool:
        """Logs in again, unless another thread did so since this header was refused; False where a fixed token was given."""
        if self.fixed:
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
        self.requests += 1
        began = self._clock()
        reply = self._http.request("POST", path, form=self._form())
        if reply.status == 400 and self._refresh_token and not who.refresh_token:
            self._refresh_token = ""  # the session it belongs to was ended
            self._log_in()
            return
        if reply.status != 200:
            raise _refusal(reply, who, self._http.base)
        try:
            answer = reply.json()
            self._token = answer["access_token"]
            life = _RENEW_AT * float(answer.get("expires_in") or 60)
            self._renew_after = began + life
            if self._refresh_token or who.totp:  # a one-time password counts once, and so does a refresh token where the server says so
                self._refresh_token = str(answer.get("refresh_token") or self._refresh_token)
        except (ValueError, KeyError, TypeError) as exc:
            raise EngineError(f"{self._http.base}{path} did not answer with a token: is this address Keycloak's?") from exc
        self.inherited = False
        if self._cache:
            token_cache.save(self._cache, self._token, life)

    def _form(self) -> dict[str, str]:
        who = self._credentials
        form = {"client_id": who.client_id}
        if who.assertion:
            form.update(client_assertion_type=_ASSERTION_TYPE, client_assertion=who.assertion(self._issuer))
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
        return form

    def _issuer(self) -> str:
        """What the realm calls itself: a server with a fixed hostname is known by that, whatever address it is reached at."""
        path = f"/realms/{quote(self.realm)}/.well-known/openid-configuration"
        reply = self._http.request("GET", path)
        if reply.status != 200:
            raise _refusal(reply, self._credentials, self._http.base)
        try:
            return str(reply.json()["issuer"])
        except (ValueError, KeyError, TypeError) as exc:
            raise EngineError(f"{self._http.base}{path} does not say who it is: is this address Keycloak's?") from exc


def _cache_name(base: str, who: Credentials) -> str:
    # A signed assertion is new each time; what it proves is the client, and that only its key's holder reads this user's files.
    return token_cache.name_of([base, who.realm, who.client_id, who.username, who.scope], [who.client_secret, who.password, who.refresh_token])


_PROOF = "check auth_client_id, its secret or certificate, and that the client proves itself that way (clientAuthenticatorType)"
_PROOF_OF_KEY = (
    "check auth_client_id, that Keycloak has the certificate of its key (and of auth_private_key_id), and that an auth_assertion is new: each counts once"
)
# Code of a refusal, a part of its text, what to do.
_HINTS = (
    ("invalid_grant", "not fully set up", "user {user} has required actions to complete: log in once in a browser, or remove them"),
    ("invalid_grant", "disabled", "enable user {user}, or log in as another one"),
    ("invalid_grant", "", "check auth_username and auth_password, and auth_totp if the user has a second factor: each one-time password counts once"),
    ("unauthorized_client", "direct access", "switch on directAccessGrantsEnabled of client {client}, or log in by another one"),
    ("unauthorized_client", "service account", "switch on serviceAccountsEnabled of client {client}, which must not be public"),
    ("unauthorized_client", "", "{proof}"),
    ("invalid_client", "", "{proof}"),
    ("invalid_scope", "", "check auth_scope: client {client} has no such scope"),
)


def _refusal(reply: Reply, who: Credentials, base: str) -> EngineError:
    """A login that was refused; no RefusedError, whose status would be taken for that of the request it was made for."""
    try:
        answer = reply.json() or {}
    except ValueError:
        answer = {}
    answer = answer if isinstance(answer, dict) else {}
    code, text = str(answer.get("error") or ""), cut(str(answer.get("error_description") or answer.get("error") or ""))
    name = f"user {who.username}" if who.username else f"client {who.client_id}"
    if who.refresh_token and code == "invalid_grant":
        return EngineError(
            f"login to {base} by a refresh token of client {who.client_id} of realm {who.realm} failed ({text}): it has ended or was used, get a new one",
            status=reply.status, error_code=code, method="POST",
        )  # fmt: skip
    if reply.status < 400:
        hint = f"give the address it sends us to as url: {cut(str(reply.headers.get('Location') or 'it names none'))}"
    elif reply.status == 404 and text == "Realm does not exist":
        hint = f"there is no realm {who.realm}: check auth_realm"
    elif reply.status == 404:
        hint = "url has not the server's base path: add /auth (servers before 17, and some since), or leave it out"
    else:
        hint = next((hint for known, part, hint in _HINTS if known == code and part in text), "check url and credentials")
        hint = hint.format(client=who.client_id, user=who.username, proof=_PROOF_OF_KEY if who.assertion else _PROOF)
    return EngineError(
        f"login to {base} as {name} of realm {who.realm} failed ({reply.status}{': ' + text if text else ''}): {hint}",
        status=reply.status, error_code=code, method="POST", hint=hint,
    )  # fmt: skip
