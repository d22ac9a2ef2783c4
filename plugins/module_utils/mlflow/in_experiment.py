# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What families share whose objects belong to an experiment: they are named within it, and listed one experiment at a time."""

from __future__ import annotations

import typing as t

from ..engine.compare import Json
from ..engine.errors import RefusedError
from ..engine.family import Entry
from . import documents
from .scoped import ScopedFamily

if t.TYPE_CHECKING:
    from .session import Session

Place = tuple[str, str, str]  # workspace, name and identifier of an experiment


class ExperimentFamily(ScopedFamily):
    """Objects by the name of their experiment and their own, as experiment/name."""

    required: t.ClassVar[tuple[str, ...]] = ("experiment", "name")
    registered = True

    def key(self, entry: Entry) -> str:
        return documents.key(f"{entry.get('experiment') or ''}/{entry.get('name') or ''}", str(entry.get("workspace") or ""))

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        # As they stand in the document: entries() may give them another shape.
        return super().problems(documents.within(document, self.path), document)

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        declared = {(entry["workspace"], str(entry.get("name"))) for entry in documents.within(server.document, ("experiments",))}
        found = []
        seen: dict[tuple[str, str], str] = {}
        for key, entry in entries.items():
            place = (entry["workspace"], entry["experiment"])
            if place in declared or key in snapshot[self.name]:
                continue
            if place not in seen:
                seen[place] = self._missing(server, *place)
            if seen[place]:
                found.append(f"{self.name}/{key}: {seen[place]}")
        return found

    def _missing(self, server: Session, workspace: str, experiment: str) -> str:
        """Why nothing can be put into an experiment; empty if it can."""
        number = server.experiment_id(workspace, experiment)
        if not number:
            return f"there is no experiment {experiment!r}: declare it under experiments, or correct the name"
        there = server.at(workspace).get("2.0/experiments/get", experiment_id=number).get("experiment") or {}
        return f"the experiment {experiment!r} is deleted: declare it under experiments, which restores it" if there.get("lifecycle_stage") == "deleted" else ""

    def places(self, server: Session, keys: t.Collection[str]) -> list[Place]:
        """The experiments to look into: those that the document, these keys or our marks speak of, as far as they are there; all where all is told."""
        if not server.since(*self.since):
            return []
        if server.tells:
            return [(workspace, name, number) for workspace in server.scopes(self, keys) for number, name in server.active_experiments(workspace).items()]
        declared = server.declared(self)
        names = {(str(entry["workspace"]), str(entry["experiment"])) for entry in declared.values()}
        others = set(keys) - set(declared)
        for workspace in server.scopes(self, keys) if self.name in server.pruned else []:
            others |= set(server.registry(workspace).names(self.name))
        for key in others:
            text, workspace = documents.split(key)
            # Both names may have slashes: the experiment that is there decides.
            names |= {(workspace, text[:at]) for at, letter in enumerate(text) if letter == "/" and at}
        found = ((workspace, name, server.experiment_id(workspace, name)) for workspace, name in sorted(names) if server.is_there(workspace))
        return [(workspace, name, number) for workspace, name, number in found if number]

    def experiment(self, server: Session, entry: Entry) -> str:
        """The identifier of the experiment of a declared object, which is there by the time it is written."""
        return str(server.experiment_id(entry["workspace"], entry["experiment"]))


def pages(server: Session, workspace: str, path: str, field: str, experiment: str) -> list[Json]:
    """A list of one experiment to its end."""
    return of_active(lambda: server.at(workspace).pages(path, field, 1000, experiment_id=experiment))


def of_active(ask: t.Callable[[], list[Json]]) -> list[Json]:
    """What an experiment has; nothing where it is deleted, for it may be restored by the time anything is written."""
    try:
        return ask()
    except RefusedError as exc:
        if exc.code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_STATE") or (exc.status == 400 and "deleted" in str(exc)):
            return []
        raise
