# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The realm itself: any field of its representation that no other family takes."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules, is_mask
from ...engine.family import Entry
from .. import documents
from ..base import Base, mark_in, plain, with_mark
from ..realm_defaults import DEFAULTS
from ..secret_keys import SECRETS
from ..session import Session

# Settings that the server takes and does not keep where it has not their feature: its name there, and for --features.
_FEATURES = {"organizationsEnabled": ("ORGANIZATION", "organization"), "adminPermissionsEnabled": ("ADMIN_FINE_GRAINED_AUTHZ_V2", "admin-fine-grained-authz")}


class Realm(Base):
    """One entry: the settings at the top of the document."""

    name = "realm"
    named = "realm"
    prunable = False
    parallel = False
    rules = Rules(
        ignored=frozenset({*documents.SERVER_KEYS, *documents.FAMILY_KEYS, *documents.BINDING_KEYS, "realm"}),
        sets=documents.words(
            """enabledEventTypes eventsListeners supportedLocales requiredCredentials otpSupportedApplications webAuthnPolicySignatureAlgorithms
            webAuthnPolicyPasswordlessSignatureAlgorithms webAuthnPolicyAcceptableAaguids webAuthnPolicyPasswordlessAcceptableAaguids
            webAuthnPolicyExtraOrigins webAuthnPolicyPasswordlessExtraOrigins"""
        ),
        strings=frozenset({"attributes", "smtpServer", "browserSecurityHeaders"}),
        secrets=SECRETS,
        defaults=DEFAULTS,
        masked=True,
    )

    def entries(self, document: Entry) -> list[Entry]:
        found = documents.settings(document)
        return [found] if found else []

    def key(self, entry: Entry) -> str:
        return "realm"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        return []  # documents.problems() has looked at the top of the document

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            now = snapshot[self.name].get(key) or {}
            found += _switched_off([name for name in _FEATURES if entry.get(name) is True and now.get(name) is not True], server)
            there = now.get("smtpServer") or {}
            wanted = entry.get("smtpServer") or {}
            if is_mask(there.get("password")) and "password" not in wanted:
                changed = [field for field, value in wanted.items() if value is not None and str(value) != there.get(field)]
                if changed:
                    # Keycloak takes the map whole, and a mask in it as the password.
                    found.append(f"realm: smtpServer.{changed[0]} changes, and Keycloak takes smtpServer whole: declare its password too")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        realm = server.current_realm()
        if not realm:
            return {}
        server.learn(self.name, "realm", str(realm.get("id") or ""))
        declared = documents.settings(server.declared)
        seen = dict(realm)
        for key in _MAPS:
            if key not in declared:
                seen.pop(key, None)
            elif isinstance(declared[key], dict):  # what Keycloak fills in is no difference, not even in exact mode
                seen[key] = {name: value for name, value in (realm.get(key) or {}).items() if name in declared[key] or name not in DEFAULTS[key]}
        return {"realm": seen}

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        return mark_in(server.realm.get("attributes"))

    def builtin(self, current: Entry) -> bool:
        return current.get("realm") == "master"

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = plain({key: value for key, value in entry.items() if not key.startswith("adminPermissions")})
        later = {key: entry[key] for key in ("adminPermissionsEnabled",) if key in entry}
        body.update(realm=server.api.realm, attributes=with_mark(body.get("attributes"), mark.without(*later) if mark else None))
        server.api.post("/admin/realms", {"enabled": True, **body})
        server.realm_made()
        if later:
            server.api.put("", {"realm": server.api.realm, **later, "attributes": with_mark(server.realm.get("attributes"), mark)})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        # Only what changed: other fields may be written by somebody else, and some come masked.
        body = {change.path[0]: wanted.get(change.path[0]) for change in changes}
        for key in _MAPS:  # Keycloak takes them whole
            if key in body or (key == "attributes" and mark is not None):
                kept = {name: value for name, value in (server.realm.get(key) or {}).items() if name not in (current.get(key) or {})}
                body[key] = {**kept, **(wanted.get(key) or {})}
        if mark is not None:
            body["attributes"] = with_mark(body["attributes"], mark)
        for key, value in body.items():
            if value is None:  # Keycloak leaves what is null as it is
                body[key] = _EMPTY.get(type(current.get(key)), "")
        server.api.put("", {"realm": server.api.realm, **body})

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete("")
        server.realm = {}
        server.api.tokens.renew()


_MAPS = ("attributes", "browserSecurityHeaders")
_EMPTY: dict[type, t.Any] = {list: [], dict: {}, int: 0, bool: False}


def _switched_off(settings: t.Sequence[str], server: Session) -> list[str]:
    """What of these settings the server has no feature for."""
    if not settings:
        return []
    server.serverinfo()
    there = server.facts()["features"]
    return [
        f"realm: {name} needs a feature of the server that is switched off: start Keycloak with --features={option}, or leave {name} out"
        for name, (feature, option) in ((name, _FEATURES[name]) for name in settings)
        if there and feature not in there
    ]
