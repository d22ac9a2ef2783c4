# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a declared object and a server's, and what to write so that nothing does. Pure.

Only what is declared counts: a key that the document does not name is the server's business (merge), or goes back to its default
(exact). `null` removes a key. `+key` adds to a list instead of replacing it. A masked secret means "unknown: keep".
"""

from __future__ import annotations

import copy
import typing as t

Json = t.Any
Path = tuple[str, ...]

MASK = "**********"
OURS = "ansible."  # keys of our own marks
_MISSING = object()


class Rules(t.NamedTuple):
    """How the fields of one family of objects are compared. Fields are named by their key, at whatever depth.

    :ivar ignored: fields of the object itself, and of its children in keyed lists, that are the server's own.
    :ivar sets: lists whose order means nothing.
    :ivar strings: maps whose values the server keeps as text.
    :ivar string_lists: maps whose values the server keeps as lists of text.
    :ivar keyed: lists of objects that are told apart by this key of theirs.
    :ivar secrets: keys whose values are secret; a server may mask them or never return them.
    :ivar opaque: fields compared as a whole: a key that the document leaves out is removed.
    :ivar defaults: what the server fills into a field of the object itself that nobody sets, for exact.
    :ivar masked: the server shows a mask for every secret it holds: one that is not there at all is missing.
    """

    ignored: frozenset[str] = frozenset({"id"})
    sets: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    string_lists: frozenset[str] = frozenset()
    keyed: t.Mapping[str, str] = {}
    secrets: frozenset[str] = frozenset()
    opaque: frozenset[str] = frozenset()
    defaults: t.Mapping[str, Json] = {}
    masked: bool = False


class Change(t.NamedTuple):
    """One field that differs.

    :ivar path: from the object to the field; an entry of a keyed list is named by its key.
    :ivar before: the server's value; None where it has none.
    :ivar after: the declared value; None where it is to go.
    :ivar secret: the values are never shown.
    :ivar unknown: the server does not tell its value (masked or write-only), so whether it differs is not known from it.
    """

    path: Path
    before: Json
    after: Json
    secret: bool = False
    unknown: bool = False

    @property
    def field(self) -> str:
        return ".".join(self.path)


def text(value: Json) -> str:
    """A scalar as the servers write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def normalised(entry: Json, rules: Rules, parent: str = "") -> Json:
    """A declared object with the types the server keeps: text in text maps, lists in list maps. Masks and our own marks are dropped."""
    if isinstance(entry, dict):
        result: dict[str, Json] = {}
        for key, value in entry.items():
            if is_mask(value) or key.startswith(OURS):  # what was read from a server comes with both
                continue
            if parent in rules.strings and value is not None and not isinstance(value, (dict, list)):
                value = text(value)
            elif parent in rules.string_lists and value is not None:
                value = [text(item) for item in (value if isinstance(value, list) else [value])]
            result[key] = normalised(value, rules, key)
        return result
    if isinstance(entry, list):
        return [normalised(item, rules, "") for item in entry]
    return entry


def is_mask(value: Json) -> bool:
    """Whether a value only says that there is one."""
    return value in (MASK, [MASK])


def _empty(value: Json) -> bool:
    return value is None or value == "" or value == [] or value == {}


def same(one: Json, other: Json, as_set: bool = False) -> bool:
    """Whether two values mean the same; numbers and booleans may be given as text."""
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return False
        if as_set:
            return sorted(map(_sortable, one)) == sorted(map(_sortable, other))
        return all(same(left, other[index]) for index, left in enumerate(one))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if type(one) in (int, float) and type(other) in (int, float):
        return bool(one == other)
    if type(one) is not type(other) and isinstance(one, (str, bool, int, float)) and isinstance(other, (str, bool, int, float)):
        return text(one) == text(other)
    return bool(one == other)


def _sortable(value: Json) -> str:
    return repr(sorted(value.items(), key=lambda item: item[0])) if isinstance(value, dict) else text(value)


def _by_key(entries: Json, key: str) -> dict[str, Json]:
    return {str(entry.get(key)): entry for entry in entries or [] if isinstance(entry, dict)}


def differences(desired: Json, current: Json, rules: Rules, exact: bool = False) -> list[Change]:
    """What has to change so that the server's object is as declared.

    :param desired: normalised.
    :param current: the server's object.
    :param exact: fields that are not declared differ too where they are not at their defaults.
    """
    found: list[Change] = []
    _compare((), "", desired, current, rules, exact, found)
    return found


def _is_single(value: Json) -> bool:
    """A scalar, or the list of one that some maps keep it in."""
    if isinstance(value, list):
        return len(value) == 1 and not isinstance(value[0], (dict, list))
    return not isinstance(value, dict)


def _compare(path: Path, name: str, desired: Json, current: Json, rules: Rules, exact: bool, found: list[Change]) -> None:
    if _is_single(desired) and (name in rules.secrets or is_mask(current)):
        if current is _MISSING or current is None or is_mask(current):
            missing = current is None or (current is _MISSING and rules.masked)
            found.append(Change(path, None, desired, secret=True, unknown=not missing))
        elif not same(desired, current):
            found.append(Change(path, current, desired, secret=True))
        return
    if isinstance(desired, dict) and name not in rules.opaque:
        _compare_maps(path, name, desired, current if isinstance(current, dict) else {}, rules, exact, found)
    elif isinstance(desired, list) and name in rules.keyed:
        key = rules.keyed[name]
        there = _by_key(None if current is _MISSING else current, key)
        for entry in desired:
            _compare((*path, str(entry.get(key))), "", entry, there.get(str(entry.get(key)), _MISSING), rules, exact, found)
        if exact:
            declared = _by_key(desired, key)
            found.extend(Change((*path, label), entry, None) for label, entry in there.items() if label not in declared)
    elif desired is None:
        if current is not _MISSING and not _empty(current):
            found.append(Change(path, current, None))
    elif _empty(desired) and (current is _MISSING or _empty(current)):
        pass
    elif current is _MISSING or not same(desired, current, name in rules.sets):
        found.append(Change(path, None if current is _MISSING else current, desired))


def _compare_maps(path: Path, name: str, desired: dict[str, Json], current: dict[str, Json], rules: Rules, exact: bool, found: list[Change]) -> None:
    top, own = not path, name == ""
    seen = set()
    for key, value in desired.items():
        field = key[1:] if key.startswith("+") and isinstance(value, list) else key
        seen.add(field)
        if own and field in rules.ignored:
            continue
        there = current.get(field, _MISSING)
        if field != key:
            have = there if isinstance(there, list) else []
            value = have + [item for item in value if not any(same(item, other) for other in have)]
        _compare((*path, field), field, value, there, rules, exact, found)
    if not exact:
        return
    for key, there in current.items():
        if key in seen or (own and key in rules.ignored) or key in rules.secrets or key.startswith(OURS):
            continue
        default = rules.defaults.get(key) if top else None
        if isinstance(there, dict):
            there = {name: value for name, value in there.items() if not name.startswith(OURS)}
        if there is False and not top:
            continue  # servers fill in switches of children, and those are off
        if not (_empty(there) and _empty(default)) and not same(there, default, key in rules.sets):
            found.append(Change((*path, key), there, default))


def merged(current: Json, desired: Json, rules: Rules, changes: t.Iterable[Change] = ()) -> dict[str, Json]:
    """The server's object with the declared fields in it and with what exact mode resets reset: what to send where an API wants it whole."""
    result = copy.deepcopy(current)
    _lay_over(result, desired, rules)
    for change in changes:
        if change.after is None or change.path[0] not in desired:
            _reset(result, change, rules)
    return result


def _lay_over(target: dict[str, Json], desired: dict[str, Json], rules: Rules) -> None:
    for key, value in desired.items():
        if key.startswith("+") and isinstance(value, list):
            have = target.get(key[1:]) or []
            target[key[1:]] = have + [item for item in value if not any(same(item, other) for other in have)]
        elif isinstance(value, dict) and key not in rules.opaque and isinstance(target.get(key), dict):
            _lay_over(target[key], value, rules)
        elif isinstance(value, list) and key in rules.keyed:
            name = rules.keyed[key]
            there = _by_key(target.get(key), name)
            for entry in value:
                label = str(entry.get(name))
                if label in there:
                    _lay_over(there[label], entry, rules)
                else:
                    there[label] = copy.deepcopy(entry)
            target[key] = list(there.values())
        elif value is None:
            target.pop(key, None)
        else:
            target[key] = copy.deepcopy(value)


def _reset(target: Json, change: Change, rules: Rules) -> None:
    *folders, last = change.path
    parent = ""
    for step in folders:
        if isinstance(target, list):
            target = _by_key(target, rules.keyed.get(parent, "name")).get(step)
        else:
            target, parent = target.get(step), step
        if target is None:
            return
    if isinstance(target, list):
        key = rules.keyed.get(parent, "name")
        target[:] = [entry for entry in target if str(entry.get(key)) != last]
    elif change.after is None:
        target.pop(last, None)
    else:
        target[last] = copy.deepcopy(change.after)
