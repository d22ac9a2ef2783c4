# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that get another name and keep everything else. Pure."""

from __future__ import annotations

import typing as t

from ..engine.family import Entry
from . import documents

FIELD = "rename_from"


def asked(declared: t.Mapping[str, Entry], keys: t.Collection[str], workspace: str) -> list[str]:
    """Names to look for in a workspace: those of these keys, and the earlier ones of what is declared under them."""
    found = [name for name, where in map(documents.split, keys) if where == workspace]
    return found + [str(declared[key][FIELD]) for key in keys if declared.get(key, {}).get(FIELD) and declared[key]["workspace"] == workspace]


def keys(declared: t.Mapping[str, Entry], names: t.Iterable[str], workspace: str) -> dict[str, str]:
    """Keys of the server's objects of a workspace by their names: an object that is to get another name has the key of that one.

    What has the new name already is the declared object, and whatever has the old one is left alone.
    """
    found = {name: documents.key(name, workspace) for name in names}
    for key, entry in declared.items():
        if entry.get(FIELD) in found and entry["workspace"] == workspace and entry["name"] not in found:
            found[entry[FIELD]] = key
    return found


def problems(label: t.Callable[[Entry], str], entries: t.Sequence[Entry]) -> list[str]:
    """Old names that are declared as well, or that several new ones want."""
    taken = {(entry.get("name"), entry["workspace"]): "is declared too: keep one of the two" for entry in entries}
    found = []
    for entry in entries:
        old = (entry.get(FIELD), entry["workspace"])
        if entry.get(FIELD) and old in taken:
            found.append(f"{label(entry)}: {FIELD} names {old[0]!r}, which {taken[old]}")
        taken.setdefault(old, f"{label(entry)} wants as well: leave it out of one")
    return found
