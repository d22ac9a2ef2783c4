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
from ..references import dangling, group, group_id, write_roles
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
            found += flat(entry, "")
        return sorted(found, key=self.stage)

    def key(self, entry: Entry) -> str:
        return str(entry["path"])

    def stage(self, entry: Entry) -> int:
        return str(entry.get("path") or "").replace("~/", "").count("/")

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        there = snapshot[self.name]
        for key, entry in entries.items():
            parent = parent_of(key)
            if parent and parent not in entries and parent not in there and server.realm and group_id(server, parent) is None:
                found.append(f"groups{key}: its parent {parent} does not exist: declare it with this group in its subGroups")
            found += dangling(server, f"groups{key}", entry, there.get(key))
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        found: dict[str, Entry] = {}
        if server.few(self, keys):
            server.each(lambda key: self._take(key, group(server, key), found), list(keys))
        else:
            # The star finds every group, and so the answer holds whole trees: one request, where asking for children takes one for each group.
            for tree in server.api.get("/groups", search="*", populateHierarchy=True, briefRepresentation=False) or []:
                self.walk(tree, "", found)
        for path, one in found.items():
            server.learn(self.name, path, str(one["id"]))
        return found

    def walk(self, tree: Entry, parent: str, found: dict[str, Entry]) -> None:
        """Takes a group and all that is below it."""
        path = f"{parent}/{_step(tree)}"
        self._take(path, tree, found)
        for child in tree.get("subGroups") or []:
            self.walk(child, path, found)

    def _take(self, path: str, one: Entry | None, found: dict[str, Entry]) -> None:
        if one:
            found[path] = {**without(one, "subGroups"), "path": path, **names_sorted({key: one.get(key) or _NONE[key] for key in _MAPPED})}

    def base(self, server: Session, entry: Entry) -> str:
        """Where the groups are to which this one belongs."""
        del server, entry
        return "/groups"

    def above(self, server: Session, parent: str) -> str | None:
        """The identifier of a group that holds others; None where it is not there."""
        return group_id(server, parent)

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        path, base = self.key(entry), self.base(server, entry)
        parent = parent_of(path)
        above = self.above(server, parent) if parent_of(str(entry["path"])) else ""
        if above is None:
            raise EngineError(f"group {parent} does not exist: declare it with {path} in its subGroups")
        first = marks.first(mark, entry, *_MAPPED)
        identifier = server.api.post(f"{base}/{above}/children" if above else base, body_of(entry, first))
        server.learn(self.name, path, identifier)
        write_roles(server, f"{base}/{identifier}/role-mappings", {}, entry)
        if first is not mark:
            server.api.put(f"{base}/{identifier}", {**body_of(entry, mark), "id": identifier})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        path = f"{self.base(server, current)}/{current['id']}"
        fields = {change.path[0] for change in changes}
        if fields & set(_MAPPED):
            write_roles(server, f"{path}/role-mappings", current, wanted)
        if mark is not None or fields - set(_MAPPED):
            body = body_of(wanted, mark)
            if "description" in fields:
                body.setdefault("description", "")
            server.api.put(path, {**body, "id": current["id"]})

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"{self.base(server, current)}/{current['id']}")
        server.forget(self.name, self.key(current))


_NONE: dict[str, t.Any] = {"realmRoles": [], "clientRoles": {}}


def body_of(entry: Entry, mark: marks.Mark | None) -> Entry:
    """A group as Keycloak takes it."""
    body = without(entry, "path", "subGroups", "subGroupCount", "access", "parentId", "organization", *_MAPPED)
    return {**body, "attributes": with_mark_in_lists(entry.get("attributes"), mark)}


def _step(group: Entry) -> str:
    """A group's name as a step of a path; Keycloak writes a slash in it as ~/."""
    return str(group.get("name")).replace("/", "~/")


def parent_of(path: str) -> str:
    """The path of the group above this one; empty for none."""
    steps = path.replace("~/", "\0").split("/")
    return "/".join(steps[:-1]).replace("\0", "~/")


def flat(entry: t.Any, parent: str) -> list[t.Any]:
    """A declared group and all below it, each with its path."""
    if not isinstance(entry, dict) or not entry.get("name"):
        return [entry] if isinstance(entry, dict) else [{"name": None, "path": ""}]
    path = f"{parent}/{_step(entry)}"
    if not parent and entry.get("path"):  # a group of a tree whose upper part is not declared
        path = "/" + str(entry["path"]).strip("/")
    own = {**without(entry, "id", "path", "parentId", "subGroups", "subGroupCount", "access"), "path": path}
    for key in ("realmRoles", "+realmRoles", "clientRoles"):
        if own.get(key) is not None:
            own[key] = names_sorted(own[key])
    return [own, *(below for child in entry.get("subGroups") or [] for below in flat(child, path))]


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
        declared = {entry["path"] for entry in Groups().entries(server.declared)}
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
