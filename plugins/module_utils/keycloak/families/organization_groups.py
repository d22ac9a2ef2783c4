# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of organizations, nested to any depth, with the roles they give."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.errors import RefusedError
from ...engine.family import Entry
from ..references import dangling
from ..session import Session
from .groups import Groups, body_of, flat, parent_of
from .organizations import Organizations


class OrganizationGroups(Groups):
    """`groups` of an organization; each is called by the organization's alias and its path."""

    name = "organizationGroups"
    known = Groups.known | {"organization"}
    rules = Groups.rules._replace(ignored=Groups.rules.ignored | {"organization"})

    def entries(self, document: Entry) -> list[Entry]:
        found: list[Entry] = []
        for owner in document.get(Organizations.name) or []:
            groups = owner.get("groups") if isinstance(owner, dict) else None
            alias = {"organization": str(owner.get("alias") or owner.get("name"))} if groups else {}
            found += [{**own, **alias} for entry in groups or [] for own in flat(entry, "")]
        return sorted(found, key=self.stage)

    def key(self, entry: Entry) -> str:
        return f"{entry['organization']}{entry['path']}"

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        there = snapshot[self.name]
        for alias in sorted({str(entry["organization"]) for entry in entries.values()}):
            if server.id_of(Organizations.name, alias) and self._trees(server, alias) is None:
                found.append(f"{Organizations.name}/{alias}: organizations of {server.api.http.base} have no groups yet: update Keycloak, or take them out")
        for key, entry in entries.items():
            if parent_of(str(entry["path"])) and parent_of(key) not in entries and parent_of(key) not in there:
                found.append(f"{self.name}/{key}: its parent {parent_of(key)} does not exist: declare it with this group in its subGroups")
            found += dangling(server, f"{self.name}/{key}", entry, there.get(key))
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        if not server.names(Organizations.name):
            Organizations().read(server, ())
        asked = {str(entry["organization"]) for entry in self.entries(server.declared)}
        for alias in sorted(server.names(Organizations.name)):
            found: dict[str, Entry] = {}
            for tree in (self._trees(server, alias) if alias in asked or self.name in server.pruned else None) or []:
                self.walk(tree, "", found)
            result |= {f"{alias}{path}": {**one, "organization": alias} for path, one in found.items()}
        for key, one in result.items():
            server.learn(self.name, key, str(one["id"]))
        return result

    def _trees(self, server: Session, alias: str) -> list[Entry] | None:
        """An organization's groups; None where this server's organizations have none."""
        path = self.base(server, {"organization": alias})
        try:
            return server.api.pages(path, search="*", populateHierarchy=True, briefRepresentation=False)
        except RefusedError as exc:
            if exc.status == 404:
                return None
            raise

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        super().make(server, entry, mark)
        if parent_of(str(entry["path"])):  # Keycloak 26.7 takes of a new group below another its name alone
            path = f"{self.base(server, entry)}/{server.id_of(self.name, self.key(entry))}"
            server.api.put(path, body_of(entry, mark))

    def base(self, server: Session, entry: Entry) -> str:
        return f"/organizations/{server.id_of(Organizations.name, str(entry['organization']))}/groups"

    def above(self, server: Session, parent: str) -> str | None:
        return server.id_of(self.name, parent)
