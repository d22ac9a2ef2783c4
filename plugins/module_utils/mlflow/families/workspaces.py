# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces. In the document an entry also holds the families that live in the workspace; those are not its fields."""

from __future__ import annotations

import re
import typing as t

from ...engine import marks
from ...engine.compare import Change
from ...engine.errors import RefusedError
from ...engine.family import Entry
from ...engine.http import quote
from .. import documents
from ..scoped import MlflowFamily
from ..session import Session

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_TAKEN = frozenset({"workspaces", "api", "ajax-api", "static-files"})
_ARCHIVAL = ("location", "retention")


class Workspaces(MlflowFamily):
    """Workspaces by name. Their marks are in the registry of the default one."""

    name = "workspaces"
    registered = True
    fields = {
        "name": documents.TEXT,
        "description": documents.TEXT,
        "default_artifact_root": documents.TEXT,
        "trace_archival_config": documents.MAP,
    }

    def entries(self, document: Entry) -> list[Entry]:
        return [{key: value for key, value in entry.items() if key in self.fields} for entry in super().entries(document)]

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            name = str(entry.get("name") or "")
            if name and (not _NAME.fullmatch(name) or not 2 <= len(name) <= 63 or name in _TAKEN):
                found.append(
                    f"{self.label(entry)}: no name for a workspace: 2 to 63 lower-case letters, digits and inner '-', and none of {', '.join(sorted(_TAKEN))}"
                )
            archival = entry.get("trace_archival_config")
            if isinstance(archival, dict):
                found += [f"{self.label(entry)}: trace_archival_config.{documents.unknown(key, _ARCHIVAL)}" for key in archival if key not in _ARCHIVAL]
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result = {}
        for name, item in server.workspaces().items():
            server.learn(self.name, name, name, item)
            result[name] = {
                "name": name,
                "description": item.get("description", ""),
                "default_artifact_root": item.get("default_artifact_root", ""),
                "trace_archival_config": {key: value for key, value in (item.get("trace_archival_config") or {}).items() if key in _ARCHIVAL},
            }
        return result

    def builtin(self, current: Entry) -> bool:
        return current["name"] == documents.DEFAULT

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        try:
            server.api.post("3.0/workspaces", **{key: value for key, value in entry.items() if value is not None})
        finally:
            server.forget_workspaces()  # also where the answer was lost, or another run was faster
        server.learn(self.name, entry["name"], entry["name"])

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        body: Entry = {}
        for change in changes:
            field, *inner = change.path
            if field == "trace_archival_config":
                archival = wanted.get(field) or {}
                touched = inner or _ARCHIVAL
                body[field] = {**body.get(field, {}), **{key: archival.get(key) or "" for key in touched}}
            else:
                body[field] = change.after or ""  # an empty text takes a field back to the server's default
        if body:
            server.api.patch(f"3.0/workspaces/{quote(current['name'])}", **body)
            server.forget_workspaces()

    def delete(self, server: Session, current: Entry) -> None:
        try:
            server.api.send("DELETE", f"3.0/workspaces/{quote(current['name'])}", {}, mode=server.workspace_content)
        except RefusedError as exc:
            if exc.code != "INVALID_STATE":
                raise
            raise RefusedError(
                f"workspace {current['name']} is not empty ({_what(exc)}; deleted experiments count until mlflow gc purges them on the server): "
                "say what becomes of it by workspace_content: move (to the default workspace) or delete (for good)",
                status=exc.status,
                code=exc.code,
            ) from exc
        server.forget_workspaces()


def _what(exc: RefusedError) -> str:
    found = re.search(r"table '(\w+)' still contains (\d+)", str(exc))
    return f"{found.group(2)} in {found.group(1)}" if found else "the server says so"
