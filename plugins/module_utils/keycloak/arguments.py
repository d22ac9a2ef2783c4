# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that talks to Keycloak, and the session they make. Documented in doc_fragments/keycloak.py."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import env_fallback

from ..engine.connection import CONNECTION, settings_of
from ..engine.door import kept
from ..engine.errors import EngineError, InvalidError
from ..engine.family import Family
from ..engine.http import Http
from . import assertions
from .session import Session
from .tokens import Credentials, Tokens


def _env(*names: str) -> tuple[t.Any, list[str]]:
    return (env_fallback, list(names))


LOGIN: dict[str, dict[str, t.Any]] = {
    "url": {"type": "str", "fallback": _env("KEYCLOAK_URL")},
    "auth_realm": {"type": "str", "default": "master", "fallback": _env("KEYCLOAK_AUTH_REALM")},
    "auth_client_id": {"type": "str", "default": "admin-cli", "fallback": _env("KEYCLOAK_CLIENT_ID")},
    "auth_client_secret": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_CLIENT_SECRET")},
    "auth_private_key": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_PRIVATE_KEY")},
    "auth_private_key_id": {"type": "str", "no_log": False, "fallback": _env("KEYCLOAK_PRIVATE_KEY_ID")},
    "auth_assertion": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_CLIENT_ASSERTION")},
    "auth_assertion_file": {"type": "path", "fallback": _env("KEYCLOAK_CLIENT_ASSERTION_FILE")},
    "auth_username": {"type": "str", "fallback": _env("KEYCLOAK_USERNAME")},
    "auth_password": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_PASSWORD")},
    "auth_totp": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_TOTP")},
    "auth_refresh_token": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_REFRESH_TOKEN")},
    "auth_scope": {"type": "str"},
    "token": {"type": "str", "no_log": True, "fallback": _env("KEYCLOAK_TOKEN")},
    "token_cache": {"type": "bool", "default": True, "no_log": False},
}

# Every module has these; realm is each module's own, for some take it from a document.
COMMON: dict[str, dict[str, t.Any]] = {**LOGIN, **CONNECTION}
REALM: dict[str, dict[str, t.Any]] = {"realm": {"type": "str", "fallback": _env("KEYCLOAK_REALM")}}

# For the modules that write.
WRITING: dict[str, dict[str, t.Any]] = {"parallel": {"type": "int", "default": 4}}

_USER = frozenset({"auth_username", "auth_password", "auth_totp"})
_CLIENT_PROOFS = ("auth_client_secret", "auth_private_key", "auth_assertion", "auth_assertion_file")


def overridden(given: t.Collection[str]) -> set[str]:
    """Options that environment variables do not fill in, for the given ones say otherwise who logs in.

    A client's proof from the environment stays beside a user or a refresh token: both go into one login.
    """
    user, proof, refresh = not _USER.isdisjoint(given), any(name in given for name in _CLIENT_PROOFS), "auth_refresh_token" in given
    found: set[str] = set()
    if user or proof or refresh:
        found |= {"token", "auth_refresh_token"}
    if proof or refresh or "token" in given:
        found |= set() if user else _USER
    if proof or "token" in given:
        found |= {"auth_refresh_token", *_CLIENT_PROOFS}
    return found - set(given)


def login_problems(params: t.Mapping[str, t.Any]) -> list[str]:
    """What is wrong with the options by which to log in; environment variables count, so argument specs cannot say it all."""
    found = []
    if not params.get("url"):
        found.append("url is missing: give Keycloak's address, here or in KEYCLOAK_URL")
    if params.get("token"):
        return found
    proofs = [name for name in _CLIENT_PROOFS if params.get(name)]
    if len(proofs) > 1:
        found.append(f"{' and '.join(proofs)} exclude one another: give one proof of the client")
    user = bool(params.get("auth_username"))
    if user and not params.get("auth_password"):
        found.append("auth_username has no auth_password")
    if params.get("auth_totp") and not user:
        found.append("auth_totp is a user's: give auth_username and auth_password too")
    if not user and not proofs and not params.get("auth_refresh_token") and not params.get("client_cert"):
        found.append(
            "nobody to log in as: give auth_client_id with auth_client_secret (or auth_private_key, auth_assertion, auth_assertion_file, client_cert), "
            "or auth_username with auth_password, or auth_refresh_token, or token"
        )
    return found


def credentials_of(params: t.Mapping[str, t.Any]) -> Credentials:
    """Who logs in."""
    return Credentials(
        realm=params["auth_realm"],
        client_id=params["auth_client_id"],
        client_secret=params.get("auth_client_secret") or "",
        assertion=_assertion(params),
        username=params.get("auth_username") or "",
        password=params.get("auth_password") or "",
        totp=params.get("auth_totp") or "",
        token=params.get("token") or "",
        refresh_token=params.get("auth_refresh_token") or "",
        scope=params.get("auth_scope") or "",
    )


def _assertion(params: t.Mapping[str, t.Any]) -> assertions.Assertion | None:
    if params.get("auth_private_key"):
        return assertions.signed(params["auth_client_id"], params["auth_private_key"], params.get("auth_private_key_id") or "")
    if params.get("auth_assertion"):
        return assertions.given(params["auth_assertion"])
    if params.get("auth_assertion_file"):
        return assertions.from_file(params["auth_assertion_file"])
    return None


def tokens_of(params: t.Mapping[str, t.Any]) -> tuple[Http, Tokens]:
    """A connection to the server with its token, kept for the items of a loop.

    :raises InvalidError: when nobody can log in with these options.
    """
    problems = login_problems(params)
    if problems:
        raise InvalidError(problems)

    def make() -> tuple[Http, Tokens]:
        http = Http(settings_of(params, params["url"]))
        return http, Tokens(http, credentials_of(params), cache=bool(params.get("token_cache")))

    return kept("keycloak", sorted((name, str(params.get(name))) for name in COMMON), make)


def session_of(params: t.Mapping[str, t.Any], realm: str, families: t.Sequence[Family], pruned: t.Collection[str] = ()) -> Session:
    """A session with a realm.

    :param pruned: names of the families of which everything must be read, because what is not declared may be deleted.
    :raises EngineError: when there is no realm to work in, or nobody can log in.
    """
    if not realm:
        raise EngineError("realm is missing: name it in the option realm (or KEYCLOAK_REALM), or in the document")
    http, tokens = tokens_of(params)
    return Session(http, tokens, realm, families, pruned)
