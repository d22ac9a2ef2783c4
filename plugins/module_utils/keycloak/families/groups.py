# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups, nested to any depth, with the roles they give; and the groups every new user joins."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.errors import EngineError
from ...engine.family import Entry
from ..base import Base, names_sorted, with_mark_in_lists, without
from ..references import dangling, group_id, write_roles
from ..session import Session

_MAPPED = ("realmRoles", "clientRoles")


class Groups(Base):
    """`groups`: the tree, each group an object of its own that is called by its path."""

    name = "groups"
    known = frozenset({"id", "name", "description", "path", "parentId", "subGroupCount", "subGroups", "attributes", "realmRoles", "clientRoles", "access"})
    rules = Rules(
        ignored=frozenset({"id", "path", "parentId", "subGroups", "subGroupCount", "access"}),
        sets=frozenset({"realmRoles"}),
        string_lists=frozenset({"attributes"}),
    )

    def entries(self, document: Entry) -> list[Entry]:
        found: list[Entry] = []
        for entry in document.get(self.name) or []:
            found += _flat(entry, "")
        return sorted(found, key=self.stage)

    def key(self, entry: Entry) -> str:
        return str(entry["path"])

    def stage(self, entry: Entry) -> int:
        return str(entry.get("path") or "").replace("~/", "").count("/")

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        there = snapshot[self.name]
        for key, entry in entries.items():
            parent = _parent(key)
            if parent and parent not in entries and parent not in there and server.realm:
                found.append(f"groups{key}: its parent {parent} does not exist: declare it with this group in its subGroups")
            found += dangling(server, f"groups{key}", entry, there.get(key))
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        found: dict[str, Entry] = {}
        # The star finds every group, and so the answer holds whole trees: one request, where asking for children takes one for each group.
        for tree in server.api.get("/groups", search="*", populateHierarchy=True, briefRepresentation=False) or []:
            self._walk(tree, "", found)
        for path, group in found.items():
            server.learn(self.name, path, str(group["id"]))
        return found

    def _walk(self, group: Entry, parent: str, found: dict[str, Entry]) -> None:
        path = f"{parent}/{_step(group)}"
        found[path] = {**without(group, "subGroups"), "path": path, **names_sorted({key: group.get(key) or _NONE[key] for key in _MAPPED})}
        for child in group.get("subGroups") or []:
            self._walk(child, path, found)

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        path = self.key(entry)
        parent = _parent(path)
        above = group_id(server, parent) if parent else ""
        if above is None:
            raise EngineError(f"group {parent} does not exist: declare it with {path} in its subGroups")
        body = {**without(entry, "path", *_MAPPED), "attributes": with_mark_in_lists(entry.get("attributes"), mark)}
        identifier = server.api.post(f"/groups/{above}/children" if above else "/groups", body)
        server.learn(self.name, path, identifier)
        write_roles(server, f"/groups/{identifier}/role-mappings", {}, entry)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        path = f"/groups/{current['id']}"
        fields = {change.path[0] for change in changes}
        if mark is not None or fields - set(_MAPPED):
            body = without(wanted, "path", "subGroups", "subGroupCount", "access", "parentId", *_MAPPED)
            if "description" in fields:
                body.setdefault("description", "")
            server.api.put(path, {**body, "id": current["id"], "attributes": with_mark_in_lists(wanted.get("attributes"), mark)})
        if fields & set(_MAPPED):
            write_roles(server, f"{path}/role-mappings", current, wanted)

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/groups/{current['id']}")
        server.forget(self.name, str(current["path"]))


_NONE: dict[str, t.Any] = {"realmRoles": [], "clientRoles": {}}


def _step(group: Entry) -> str:
    """A group's name as a step of a path; Keycloak writes a slash in it as ~/."""
    return str(group.get("name")).replace("/", "~/")


def _parent(path: str) -> str:
    steps = path.replace("~/", "\0").split("/")
    return "/".join(steps[:-1]).replace("\0", "~/")


def _flat(entry: t.Any, parent: str) -> list[t.Any]:
    if not isinstance(entry, dict) or not entry.get("name"):
        return [entry] if isinstance(entry, dict) else [{"name": None, "path": ""}]
    path = f"{parent}/{_step(entry)}"
    if not parent and entry.get("path"):  # a group of a tree whose upper part is not declared
        path = "/" + str(entry["path"]).strip("/")
    own = {**without(entry, "id", "path", "parentId", "subGroups", "subGroupCount", "access"), "path": path}
    for key in ("realmRoles", "+realmRoles", "clientRoles"):
        if own.get(key) is not None:
            own[key] = names_sorted(own[key])
    return [own, *(below for child in entry.get("subGroups") or [] for below in _flat(child, path))]


class DefaultGroups(Base):
    """`defaultGroups`: paths of the groups that every new user joins."""

    name = "defaultGroups"
    prunable = False
    registered = True
    parallel = False
    rules = Rules(sets=frozenset({"defaultGroups"}))

    def entries(self, document: Entry) -> list[Entry]:
        found = {key: [_path(path) for path in document[key]] for key in (self.name, f"+{self.name}") if isinstance(document.get(key), list)}
        return [found] if found else []

    def key(self, entry: Entry) -> str:
        return "realm"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        return []

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if not server.realm:
            return []
        declared = {group["path"] for group in Groups().entries(server.declared)}
        had = set((snapshot[self.name].get("realm") or {}).get(self.name) or [])
        return [
            f"{self.name}: group {path} does not exist: declare it under groups, or check its path"
            for entry in entries.values()
            for path in sorted({path for paths in entry.values() for path in paths} - had - declared)
            if group_id(server, path) is None
        ]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        # The first look has just read the realm; later ones must not trust it.
        realm = server.realm if not server.wrote(self.name) else server.api.find("") or {}
        return {"realm": {self.name: sorted(realm.get(self.name) or [])}} if realm else {}

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        there = self.read(server, ())["realm"][self.name]
        self._put(server, [*(there if f"+{self.name}" in entry else []), *(path for paths in entry.values() for path in paths)])

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            self._put(server, wanted.get(self.name) or [])

    def _put(self, server: Session, paths: t.Sequence[str]) -> None:
        server.note_write(self.name)
        server.api.put("", {"realm": server.api.realm, self.name: sorted(set(paths))})


def _path(path: t.Any) -> str:
    return "/" + str(path).strip("/")
