# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of a server that keeps permissions. Passwords are written and never read."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import MASK, Change, Rules
from ...engine.family import Entry
from .. import documents, permissions
from ..scoped import MlflowFamily

if t.TYPE_CHECKING:
    from ..session import Session


class Users(MlflowFamily):
    """Users by name; they belong to no workspace."""

    name = "users"
    fields = {
        "username": documents.TEXT,
        "password": documents.TEXT,
        "is_admin": documents.FLAG,
        "display_name": documents.TEXT,
        "is_service_account": documents.FLAG,
        "active": documents.FLAG,
    }
    required = ("username",)
    registered = True
    # One by one: each of these makes the server hash a password, which keeps a whole core busy.
    parallel = False
    rules = Rules(
        ignored=frozenset({"id", "own", "display_name"}),
        secrets=frozenset({"password"}),
        defaults={"is_admin": False, "is_service_account": False, "active": True},
    )

    def key(self, entry: Entry) -> str:
        return str(entry.get("username") or "")

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            if "roles" in entry:
                found.append(f"{self.label(entry)}: who has a role is declared with the role: put the user under its members")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if not entries:
            return []
        permissions.note_default(server)
        keeper, found = permissions.backend(server), []
        for key, entry in entries.items():
            there = snapshot[self.name].get(key)
            problem = keeper.user_problem(entry, there)
            unkept = sorted(set(entry) - keeper.user_fields)
            if unkept and not problem:
                problem = f"{keeper.name} permissions keep no {unkept[0]}: leave it out"
            elif not problem and there and there["own"] and entry.get("is_admin") is False and there.get("is_admin"):
                problem = "this run logs in as this user and would take the right to go on from itself: log in as another administrator for that"
            if problem:
                found.append(f"{self.name}/{key}: {problem}")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        keeper, result = permissions.backend(server), {}
        own = keeper.caller()[0]
        for user in keeper.users(keys):
            name = user["username"]
            server.learn(self.name, name, user["id"])
            result[name] = {**user, "own": name == own}
            if "password" in keeper.user_fields:
                result[name]["password"] = MASK
        return result

    def builtin(self, current: Entry) -> bool:
        return bool(current["own"])  # whoever deletes the own account locks itself out

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        with permissions.writing(server) as keeper:
            server.learn(self.name, entry["username"], keeper.create_user(entry))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        fields = {change.path[0] for change in changes}
        if fields:
            with permissions.writing(server) as keeper:
                keeper.update_user({"is_admin": False, **wanted}, fields)

    def delete(self, server: Session, current: Entry) -> None:
        with permissions.writing(server) as keeper:
            keeper.delete_user(current["username"])
