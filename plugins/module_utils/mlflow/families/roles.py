# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of a workspace: their permissions and who has them. What `grants` declares for a role stays out of here."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from .. import documents, permissions
from ..permissions import model
from ..scoped import ScopedFamily

if t.TYPE_CHECKING:
    from ..permissions.backend import Backend
    from ..session import Session

# MLflow gives every new workspace these two.
_SEEDED = {"admin": "Full MANAGE authority over the workspace", "user": "Read every resource in the workspace and create"}
_PERMISSION = {"resource_type": documents.TEXT, "resource": documents.TEXT, "regex": documents.TEXT, "permission": documents.TEXT}


class Roles(ScopedFamily):
    """Roles by name and workspace."""

    name = "roles"
    fields = {
        "name": documents.TEXT,
        "description": documents.TEXT,
        "members": documents.LIST,
        "+members": documents.LIST,
        "permissions": documents.LIST,
    }
    registered = True
    rules = Rules(ignored=frozenset({"id", "workspace"}), sets=frozenset({"members"}), keyed={"permissions": "on"})

    def entries(self, document: Entry) -> list[Entry]:
        """With every permission named by what it is on, by which it is compared."""
        found = []
        for entry in super().entries(document):
            if isinstance(entry.get("permissions"), list):
                given = [item for item in entry["permissions"] if isinstance(item, dict)]
                entry["permissions"] = [{"on": model.target(item), "permission": item.get("permission")} for item in given]
            found.append(entry)
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        grants = {model.of(entry) for entry in documents.within(document, ("grants",))}
        for entry in documents.within(document, self.path):
            label, seen = self.label(entry), set()
            for item in entry.get("permissions") or [] if isinstance(entry.get("permissions"), list) else []:
                if not isinstance(item, dict):
                    found.append(f"{label}: permissions: expected a list of maps with resource_type, resource and permission")
                    break
                on = model.target(item)
                where = f"{label}: permissions: {on}"
                found += documents.entry_problems(where, item, _PERMISSION, ("resource_type", "permission")) or model.problems(where, item)
                if on in seen:
                    found.append(f"{where} is declared twice: keep one")
                if model.address(entry["workspace"], "role", str(entry.get("name")), on) in grants:
                    found.append(f"{where} is declared under grants too: keep one")
                seen.add(on)
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if not entries:
            return []
        permissions.note_default(server)
        keeper, found = permissions.backend(server), []
        for key, entry in entries.items():
            label, there = f"{self.name}/{key}", snapshot[self.name].get(key, {})
            problem = keeper.role_problem(entry)
            unkept = sorted({field.lstrip("+") for field in entry} - keeper.role_fields - {"workspace"})
            if problem or unkept:
                found.append(f"{label}: {problem or f'{keeper.name} permissions keep no {unkept[0]} of a role: leave it out'}")
                continue
            given = {item["on"] for item in there.get("permissions") or []}
            for item in entry.get("permissions") or []:
                grant = model.address(entry["workspace"], "role", entry["name"], item["on"])
                found += permissions.grant_problems(server, f"{label}: permissions: {item['on']}", grant, item["permission"], item["on"] in given)
            found += permissions.unknown_users(server, label, [*(entry.get("members") or []), *(entry.get("+members") or [])])
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        scopes, result = set(server.scopes(self, keys)), {}
        declared = {model.of(entry).key for entry in documents.within(server.document, ("grants",))}
        for role in permissions.backend(server).roles(keys):
            if role["workspace"] not in scopes:
                continue
            key = self.key(role)
            server.learn(self.name, key, role["id"])
            role["permissions"] = [item for item in role["permissions"] if not self._is_grant(server, role, item["on"], declared)]
            result[key] = role
        return result

    def _is_grant(self, server: Session, role: Entry, on: str, declared: t.Collection[str]) -> bool:
        """Whether a permission is kept by the family grants."""
        key = model.address(role["workspace"], "role", role["name"], on).key
        return key in declared or server.registry(role["workspace"]).mark("grants", key, None) is not None

    def builtin(self, current: Entry) -> bool:
        text = _SEEDED.get(current["name"])
        return text is not None and str(current.get("description", "")).startswith(text)

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        with permissions.writing(server) as keeper:
            identifier = keeper.create_role(entry)
            server.learn(self.name, self.key(entry), identifier)
            self._fill(keeper, {"id": identifier, "workspace": entry["workspace"], "name": entry["name"]}, entry)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        fields = {change.path[0] for change in changes}
        if fields:
            with permissions.writing(server) as keeper:
                if "description" in fields:
                    keeper.describe_role(wanted)
                self._fill(keeper, current, {field: wanted.get(field) or [] for field in fields & {"members", "permissions"}})

    def _fill(self, keeper: Backend, current: Entry, wanted: Entry) -> None:
        """Brings members and permissions to what is wanted; what is to be added comes first, so that nobody loses a right in between."""
        if "permissions" in wanted:
            before = {item["on"]: item["permission"] for item in current.get("permissions") or []}
            after = {item["on"]: item["permission"] for item in wanted["permissions"] or []}
            for on, permission in after.items():
                grant = model.address(current["workspace"], "role", current["name"], on)
                if on not in before:
                    keeper.give(grant, permission)
                elif before[on] != permission:
                    keeper.change(grant, permission)
            for on in before.keys() - after.keys():
                keeper.take(model.address(current["workspace"], "role", current["name"], on))
        members = wanted["members"] if "members" in wanted else wanted.get("+members")
        if members is not None:
            there = set(current.get("members") or [])
            for username in sorted(set(members) - there):
                keeper.assign(current, username)
            for username in sorted(there - set(members)):
                keeper.unassign(current, username)

    def delete(self, server: Session, current: Entry) -> None:
        with permissions.writing(server) as keeper:
            keeper.delete_role(current)
