# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What families share whose objects belong to an experiment: they are named within it, and listed one experiment at a time."""

from __future__ import annotations

import typing as t

from ..engine.compare import Json
from ..engine.family import Entry
from . import documents
from .scoped import ScopedFamily

if t.TYPE_CHECKING:
    from .session import Session

Place = tuple[str, str, str]  # workspace, name and identifier of an experiment


class ExperimentFamily(ScopedFamily):
    """Objects by the name of their experiment and their own, as experiment/name.

    :cvar since: the first version of MLflow that has them.
    """

    required: t.ClassVar[tuple[str, ...]] = ("experiment", "name")
    registered = True
    since: t.ClassVar[tuple[int, int]]

    def key(self, entry: Entry) -> str:
        return documents.key(f"{entry.get('experiment') or ''}/{entry.get('name') or ''}", str(entry.get("workspace") or ""))

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        # As they stand in the document: entries() may give them another shape.
        return super().problems(documents.within(document, self.path), document)

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        if entries and not server.since(*self.since):
            return [f"{self.name} are known since MLflow {self.since[0]}.{self.since[1]}: leave them out, or upgrade the server"]
        declared = {(entry["workspace"], str(entry.get("name"))) for entry in documents.within(server.document, ("experiments",))}
        found = []
        for key, entry in entries.items():
            there = (entry["workspace"], entry["experiment"]) in declared or server.experiment_id(entry["workspace"], entry["experiment"])
            if not there:
                found.append(f"{self.name}/{key}: there is no experiment {entry['experiment']!r}: declare it under experiments, or correct the name")
        return found

    def places(self, server: Session, keys: t.Collection[str]) -> list[Place]:
        """The experiments to look into: those that the document, these keys or our marks speak of, as far as they are there."""
        if not server.since(*self.since):
            return []
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
    return server.at(workspace).pages(path, field, 1000, experiment_id=experiment)
