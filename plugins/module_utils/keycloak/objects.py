# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object modules of Keycloak: which options describe an object, and where it stands in a realm's document."""

from __future__ import annotations

import functools
import typing as t

from ..engine import options, runner
from ..engine.door import Call, Door, Result
from ..engine.family import Entry
from ..engine.objects import FLAG, MAP, MAPS, SECRET, TEXT, TEXTS, WHOLE, Kind, camel, names, one_list, voice
from .arguments import COMMON, REALM, WRITING, overridden, session_of
from .families import ALL


def _roles(entries: list[Entry]) -> Entry:
    """Roles of the realm stand in one list, those of a client under its name."""
    found: Entry = {}
    for entry in entries:
        own = {key: value for key, value in entry.items() if key != "clientId"}
        if entry.get("clientId"):
            found.setdefault("client", {}).setdefault(entry["clientId"], []).append(own)
        else:
            found.setdefault("realm", []).append(own)
    return {"roles": found} if found else {}


def _groups(entries: list[Entry]) -> Entry:
    """A group is named by its path; what is above it is not declared by that."""
    found = []
    for entry in entries:
        path = "/" + str(entry["path"]).strip("/")
        found.append({**entry, "path": path, "name": path.replace("~/", "\0").rpartition("/")[2].replace("\0", "/")})
    return {"groups": found} if found else {}


def _users(entries: list[Entry]) -> Entry:
    found = []
    for entry in entries:
        own = {key: value for key, value in entry.items() if key not in ("password", "temporary")}
        if entry.get("password") is not None:
            own["credentials"] = [{"type": "password", "value": entry["password"], "temporary": bool(entry.get("temporary"))}]
        found.append(own)
    return {"users": found} if found else {}


def _components(entries: list[Entry]) -> Entry:
    found: Entry = {}
    for entry in entries:
        found.setdefault(str(entry.get("providerType")), []).append({key: value for key, value in entry.items() if key != "providerType"})
    return {"components": found} if found else {}


def _kind(
    place: t.Callable[[list[Entry]], Entry],
    identity: tuple[str, ...],
    described: dict[str, dict[str, t.Any]],
    fields: t.Mapping[str, str] | None = None,
    **more: t.Any,
) -> Kind:
    return Kind(place, identity, described, fields or {}, camel, **more)


KINDS: dict[str, Kind] = {
    "keycloak_realm": _kind(
        lambda entries: entries[0] if entries else {},
        ("realm",),
        {
            "realm": TEXT,
            "enabled": FLAG,
            "display_name": TEXT,
            "login_theme": TEXT,
            "account_theme": TEXT,
            "admin_theme": TEXT,
            "email_theme": TEXT,
            "ssl_required": {"type": "str", "choices": ["all", "external", "none"]},
            "registration_allowed": FLAG,
            "login_with_email_allowed": FLAG,
            "verify_email": FLAG,
            "reset_password_allowed": FLAG,
            "remember_me": FLAG,
            "brute_force_protected": FLAG,
            "password_policy": {"type": "str", "no_log": False},
            "access_token_lifespan": {"type": "int", "no_log": False},
            "sso_session_idle_timeout": WHOLE,
            "sso_session_max_lifespan": WHOLE,
            "internationalization_enabled": FLAG,
            "supported_locales": TEXTS,
            "default_locale": TEXT,
            "organizations_enabled": FLAG,
            "smtp_server": MAP,
            "attributes": MAP,
        },
    ),
    "keycloak_client": _kind(
        one_list("clients"),
        ("client_id",),
        {
            "client_id": TEXT,
            "name": TEXT,
            "description": TEXT,
            "enabled": FLAG,
            "protocol": {"type": "str", "choices": ["openid-connect", "saml"]},
            "public_client": FLAG,
            "client_authenticator_type": TEXT,
            "secret": SECRET,
            "standard_flow_enabled": FLAG,
            "implicit_flow_enabled": FLAG,
            "direct_access_grants_enabled": FLAG,
            "service_accounts_enabled": FLAG,
            "service_account_realm_roles": TEXTS,
            "service_account_client_roles": MAP,
            "root_url": TEXT,
            "base_url": TEXT,
            "redirect_uris": TEXTS,
            "web_origins": TEXTS,
            "default_client_scopes": TEXTS,
            "optional_client_scopes": TEXTS,
            "full_scope_allowed": FLAG,
            "consent_required": FLAG,
            "protocol_mappers": MAPS,
            "attributes": MAP,
        },
    ),
    "keycloak_client_scope": _kind(
        one_list("clientScopes"),
        ("name",),
        {"name": TEXT, "description": TEXT, "protocol": {"type": "str", "choices": ["openid-connect", "saml"]}, "protocol_mappers": MAPS, "attributes": MAP},
    ),
    "keycloak_role": _kind(
        _roles,
        ("name", "client_id"),
        {"name": TEXT, "client_id": TEXT, "description": TEXT, "composites": MAP, "attributes": MAP},
    ),
    "keycloak_group": _kind(
        _groups,
        ("path",),
        {"path": TEXT, "description": TEXT, "attributes": MAP, "realm_roles": TEXTS, "client_roles": MAP},
    ),
    "keycloak_user": _kind(
        _users,
        ("username",),
        {
            "username": TEXT,
            "email": TEXT,
            "email_verified": FLAG,
            "first_name": TEXT,
            "last_name": TEXT,
            "enabled": FLAG,
            "password": SECRET,
            "temporary_password": {"type": "bool", "no_log": False},
            "attributes": MAP,
            "groups": TEXTS,
            "realm_roles": TEXTS,
            "client_roles": MAP,
            "required_actions": TEXTS,
        },
        {"temporary_password": "temporary"},
    ),
    "keycloak_identity_provider": _kind(
        one_list("identityProviders"),
        ("alias",),
        {
            "alias": TEXT,
            "provider_id": TEXT,
            "display_name": TEXT,
            "enabled": FLAG,
            "trust_email": FLAG,
            "store_token": {"type": "bool", "no_log": False},
            "link_only": FLAG,
            "hide_on_login": FLAG,
            "first_broker_login_flow_alias": TEXT,
            "post_broker_login_flow_alias": TEXT,
            "config": MAP,
            "mappers": MAPS,
        },
    ),
    "keycloak_flow": _kind(
        one_list("authenticationFlows"),
        ("alias",),
        {"alias": TEXT, "description": TEXT, "provider_id": {"type": "str", "choices": ["basic-flow", "client-flow"]}, "executions": MAPS},
        {"executions": "authenticationExecutions"},
    ),
    "keycloak_required_action": _kind(
        one_list("requiredActions"),
        ("alias",),
        {"alias": TEXT, "name": TEXT, "provider_id": TEXT, "enabled": FLAG, "default_action": FLAG, "priority": WHOLE, "config": MAP},
    ),
    "keycloak_component": _kind(
        _components,
        ("name", "provider_type", "sub_type"),
        {"name": TEXT, "provider_type": TEXT, "sub_type": TEXT, "provider_id": TEXT, "config": MAP, "sub_components": MAP},
        lacks=lambda entry: [] if entry.get("providerType") else ["provider_type"],
    ),
    "keycloak_organization": _kind(
        one_list("organizations"),
        ("name", "alias"),
        {
            "name": TEXT,
            "alias": TEXT,
            "description": TEXT,
            "enabled": FLAG,
            "redirect_url": TEXT,
            "domains": MAPS,
            "identity_providers": TEXTS,
            "members": TEXTS,
            "groups": MAPS,
            "attributes": MAP,
        },
    ),
}


def _run(kind: Kind, call: Call) -> Result:
    params = call.params
    present, absent = kind.declared(params)
    families = options.with_secret_paths(ALL, params["secret_paths"])
    request = options.request(call, kind.place(present), absent=names(families, kind.place(absent)))
    return runner.run(session_of(params, params["realm"] or "", families), request, voice(call, [*present, *absent]))


def _run_realms(kind: Kind, call: Call) -> Result:
    """Realms are made one by one: each is a document of its own."""
    params = call.params
    present, absent = kind.declared(params)
    families = options.with_secret_paths(ALL, params["secret_paths"])
    result: Result = {}
    for entry, there in [(entry, True) for entry in present] + [(entry, False) for entry in absent]:
        request = options.request(call, entry if there else {}, absent={} if there else {"realm": ["realm"]})
        realm = str(entry["realm"])
        try:
            one = runner.run(session_of(params, realm, families), request, voice(call, [entry]))
        except runner.FailedError as exc:
            raise runner.FailedError(exc, _joined(result, exc.result, realm)) from exc
        result = _joined(result, one, realm)
    return result


def _joined(result: Result, one: Result, realm: str) -> Result:
    """Results of several realms as one; an object of the family realm is called as the realm is."""
    one = {**one, "plan": [{**action, "name": realm} for action in one["plan"]], "drift": [{**item, "name": realm} for item in one["drift"]]}
    if "ids" in one:
        one["ids"] = {f"realm/{realm}": identifier for name, identifier in one["ids"].items() if name == "realm/realm"}
    if not result:
        return one
    joined = {**result, **one, "changed": result["changed"] or one["changed"]}
    for key in ("plan", "drift", "warnings"):
        joined[key] = [*result[key], *one[key]]
    joined["ids"] = {**result.get("ids", {}), **one.get("ids", {})}
    joined["counts"] = {"realm": _sum(result["counts"].get("realm", {}), one["counts"].get("realm", {}))}
    joined["requests"] = _sum(result["requests"], one["requests"])
    if "diff" in one:
        joined["diff"] = {**one["diff"], **{side: result.get("diff", {}).get(side, "") + one["diff"][side] for side in ("before", "after")}}
    return joined


def _sum(one: Result, other: Result) -> Result:
    return {
        key: _sum(one.get(key) or {}, other.get(key) or {}) if isinstance(one.get(key, other.get(key)), dict) else (one.get(key) or 0) + (other.get(key) or 0)
        for key in {**one, **other}
    }


def door(name: str) -> Door:
    """The door of an object module."""
    kind = KINDS[name]
    realms = name == "keycloak_realm"
    return Door(
        name,
        kind.spec({**COMMON, **WRITING, **({} if realms else REALM)}),
        functools.partial(_run_realms if realms else _run, kind),
        kind.constraints(),
        secret_keys=options.secret_keys(ALL),
        overridden=overridden,
    )
