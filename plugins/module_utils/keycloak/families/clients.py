# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients with their protocol mappers, client scopes, secrets and flows."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules, is_mask
from ...engine.family import Entry
from ..base import Base, cleaned, with_mark, with_protocols, without
from ..documents import words
from ..references import flow_names
from ..secret_keys import SECRETS
from ..session import Session
from .client_scopes import move_scopes, unknown_scopes, written_attributes

BORN = frozenset({"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console", "admin-permissions"})
_SCOPES = {"optionalClientScopes": "/optional-client-scopes", "defaultClientScopes": "/default-client-scopes"}
_OVERRIDES = "authenticationFlowBindingOverrides"
# Keycloak makes these itself.
_OWN_ATTRIBUTES = frozenset({"realm_client", "client.secret.creation.time", "client.secret.rotated", "client.secret.rotated.creation.time",
                             "client.secret.rotated.expiration.time", "client.secret.expiration.time"})  # fmt: skip
# What other families write, or nobody can.
_NOT_OURS = ("authorizationSettings", "access", "registrationAccessToken", "serviceAccountRealmRoles", "serviceAccountClientRoles")
_DEFAULTS: dict[str, t.Any] = {
    "alwaysDisplayInConsole": False, "bearerOnly": False, "clientAuthenticatorType": "client-secret", "consentRequired": False,
    "directAccessGrantsEnabled": False, "enabled": True, "frontchannelLogout": False, "fullScopeAllowed": True, "implicitFlowEnabled": False,
    "nodeReRegistrationTimeout": -1, "notBefore": 0, "protocol": "openid-connect", "publicClient": False, "standardFlowEnabled": True,
    "surrogateAuthRequired": False, "serviceAccountsEnabled": False,
}  # fmt: skip


def realm_client(client: str) -> bool:
    """Whether Keycloak made a client itself; in master there is one for each realm."""
    return client in BORN or client.endswith("-realm")


class Clients(Base):
    """`clients`."""

    name = "clients"
    named = "clientId"
    known = words(
        """access adminUrl alwaysDisplayInConsole attributes authenticationFlowBindingOverrides authorizationServicesEnabled authorizationSettings baseUrl
        bearerOnly clientAuthenticatorType clientId clientTemplate consentRequired defaultClientScopes defaultRoles description directAccessGrantsEnabled
        directGrantsOnly enabled frontchannelLogout fullScopeAllowed id implicitFlowEnabled name nodeReRegistrationTimeout notBefore optionalClientScopes
        origin protocol protocolMappers publicClient redirectUris registeredNodes registrationAccessToken rootUrl secret serviceAccountsEnabled
        serviceAccountClientRoles serviceAccountRealmRoles standardFlowEnabled surrogateAuthRequired type useTemplateConfig useTemplateMappers
        useTemplateScope webOrigins"""
    )
    rules = Rules(
        ignored=frozenset({"id", *_NOT_OURS}),
        sets=frozenset({"redirectUris", "webOrigins", "defaultClientScopes", "optionalClientScopes"}),
        strings=frozenset({"attributes", "config"}),
        keyed={"protocolMappers": "name"},
        secrets=SECRETS | {"saml.signing.private.key", "saml.encryption.private.key", "client.secret.rotated"},
        defaults=_DEFAULTS,
    )

    def entries(self, document: Entry) -> list[Entry]:
        aliases = {str(flow.get("id")): flow.get("alias") for flow in document.get("authenticationFlows") or [] if isinstance(flow, dict) and flow.get("id")}
        result = []
        for entry in document.get(self.name) or []:
            if isinstance(entry, dict):
                entry = cleaned(entry, *_NOT_OURS)
                if entry.get("authorizationServicesEnabled") and not entry.get("publicClient"):
                    entry.setdefault("serviceAccountsEnabled", True)  # Keycloak asks policies as this user, and without it fails with a 500
                if isinstance(entry.get(_OVERRIDES), dict):  # an export names flows by identifiers of its own
                    entry[_OVERRIDES] = {key: aliases.get(str(flow), flow) for key, flow in entry[_OVERRIDES].items()}
            result.append(entry)
        return result

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            if not isinstance(entry, dict):
                continue
            both = set(entry.get("defaultClientScopes") or []) & set(entry.get("optionalClientScopes") or [])
            found += [f"clients/{entry.get('clientId')}: client scope {name} is default and optional: choose one" for name in sorted(both)]
            if entry.get("serviceAccountsEnabled") and entry.get("publicClient"):
                found.append(f"clients/{entry.get('clientId')}: a public client has no secret and so no service account: set one of the two to false")
            if entry.get("authorizationServicesEnabled") and not entry.get("serviceAccountsEnabled"):
                found.append(f"clients/{entry.get('clientId')}: authorizationServicesEnabled needs a service account: set serviceAccountsEnabled: true")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            found += unknown_scopes(server, f"clients/{key}", entry, snapshot[self.name].get(key), _SCOPES)
            flows = {str(flow) for flow in (entry.get(_OVERRIDES) or {}).values() if flow}
            if flows and server.realm:
                declared = {str(flow.get("alias")) for flow in server.declared.get("authenticationFlows") or []}
                known = flow_names(server)
                found += [
                    f"clients/{key}: flow {flow} of {_OVERRIDES} does not exist: declare it under authenticationFlows, or check its alias"
                    for flow in sorted(flows - declared - set(known.values()) - set(known))
                ]
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        declared = self.declared(server)
        result = {}
        for client in self._listed(server, keys):
            name = str(client["clientId"])
            server.learn(self.name, name, str(client["id"]))
            result[name] = self._seen(server, client, declared.get(name, {}))
        return result

    def _listed(self, server: Session, keys: t.Collection[str]) -> list[Entry]:
        if not server.few(self, keys):
            return server.api.pages("/clients")
        found: list[Entry] = []
        server.each(lambda key: found.extend(server.api.get("/clients", clientId=key) or []), list(keys))
        return found

    def _seen(self, server: Session, client: Entry, entry: Entry) -> Entry:
        """A client without what the server adds by itself, unless it is declared."""
        for key in _SCOPES:
            if key not in entry and f"+{key}" not in entry:
                client.pop(key, None)
            elif "service_account" not in (entry.get(key) or []) and client.get(key):
                client[key] = [name for name in client[key] if name != "service_account"]
        if "webOrigins" not in entry and "+webOrigins" not in entry:
            client.pop("webOrigins", None)  # Keycloak makes them from rootUrl and redirectUris
        attributes = client.get("attributes") or {}
        client["attributes"] = {key: value for key, value in attributes.items() if key not in _OWN_ATTRIBUTES or key in (entry.get("attributes") or {})}
        if entry.get(_OVERRIDES) and client.get(_OVERRIDES):
            aliases = flow_names(server)
            client[_OVERRIDES] = {key: aliases.get(flow, flow) for key, flow in client[_OVERRIDES].items()}
        return client

    def builtin(self, current: Entry) -> bool:
        return realm_client(str(current["clientId"]))

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        added = {key: entry[f"+{key}"] for key in _SCOPES if entry.get(f"+{key}") and key not in entry}
        super().create(server, without(entry, *added), mark.without(*added) if mark else None)
        if not added:
            return
        # A new client that names scopes gets only those, one that names none the realm's defaults: so what is added comes afterwards.
        path = f"/clients/{server.id_of(self.name, self.key(entry))}"
        current = server.api.get(path)
        wanted = {key: [*(current.get(key) or []), *names] for key, names in added.items()}
        for key in _SCOPES:
            others = {name for other, names in added.items() if other != key for name in names}
            wanted[key] = [name for name in wanted.get(key, current.get(key) or []) if name not in others]
        move_scopes(server, path, _SCOPES, current, wanted)
        if mark is not None and self.mark(server, self.key(entry), current):  # what a realm is born with may have none
            self.update(server, current, current, [], mark)

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = self._body(server, entry, entry)
        body["attributes"] = with_mark(entry.get("attributes"), mark)
        server.learn(self.name, self.key(entry), server.api.post("/clients", body))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        path = f"/clients/{current['id']}"
        fields = {change.path[0] for change in changes}
        if fields & set(_SCOPES):
            move_scopes(server, path, _SCOPES, current, wanted)
        if mark is not None or fields - set(_SCOPES):
            # Whole, for Keycloak takes a missing authorizationServicesEnabled for false.
            body = self._body(server, with_protocols(without(wanted, *_SCOPES)), current)
            body.update(id=current["id"], attributes=written_attributes(current, wanted, mark))
            if "secret" not in fields:
                body.pop("secret", None)
            if "protocolMappers" in fields:
                body.setdefault("protocolMappers", [])
            else:
                body.pop("protocolMappers", None)
            for key in fields - body.keys() - {"secret", *_SCOPES}:  # Keycloak leaves what is null as it is
                body[key] = [] if isinstance(current.get(key), list) else {} if isinstance(current.get(key), dict) else ""
            server.api.put(path, body)

    def _body(self, server: Session, entry: Entry, current: Entry) -> Entry:
        body = without(entry, *_NOT_OURS)
        if is_mask(body.get("secret")):
            body.pop("secret")
        overrides = body.get(_OVERRIDES)
        gone = (current.get(_OVERRIDES) or {}).keys() - (overrides or {}).keys()
        if overrides or gone:
            ids = {alias: identifier for identifier, alias in flow_names(server).items()}
            body[_OVERRIDES] = {**dict.fromkeys(gone, ""), **{key: ids.get(flow, flow) or "" for key, flow in (overrides or {}).items()}}
        return body

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/clients/{current['id']}")
        server.forget(self.name, str(current["clientId"]))
