# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Required actions: what a user has to do at the next login."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from ...engine.http import quote
from ..base import Base
from ..lookups import installed
from ..session import Session

_PATH = "/authentication/required-actions"
# Every realm begins with these; taken out of a document they stay as they are.
_BUILTIN = frozenset(
    {
        "CONFIGURE_RECOVERY_AUTHN_CODES",
        "CONFIGURE_TOTP",
        "TERMS_AND_CONDITIONS",
        "UPDATE_EMAIL",
        "UPDATE_PASSWORD",
        "UPDATE_PROFILE",
        "VERIFY_EMAIL",
        "VERIFY_PROFILE",
        "delete_account",
        "delete_credential",
        "idp_link",
        "update_user_locale",
        "webauthn-register",
        "webauthn-register-passwordless",
    }
)


class RequiredActions(Base):
    """`requiredActions`; one that is not declared but built in is never unregistered."""

    name = "requiredActions"
    named = "alias"
    known = frozenset({"alias", "name", "providerId", "enabled", "defaultAction", "priority", "config"})
    rules = Rules(strings=frozenset({"config"}), defaults={"enabled": True, "defaultAction": False})
    parallel = False  # their order is one list of the realm
    registered = True

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for alias, entry in entries.items():
            provider = entry.get("providerId") or alias
            there = frozenset() if alias in snapshot[self.name] else installed(server, "required-action")
            if there and provider not in there:
                found.append(f"{self.name}: {alias}: providerId {provider} is not installed; there are {', '.join(sorted(there))}")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        return {str(action["alias"]): action for action in server.api.get(_PATH) or []} if server.realm else {}

    def builtin(self, current: Entry) -> bool:
        return current["alias"] in _BUILTIN

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        alias = self.key(entry)
        provider = entry.get("providerId") or alias
        server.api.post("/authentication/register-required-action", {"providerId": provider, "name": entry.get("name") or alias})
        there = server.api.get(f"{_PATH}/{quote(alias)}")
        self._write(server, {**there, **entry, "config": {**(there.get("config") or {}), **(entry.get("config") or {})}})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            self._write(server, wanted)

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"{_PATH}/{quote(str(current['alias']))}")

    def _write(self, server: Session, entry: Entry) -> None:
        server.api.put(f"{_PATH}/{quote(self.key(entry))}", entry)
