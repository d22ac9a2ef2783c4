# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client profiles and client policies. Keycloak takes each of the two lists as a whole."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from ..base import Base, plain
from ..lookups import installed
from ..session import Session


class _List(Base):
    """A document of its own with one list in it.

    :cvar inner: key of the list.
    :cvar parts: key of what an entry is made of, and of a part's provider; the provider's kind.
    """

    inner: t.ClassVar[str]
    parts: t.ClassVar[tuple[str, str, str]]
    parallel = False
    registered = True

    @property
    def _path(self) -> str:
        return f"/client-policies/{self.inner}"

    def entries(self, document: Entry) -> list[Entry]:
        found = document.get(self.name) or {}
        return list((found.get(self.inner) if isinstance(found, dict) else found) or [])

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        parts, kind, spi = self.parts
        found = []
        for key, entry in entries.items():
            there = {part.get(kind) for part in snapshot[self.name].get(key, {}).get(parts) or []}
            for name in [part.get(kind) for part in entry.get(parts) or []]:
                known = frozenset() if name in there else installed(server, spi)
                if known and name not in known:
                    found.append(f"{self.name}/{key}: {kind} {name} is not installed; there are {', '.join(sorted(known))}")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        return {str(entry["name"]): entry for entry in self._list(server)} if server.realm else {}

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        self._write(server, str(entry["name"]), entry)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            self._write(server, str(wanted["name"]), plain(wanted))

    def delete(self, server: Session, current: Entry) -> None:
        self._write(server, str(current["name"]), None)

    def _list(self, server: Session) -> list[Entry]:
        return list((server.api.get(self._path) or {}).get(self.inner) or [])

    def _write(self, server: Session, name: str, entry: Entry | None) -> None:
        there = {str(one["name"]): one for one in self._list(server)}
        if entry is None:
            there.pop(name, None)
        else:
            there[name] = entry
        server.api.put(self._path, {self.inner: list(there.values())})


class ClientProfiles(_List):
    """`clientProfiles.profiles`; global profiles are the server's own."""

    name = "clientProfiles"
    inner = "profiles"
    parts = ("executors", "executor", "client-policy-executor")
    known = frozenset({"name", "description", "executors"})
    rules = Rules(opaque=frozenset({"configuration"}))


class ClientPolicies(_List):
    """`clientPolicies.policies`."""

    name = "clientPolicies"
    inner = "policies"
    parts = ("conditions", "condition", "client-policy-condition")
    known = frozenset({"name", "description", "enabled", "conditions", "profiles", "mode"})
    rules = Rules(opaque=frozenset({"configuration"}), sets=frozenset({"profiles"}), defaults={"enabled": False})

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = super().problems_there(entries, snapshot, server)
        wanted = {(key, name) for key, entry in entries.items() for name in entry.get("profiles") or []}
        known: set[str] = {str(entry.get("name")) for entry in ClientProfiles().entries(server.declared)}
        if any(name not in known for _key, name in wanted) and server.realm:
            there = server.api.get("/client-policies/profiles", **{"include-global-profiles": True}) or {}
            known |= {str(one["name"]) for kind in ("profiles", "globalProfiles") for one in there.get(kind) or []}
            found += [f"{self.name}/{key}: there is no profile {name}: declare it in clientProfiles" for key, name in sorted(wanted) if name not in known]
        return found
