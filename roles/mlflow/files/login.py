# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's application behind the platform's login: mlflow-oidc-auth, with what the platform needs different.

- It runs on Python 3.11, where its import ends with "mutable default".
- Everything comes from the identity provider: groups follow each new token and not the first one only, a token without an admitted group is refused,
  and there are no passwords and access tokens of MLflow's own, which would outlive the account.
- Whoever cannot log in because the identity provider does not answer is told so on a page.
- Only access tokens come in, and keys that are not known are asked for: a realm that was made anew has others.
- Host names and origins are checked on every path, as MLflow does.
- What is made in the AI gateway needs a grant for its name, as experiments and models do; the plugin lets everybody who is logged in.
- What costs milliseconds in every request is remembered: which token was seen, who may log in, which paths are MLflow's own.
"""

from __future__ import annotations

import asyncio
import time
import types
import typing as t


class _Frozen(dict[str, t.Any]):
    """An empty default that dataclasses of Python 3.11 take: they ask for a hash, which MappingProxyType has since 3.12."""

    __hash__ = object.__hash__  # type: ignore[assignment]


_proxy = types.MappingProxyType
types.MappingProxyType = _Frozen  # type: ignore[misc,assignment]
try:
    import mlflow_oidc_auth.repository._base  # noqa: F401  pylint: disable=unused-import
finally:
    types.MappingProxyType = _proxy  # type: ignore[misc]

import cachetools  # noqa: E402
from mlflow.server.fastapi_security import init_fastapi_security  # noqa: E402
from mlflow_oidc_auth import auth, http_client, user  # noqa: E402
from mlflow_oidc_auth.app import app  # noqa: E402
from mlflow_oidc_auth.config import config  # noqa: E402
from mlflow_oidc_auth.group_patterns import normalize_group_values  # noqa: E402
from mlflow_oidc_auth.hooks import before_request  # noqa: E402
from mlflow_oidc_auth.middleware import auth_middleware  # noqa: E402
from mlflow_oidc_auth.middleware.auth_middleware import AuthMiddleware  # noqa: E402
from mlflow_oidc_auth.store import store  # noqa: E402
from mlflow_oidc_auth.utils import permissions, request_helpers  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.routing import Match, Mount  # noqa: E402

WRITTEN_BY = "oidc:default"  # as a login through the browser marks what it writes
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Login is not possible at the moment</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto"><h1>Login is not possible at the moment</h1>
<p>The platform's login service does not answer. Who is logged in can go on working; try again in a minute, or tell the platform's administrators.</p>
<p><a href="/">Try again</a></p></body></html>"""

KEYS_EVERY = 10  # seconds before keys are asked for again, whatever tokens name
ACCOUNTS_FOR = 5  # seconds for which an account that may log in is not looked up again

_latest: dict[str, tuple[int, str]] = {}  # user name: when the newest token seen was issued, and its number
_asked = -KEYS_EVERY * 1.0  # when keys were asked for
_validate_token = auth.validate_token
_provision = AuthMiddleware._maybe_provision_bearer_user
_facts_of = AuthMiddleware._get_user_auth_facts
_facts: cachetools.TTLCache[str, t.Any] = cachetools.TTLCache(4096, ACCOUNTS_FOR)


def validate_token(token: str) -> t.Mapping[str, t.Any]:
    """The claims of an access token that was checked.

    :raises ValueError: when it is another kind of token, such as the one about a login, or its key is not the provider's.
    """
    global _asked
    try:
        payload = _validate_token(token)
    except ValueError:  # its key is not among those that are known
        if time.monotonic() < _asked + KEYS_EVERY:
            raise
        _asked = time.monotonic()
        auth._get_provider_jwks(auth.resolve_token_provider(token), force_refresh=True)
        payload = _validate_token(token)
    if payload.get("typ", "Bearer") != "Bearer":
        raise ValueError(f"the token is of type {payload['typ']}, no access token")
    return t.cast(t.Mapping[str, t.Any], payload)


def provision(self: AuthMiddleware, username: str, token: str, payload: t.Mapping[str, t.Any]) -> None:
    """Makes a user of whoever brings a token that was checked, with the groups of the newest one.

    :raises PermissionError: when none of its groups is admitted.
    """
    groups = normalize_group_values(payload.get(config.OIDC_GROUPS_ATTRIBUTE, []))
    admin = bool(set(groups) & set(config.OIDC_ADMIN_GROUP_NAME))
    if not admin and not set(groups) & set(config.OIDC_GROUP_NAME):
        raise PermissionError("the token names no group that may use MLflow")
    issued = (int(payload.get("iat", 0)), str(payload.get("jti", "")))
    known = _latest.get(username)
    if known is not None and (issued == known or issued[0] < known[0]):
        return
    _provision(self, username, token, payload)
    if sorted(store.get_groups_for_user(username)) != sorted(groups):
        user.populate_groups(group_names=groups, written_by=WRITTEN_BY)
        user.update_user(username=username, group_names=groups, written_by=WRITTEN_BY)
    if bool(store.get_user_profile(username).is_admin) != admin:
        user.create_user(username=username, display_name=username, is_admin=admin, written_by=WRITTEN_BY)
    _facts.pop(username, None)
    _latest[username] = issued


def facts(self: AuthMiddleware, username: str) -> t.Any:
    """Whether an account is an administrator's and active; only who may log in is remembered."""
    found = _facts.get(username)
    if found is None:
        found = _facts_of(self, username)
        if found[1]:
            _facts[username] = found
    return found


async def no_password(_self: AuthMiddleware, _header: str) -> tuple[bool, None, str]:
    return False, None, "MLflow keeps no passwords: use a token of the identity provider"


def granted(validator: t.Callable[[str], bool], field: str, effective: t.Callable[[str, str], t.Any]) -> t.Callable[[str], bool]:
    """Who may make something in the AI gateway: whom the plugin lets, and who may change what has this name.

    :param field: where the request has the name.
    """

    def may(username: str) -> bool:
        names = request_helpers.get_request_param_values(field)
        return validator(username) and all(effective(name, username).permission.can_update for name in names)

    return may


MADE_IN_GATEWAY = {
    before_request.validate_can_create_gateway: ("secret_name", permissions.effective_gateway_secret_permission),
    before_request.validate_can_create_gateway_endpoint: ("name", permissions.effective_gateway_endpoint_permission),
    before_request.validate_can_create_gateway_model_definition: ("name", permissions.effective_gateway_model_definition_permission),
}


class LoginPage:
    """Says that there is no login when the identity provider does not answer, instead of sending people there."""

    def __init__(self, inner: t.Any) -> None:
        self.inner = inner

    async def __call__(self, scope: t.Any, receive: t.Any, send: t.Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/login") or await asyncio.to_thread(self.answers):
            await self.inner(scope, receive, send)
            return
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"retry-after", b"30"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE.encode()})

    @staticmethod
    def answers() -> bool:
        try:
            return bool(http_client.get(config.OIDC_DISCOVERY_URL, timeout=5).ok)
        except OSError:
            return False


class Straight:
    """Leads to MLflow's own paths without trying the plugin's five hundred before, once it is known which they are."""

    def __init__(self, inner: t.Any) -> None:
        self.inner = inner
        *self.routes, self.mlflow = app.routes
        if not isinstance(self.mlflow, Mount):
            raise ImportError("this version of mlflow-oidc-auth does not mount MLflow as its last route: use the pinned version")
        self.known: cachetools.LRUCache[str, bool] = cachetools.LRUCache(4096)

    async def __call__(self, scope: t.Any, receive: t.Any, send: t.Any) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        path = scope["path"]
        if path not in self.known:
            self.known[path] = all(route.matches(dict(scope))[0] is Match.NONE for route in self.routes)
        if self.known[path] and not scope.get("root_path"):
            _match, child = self.mlflow.matches(scope)
            scope.update(child)
            await self.mlflow.handle(scope, receive, send)
        else:
            await self.inner(scope, receive, send)


auth_middleware.validate_token = validate_token
AuthMiddleware._maybe_provision_bearer_user = provision
AuthMiddleware._get_user_auth_facts = facts
AuthMiddleware._authenticate_basic_auth = no_password
for place, validator in before_request.BEFORE_REQUEST_VALIDATORS.items():
    if validator in MADE_IN_GATEWAY:
        before_request.BEFORE_REQUEST_VALIDATORS[place] = granted(validator, *MADE_IN_GATEWAY[validator])
app.user_middleware.append(Middleware(Straight))  # the innermost: whoever comes here was let in
app.add_middleware(LoginPage)
init_fastapi_security(app)

__all__ = ["app"]
