# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles a client or client scope may put into tokens when it does not take them all."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.errors import EngineError
from ...engine.family import Entry
from ..base import Base, names_sorted
from ..references import CLIENTS, SCOPES, client_id, dangling, role_names, scope_ids, write_roles
from ..session import Session

_KINDS = {"client": CLIENTS, "clientScope": SCOPES}


class ScopeMappings(Base):
    """`scopeMappings` (roles of the realm) and `clientScopeMappings` (roles of clients): one entry for each client or client scope."""

    name = "scopeMappings"
    prunable = False
    registered = True
    rules = Rules(ignored=frozenset({"kind", "name"}), sets=frozenset({"realmRoles"}))

    def entries(self, document: Entry) -> list[Entry]:
        found: dict[tuple[str, str], Entry] = {}
        for line in _lines(document.get("scopeMappings")):
            _of(found, line)["realmRoles"] = sorted({*_of(found, line).get("realmRoles", []), *(str(name) for name in line.get("roles") or [])})
        by_client = document.get("clientScopeMappings")
        for client, lines in (by_client if isinstance(by_client, dict) else {}).items():
            for line in _lines(lines):
                _of(found, line).setdefault("clientRoles", {})[client] = names_sorted(line.get("roles") or [])
        return list(found.values())

    def key(self, entry: Entry) -> str:
        return f"{entry['kind']}:{entry['name']}"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        return [f"{self.name}: an entry names neither a client nor a clientScope" for entry in entries if not entry.get("name")]

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if not server.realm:
            return []
        found = []
        for key, entry in entries.items():
            kind, name = entry["kind"], entry["name"]
            named = "clientId" if kind == "client" else "name"
            declared = {str(one.get(named)) for one in server.declared.get(_KINDS[kind]) or []}
            if name not in declared and _owner(server, entry) is None:
                found.append(f"{self.name}: {kind} {name} does not exist: declare it under {_KINDS[kind]}, or check its name")
            found += dangling(server, f"{self.name}/{key}", entry, snapshot[self.name].get(key))
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        declared = self.declared(server)
        found: dict[str, Entry] = {}

        def mappings(key: str) -> None:
            path = _owner(server, declared[key])
            if path:
                there = server.api.get(f"{path}/scope-mappings") or {}
                realm_roles, client_roles = role_names(server, there.get("realmMappings"), there.get("clientMappings"))
                found[key] = {"realmRoles": realm_roles, "clientRoles": client_roles}

        scope_ids(server)
        server.each(mappings, [key for key in keys if key in declared])
        return found

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        current = self.read(server, [self.key(entry)]).get(self.key(entry), {})
        self.update(server, current, {**current, **entry, "clientRoles": {**current.get("clientRoles", {}), **entry.get("clientRoles", {})}}, [], mark)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        path = _owner(server, wanted)
        if path is None:
            raise EngineError(f"{wanted['kind']} {wanted['name']} does not exist: declare it under {_KINDS[wanted['kind']]}")
        write_roles(server, f"{path}/scope-mappings", current, wanted)


def _lines(value: t.Any) -> list[Entry]:
    return [line for line in value if isinstance(line, dict)] if isinstance(value, list) else []


def _of(found: dict[tuple[str, str], Entry], line: Entry) -> Entry:
    kind = "clientScope" if line.get("clientScope") else "client"
    name = str(line.get(kind) or "")
    return found.setdefault((kind, name), {"kind": kind, "name": name})


def _owner(server: Session, entry: Entry) -> str | None:
    """The path of the client or client scope of an entry; None where there is none."""
    if entry["kind"] == "client":
        found = client_id(server, entry["name"])
        return f"/clients/{found}" if found else None
    scope = scope_ids(server).get(entry["name"])
    return f"/client-scopes/{scope}" if scope else None
