# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, and the users behind service accounts: attributes, credentials, roles, groups, identities elsewhere."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import MASK, Change, Rules, is_mask
from ...engine.errors import EngineError
from ...engine.family import Entry
from ...engine.http import quote
from ..base import Base, doubles, names_sorted, without
from ..documents import words
from ..references import client_id, dangling, group_id, role_names, write_roles
from ..secret_keys import SECRETS
from ..session import Session

_MAPPED = ("realmRoles", "clientRoles")
_APART = (*_MAPPED, "groups", "federatedIdentities", "credentials")
_ACCOUNT = "serviceAccountClientId"
_OF_CLIENT = {"serviceAccountRealmRoles": "realmRoles", "serviceAccountClientRoles": "clientRoles"}
_PREFIX = "service-account-"
# Fields of a representation that are the server's.
_OWN = ("id", "access", "createdTimestamp", "totp", "disableableCredentialTypes", "notBefore", "self", "origin", "userProfileMetadata", "clientConsents",
        "applicationRoles", "socialLinks")  # fmt: skip


class Users(Base):
    """`users`."""

    name = "users"
    named = "username"
    registered = True  # an attribute would have to be in the user profile
    known = words(
        """access applicationRoles attributes clientConsents clientRoles createdTimestamp credentials disableableCredentialTypes email emailVerified
        enabled federatedIdentities federationLink firstName groups id issuedVerifiableCredentials lastName notBefore origin realmRoles requiredActions self
        serviceAccountClientId socialLinks totp userProfileMetadata username verifiableCredentials"""
    )
    rules = Rules(
        ignored=frozenset({*_OWN, _ACCOUNT}),
        sets=frozenset({"realmRoles", "groups", "requiredActions"}),
        string_lists=frozenset({"attributes"}),
        keyed={"federatedIdentities": "identityProvider", "credentials": "type"},
        secrets=SECRETS | {"value", "secretData"},
        defaults={"enabled": True, "emailVerified": False},
    )

    def entries(self, document: Entry) -> list[Entry]:
        result = [_entry(entry) for entry in document.get(self.name) or []]
        listed = {entry.get(_ACCOUNT) for entry in result if isinstance(entry, dict)}
        for client in document.get("clients") or []:
            # The roles of a service account may also stand with its client.
            roles = {key: client[own] for own, key in _OF_CLIENT.items() if isinstance(client, dict) and client.get(own) is not None}
            if roles and client.get("clientId") not in listed:
                result.append(_entry({"username": _PREFIX + str(client.get("clientId")).lower(), _ACCOUNT: client.get("clientId"), **roles}))
        return result

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        emails = doubles(entries, "email") if not document.get("duplicateEmailsAllowed") else []
        found += [
            f"users: e-mail address {email} is declared twice: a realm without duplicateEmailsAllowed takes each once" for email in emails if email != "None"
        ]
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if not server.realm:
            return []
        found = []
        there = snapshot[self.name]
        from .groups import Groups

        groups = {group["path"] for group in Groups().entries(server.declared)}
        clients = {str(client.get("clientId")) for client in server.declared.get("clients") or []}
        for key, entry in entries.items():
            current = there.get(key)
            found += dangling(server, f"users/{key}", entry, current)
            names = {*(entry.get("groups") or []), *(entry.get("+groups") or [])} - set((current or {}).get("groups") or [])
            found += [
                f"users/{key}: group {path} does not exist: declare it under groups, or check its path"
                for path in sorted(names - groups)
                if group_id(server, path) is None
            ]
            account = entry.get(_ACCOUNT)
            if account and account not in clients and client_id(server, account) is None:
                found.append(f"users/{key}: client {account} does not exist: declare it under clients with serviceAccountsEnabled: true")
        return found + _unmanaged(server, entries, there)

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        declared = self.declared(server)
        found: dict[str, Entry] = {}
        people = [key for key in keys if not declared.get(key, {}).get(_ACCOUNT)]
        users: list[Entry] = []
        if server.few(self, people):
            server.each(lambda key: users.extend(server.api.get("/users", username=key, exact=True, briefRepresentation=False) or []), people)
        elif people or not keys or self.name in server.pruned:
            users = server.api.pages("/users", briefRepresentation=False)
        for user in users:
            found[str(user["username"])] = user

        def account(key: str) -> None:
            client = client_id(server, str(declared[key][_ACCOUNT]))
            user = server.api.find(f"/clients/{client}/service-account-user") if client else None
            if user:
                found[key] = {**user, _ACCOUNT: declared[key][_ACCOUNT]}

        server.each(account, [key for key in keys if declared.get(key, {}).get(_ACCOUNT)])
        for name, user in found.items():
            server.learn(self.name, name, str(user["id"]))
            user["self"] = server.is_me(name)
        server.each(lambda key: self._more(server, found[key], declared.get(key, {})), [key for key in keys if key in found])
        return found

    def _more(self, server: Session, user: Entry, entry: Entry) -> None:
        """Reads what of a user is declared and not in the list."""
        path = f"/users/{user['id']}"
        keys = {key.lstrip("+") for key in entry}
        if keys & set(_MAPPED):
            roles = server.api.get(f"{path}/role-mappings") or {}
            realm_roles, client_roles = role_names(server, roles.get("realmMappings"), roles.get("clientMappings"))
            user["realmRoles"] = [name for name in realm_roles if not name.startswith("default-roles-")]
            user["clientRoles"] = client_roles
        if "groups" in keys:
            groups = server.api.pages(f"{path}/groups")
            for group in groups:
                server.learn("groups", str(group["path"]), str(group["id"]))
            user["groups"] = sorted(str(group["path"]) for group in groups)
        if "federatedIdentities" in keys:
            user["federatedIdentities"] = server.api.get(f"{path}/federated-identity") or []
        # Nobody can read a password; what an earlier run wrote is known from its mark.
        user["credentials"] = [{**credential, "value": MASK} for credential in entry.get("credentials") or []]

    def builtin(self, current: Entry) -> bool:
        return bool(current.get("self"))

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        if entry.get(_ACCOUNT):
            self._account(server, entry)
            return
        body = without(entry, *_MAPPED, "groups", "credentials", _ACCOUNT)
        credentials = _credentials(server, self.key(entry))
        identifier = server.api.post("/users", {"enabled": True, **body, **({"credentials": credentials} if credentials else {})})
        server.learn(self.name, self.key(entry), identifier)
        path = f"/users/{identifier}"
        write_roles(server, f"{path}/role-mappings", {}, entry)
        if "groups" in entry:
            joined = server.api.pages(f"{path}/groups") if server.realm.get("defaultGroups") or server.wrote("defaultGroups") else []
            self._join(server, path, [str(group["path"]) for group in joined], entry["groups"])

    def _account(self, server: Session, entry: Entry) -> None:
        """The user of a service account comes with its client."""
        name = str(entry[_ACCOUNT])
        client = client_id(server, name)
        user = server.api.find(f"/clients/{client}/service-account-user") if client else None
        if not user:
            raise EngineError(f"client {name} has no service account: declare it under clients with serviceAccountsEnabled: true")
        server.learn(self.name, self.key(entry), str(user["id"]))
        current = {**user, _ACCOUNT: name}
        self._more(server, current, entry)
        self._write(server, current, {**current, **entry}, set(entry) - {"username", _ACCOUNT})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        self._write(server, current, wanted, {change.path[0] for change in changes})

    def _write(self, server: Session, current: Entry, wanted: Entry, fields: set[str]) -> None:
        path = f"/users/{current['id']}"
        if fields - set(_APART):
            body = without(wanted, *_APART, *(key for key in _OWN if key != "id"), _ACCOUNT)
            for key in fields - set(_APART) - body.keys():
                body[key] = [] if isinstance(current.get(key), list) else {} if isinstance(current.get(key), dict) else ""
            server.api.put(path, {**body, "id": current["id"]})
        if fields & set(_MAPPED):
            write_roles(server, f"{path}/role-mappings", current, wanted)
        if "groups" in fields:
            self._join(server, path, current.get("groups") or [], wanted.get("groups") or [])
        if "credentials" in fields:
            for credential in _credentials(server, str(current["username"])):
                if credential.get("type") == "password" and not is_mask(credential.get("value")):
                    server.api.put(f"{path}/reset-password", credential)
        if "federatedIdentities" in fields:
            there = {str(one["identityProvider"]): one for one in current.get("federatedIdentities") or []}
            after = {str(one["identityProvider"]): one for one in wanted.get("federatedIdentities") or []}
            for name in sorted(there.keys() | after.keys()):
                if there.get(name) != after.get(name):
                    if name in there:
                        server.api.delete(f"{path}/federated-identity/{quote(name)}")
                    if name in after:
                        server.api.send("POST", f"{path}/federated-identity/{quote(name)}", after[name])

    def _join(self, server: Session, path: str, before: t.Sequence[str], after: t.Sequence[str]) -> None:
        for group in sorted(set(before) - set(after)):
            server.api.delete(f"{path}/groups/{group_id(server, group)}")
        for group in sorted(set(after) - set(before)):
            identifier = group_id(server, group)
            if identifier is None:
                raise EngineError(f"group {group} does not exist: declare it under groups")
            server.api.put(f"{path}/groups/{identifier}")

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/users/{current['id']}")
        server.forget(self.name, str(current["username"]))


def _entry(entry: t.Any) -> t.Any:
    """A declared user as it is compared."""
    if not isinstance(entry, dict):
        return entry
    result = without(entry, *_OWN)
    if result.get("username"):
        result["username"] = str(result["username"]).lower()  # as Keycloak keeps it
    if isinstance(result.get("email"), str):
        result["email"] = result["email"].lower()
    for key in ("realmRoles", "+realmRoles"):
        if isinstance(result.get(key), list):  # every user has it, whether the document says so or not
            result[key] = sorted({str(name) for name in result[key] if not str(name).startswith("default-roles-")})
    if result.get("clientRoles") is not None:
        result["clientRoles"] = names_sorted(result["clientRoles"])
    for key in ("groups", "+groups"):
        if isinstance(result.get(key), list):
            result[key] = ["/" + str(path).strip("/") for path in result[key]]
    if isinstance(result.get("credentials"), list):
        # Whether a password that is there is the declared one only a mark tells; one labelled initial is given at creation and never again.
        result["credentials"] = [
            {"type": str(one.get("type") or "password"), "value": one["value"]}
            for one in result["credentials"]
            if isinstance(one, dict) and one.get("value") not in (None, MASK) and one.get("userLabel") != "initial"
        ]
    return result


def _credentials(server: Session, username: str) -> list[Entry]:
    """A user's credentials as the document has them."""
    for entry in server.declared.get(Users.name) or []:
        if str(entry.get("username")).lower() == username:
            return [{"type": "password", **without(one, "id")} for one in entry.get("credentials") or [] if not is_mask(one.get("value"))]
    return []


def _unmanaged(server: Session, entries: t.Mapping[str, Entry], there: t.Mapping[str, Entry]) -> list[str]:
    """Attributes that Keycloak would drop without a word, for the user profile does not have them."""
    new = {
        key: {name for name, value in (entry.get("attributes") or {}).items() if value and name not in ((there.get(key) or {}).get("attributes") or {})}
        for key, entry in entries.items()
        if not entry.get(_ACCOUNT)
    }
    if not any(new.values()):
        return []
    profile = server.declared.get("userProfile") or server.api.find("/users/profile") or {}
    if not isinstance(profile, dict) or profile.get("unmanagedAttributePolicy") in ("ENABLED", "ADMIN_EDIT"):
        return []
    managed = {str(attribute.get("name")) for attribute in profile.get("attributes") or []}
    managed |= {"locale"} if server.realm.get("internationalizationEnabled") else set()
    return [
        f"users/{key}: attribute {name} is not in the realm's user profile, so Keycloak would drop it: declare it under userProfile.attributes, "
        "or set userProfile.unmanagedAttributePolicy: ADMIN_EDIT"
        for key, names in new.items()
        for name in sorted(names - managed)
    ]
