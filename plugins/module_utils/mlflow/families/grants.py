# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of single users, and of roles that are not declared here."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from .. import documents, permissions
from ..permissions import model
from ..scoped import ScopedFamily

if t.TYPE_CHECKING:
    from ..session import Session

_IDENTITY = frozenset({"user", "role", "resource_type", "resource", "regex"})


class Grants(ScopedFamily):
    """Grants by who has them, and on what."""

    name = "grants"
    fields = {
        "user": documents.TEXT,
        "role": documents.TEXT,
        "resource_type": documents.TEXT,
        "resource": documents.TEXT,
        "regex": documents.TEXT,
        "priority": documents.WHOLE,
        "permission": documents.TEXT,
    }
    required = ("resource_type", "permission")
    registered = True
    rules = Rules(ignored=_IDENTITY | {"workspace"}, defaults={"priority": 100})

    def key(self, entry: Entry) -> str:
        return model.of(entry).key

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            if bool(entry.get("user")) == bool(entry.get("role")):
                found.append(f"{self.label(entry)}: a grant has a user or a role, and one of them only")
            if entry.get("resource_type"):
                found += model.problems(self.label(entry), entry)
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        if entries:
            permissions.note_default(server)
        for key, entry in entries.items():
            label, grant, there = f"{self.name}/{key}", model.of(entry), key in snapshot[self.name]
            if not there:
                found += permissions.unknown_subjects(server, label, grant)
            found += permissions.grant_problems(server, label, grant, str(entry["permission"]), there)
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        scopes = set(server.scopes(self, keys))
        pruned = self.name in server.pruned
        marked = [key for workspace in scopes for key in server.registry(workspace).names(self.name)] if pruned else []
        asked = {grant for grant in map(model.parsed, [*keys, *marked]) if grant}
        roles = {documents.key(str(entry.get("name")), entry["workspace"]) for entry in documents.within(server.document, ("roles",))}
        result = {}
        keeper = permissions.backend(server)
        found = keeper.grants(asked)
        if pruned:  # of what an administrator has, only what is or was declared counts
            found = {grant: permission for grant, permission in found.items() if grant in asked} | keeper.grants(None)
        for grant, permission in found.items():
            if grant.workspace not in scopes or (grant.subject == "role" and grant not in asked and self._is_of_role(server, grant, roles)):
                continue
            result[grant.key] = {
                "workspace": grant.workspace,
                grant.subject: grant.name,
                "resource_type": grant.type,
                "regex" if grant.regex else "resource": grant.resource,
                "permission": permission,
                **({} if keeper.priority(grant) is None else {"priority": keeper.priority(grant)}),
            }
        return result

    def _is_of_role(self, server: Session, grant: model.Grant, roles: t.Collection[str]) -> bool:
        """Whether a permission is kept by the family roles."""
        return documents.key(grant.name, grant.workspace) in roles and server.registry(grant.workspace).mark(self.name, grant.key, None) is None

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        with permissions.writing(server) as keeper:
            keeper.give(model.of(entry), entry["permission"], entry.get("priority"))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            with permissions.writing(server) as keeper:
                keeper.change(model.of(current), wanted["permission"], wanted.get("priority"))

    def delete(self, server: Session, current: Entry) -> None:
        with permissions.writing(server) as keeper:
            keeper.take(model.of(current))
