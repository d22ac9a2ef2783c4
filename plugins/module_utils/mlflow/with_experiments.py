# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that are shown with several experiments (datasets, prompts): declared by name, kept by the server by number."""

from __future__ import annotations

import typing as t

from ..engine.family import Entry
from . import documents

if t.TYPE_CHECKING:
    from .session import Session

FIELDS: dict[str, documents.Kind] = {"experiments": documents.LIST, "+experiments": documents.LIST}


def names(entry: Entry) -> list[str]:
    """The experiments that an object is declared with."""
    return [*(entry.get("experiments") or []), *(entry.get("+experiments") or [])]


def are_declared(entry: Entry) -> bool:
    """Whether its experiments are anybody's business."""
    return bool(set(FIELDS) & set(entry))


def missing(label: str, entry: Entry, server: Session) -> list[str]:
    """Problems with experiments that are neither declared nor there."""
    declared = {(one["workspace"], str(one.get("name"))) for one in documents.within(server.document, ("experiments",))}
    return [
        f"{label}: there is no experiment {name!r}: declare it under experiments, or correct the name"
        for name in names(entry)
        if (entry["workspace"], name) not in declared and not server.experiment_id(entry["workspace"], name)
    ]


def named(server: Session, wanted: Entry, numbers: t.Iterable[t.Any]) -> list[str]:
    """The server's numbers by the names that are declared; #number where none is."""
    known = {server.experiment_id(wanted["workspace"], name): name for name in names(wanted)}
    return [known.get(str(number), f"#{number}") for number in numbers]


def told(server: Session, numbers: t.Iterable[t.Any]) -> Entry:
    """The field of a document that says so much, where everything is told: what is shown with a deleted experiment too can only be added to."""
    names = [server.told_experiment(number) for number in numbers]
    return {"experiments" if all(names) else "+experiments": list(filter(None, names))}


def number(server: Session, workspace: str, name: str) -> str:
    """The opposite of named()."""
    return name[1:] if name.startswith("#") else str(server.experiment_id(workspace, name))
