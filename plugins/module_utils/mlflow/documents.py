# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of an MLflow document: which keys it may have, and which objects live in which workspace. Pure.

Families stand at the top of the document (in the workspace that `workspace` names, else the server's default one) or inside an entry
of `workspaces`; an object may also name its workspace itself.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ..engine.family import Entry, Family

DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LOOKS_SCOPED = re.compile(r".*@[-a-z0-9]+", re.DOTALL)


class Kind(t.NamedTuple):
    """What a field of an entry may hold.

    :ivar types: types of its value; null is always allowed, for it removes.
    :ivar choices: the only values, if there are few.
    """

    types: tuple[type, ...]
    choices: tuple[t.Any, ...] = ()


TEXT = Kind((str,))
SCALAR = Kind((str, int, float, bool))
NUMBER = Kind((int, float))
WHOLE = Kind((int,))
FLAG = Kind((bool,))
LIST = Kind((list,))
MAP = Kind((dict,))
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a map"}


def key(name: str, workspace: str = "") -> str:
    """The key of an object in results and patterns: its name, followed by @workspace outside the default one."""
    if workspace in ("", DEFAULT):
        return f"{name}@{DEFAULT}" if _LOOKS_SCOPED.fullmatch(name) else name
    return f"{name}@{workspace}"


def split(found: str) -> tuple[str, str]:
    """Name and workspace (empty for the default one) of a key."""
    if not _LOOKS_SCOPED.fullmatch(found):
        return found, ""
    name, _sep, workspace = found.rpartition("@")
    return name, _plain(workspace)


def sections(document: Entry) -> t.Iterator[tuple[str, Entry]]:
    """The parts of a document that hold families, each with its workspace (empty for the default one)."""
    yield _plain(document.get("workspace")), document
    for entry in _dicts(document.get("workspaces")):
        yield _plain(entry.get("name")), entry


def listed(section: Entry, path: t.Sequence[str]) -> list[Entry]:
    """The entries of a family in a section; none where there is something else (problems() says so)."""
    value: t.Any = section
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return _dicts(value)


def within(document: Entry, path: t.Sequence[str]) -> list[Entry]:
    """All entries of a family, each with its workspace in it."""
    return [{**entry, "workspace": _plain(entry.get("workspace") or workspace)} for workspace, section in sections(document) for entry in listed(section, path)]


def scopes(document: Entry, keys: t.Iterable[str], whole: bool) -> list[str]:
    """Workspaces to look for objects in, sorted; empty text for the default one.

    :param keys: of the objects that are asked for.
    :param whole: look everywhere the document speaks of, for what is no longer declared there. Its top counts when it names any family,
        or when there are no workspaces in it: a document that only fills workspaces says nothing about the default one.
    """
    found = {split(key)[1] for key in keys}
    if whole:
        found |= {_plain(entry.get("name")) for entry in _dicts(document.get("workspaces"))}
        if not document.get("workspaces") or set(document) - {"workspaces", "workspace"}:
            found.add(_plain(document.get("workspace")))
    return sorted(found)


def workspaces(document: Entry) -> set[str]:
    """Workspaces the document speaks of, other than the default one."""
    found = {workspace for workspace, _section in sections(document)}
    for _workspace, section in sections(document):
        for value in section.values():
            for inner in [value, *(value.values() if isinstance(value, dict) else ())]:
                found |= {_plain(entry.get("workspace")) for entry in _dicts(inner)}
    return found - {""}


def made(document: Entry) -> set[str]:
    """Workspaces the document declares."""
    return {str(entry.get("name")) for entry in _dicts(document.get("workspaces"))}


def problems(document: Entry, families: t.Sequence[Family]) -> list[str]:
    """Unknown keys and wrong shapes of the document itself; the families look at their own entries."""
    scoped = [family for family in families if getattr(family, "scoped", False)]
    found = _section_problems("", document, [*families], {"workspace"})
    if not isinstance(document.get("workspace") or "", str) or not _NAME.fullmatch(str(document.get("workspace") or DEFAULT)):
        found.append(f"workspace: {document.get('workspace')!r} is no name of a workspace: lower-case letters, digits and '-' inside")
    own = getattr(next((family for family in families if family.name == "workspaces"), None), "fields", {})
    for entry in _dicts(document.get("workspaces")):
        found += _section_problems(f"workspaces/{entry.get('name')}: ", {name: value for name, value in entry.items() if name not in own}, scoped, set())
    return found


def _section_problems(where: str, section: Entry, families: t.Sequence[Family], others: set[str]) -> list[str]:
    paths = [tuple(getattr(family, "path", (family.name,))) for family in families]
    found = []
    for name, value in section.items():
        if name in others:
            continue
        inner = [path for path in paths if path[0] == name]
        if not inner:
            found.append(f"{where}{unknown(name, {path[0] for path in paths} | others)}")
        elif len(inner[0]) == 1:
            found += _list_problems(f"{where}{name}", value)
        elif not isinstance(value, dict):
            found.append(f"{where}{name}: expected a map of {', '.join(path[1] for path in inner)}")
        else:
            known = {path[1] for path in inner}
            for part, entries in value.items():
                found += _list_problems(f"{where}{name}.{part}", entries) if part in known else [f"{where}{name}.{unknown(part, known)}"]
    return found


def _list_problems(where: str, value: t.Any) -> list[str]:
    if value is None or (isinstance(value, list) and all(isinstance(entry, dict) for entry in value)):
        return []
    return [f"{where}: expected a list of objects, each a map with its name"]


def unknown(name: str, known: t.Collection[str]) -> str:
    """A line about a key that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(str(name), sorted(known), 1)
    return f"{name} is not a known key: {f'did you mean {near[0]}?' if near else 'known are ' + ', '.join(sorted(known))}"


def entry_problems(label: str, entry: Entry, fields: t.Mapping[str, Kind], required: t.Collection[str] = ("name",)) -> list[str]:
    """What is wrong with the keys and types of one entry."""
    found = [f"{label}: {name} is missing" for name in required if entry.get(name) in (None, "")]
    for name, value in entry.items():
        kind = fields.get(name)
        if kind is None:
            if name != "workspace":
                found.append(f"{label}: {unknown(name, fields)}")
        elif value is None:
            continue
        elif not isinstance(value, kind.types) or (isinstance(value, bool) and bool not in kind.types):
            found.append(f"{label}: {name} is {type(value).__name__}, expected {' or '.join(_NAMES.get(kind_of, kind_of.__name__) for kind_of in kind.types)}")
        elif kind.choices and value not in kind.choices:
            found.append(f"{label}: {name} is {value!r}, expected one of {', '.join(map(str, kind.choices))}")
    workspace = entry.get("workspace") or DEFAULT
    if not isinstance(workspace, str) or not _NAME.fullmatch(workspace):
        found.append(f"{label}: {workspace!r} is no name of a workspace: lower-case letters, digits and '-' inside")
    return found


def _plain(workspace: t.Any) -> str:
    return "" if workspace in (None, "", DEFAULT) else str(workspace)


def _dicts(value: t.Any) -> list[Entry]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
