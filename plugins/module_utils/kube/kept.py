# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether applying an object would change nothing: told from what the server shows of it, so that it is not sent again.

Server-side apply keeps, per manager, which fields it applied (metadata.managedFields). Nothing changes when these are the declared ones and have
the declared values: a field that somebody changed is no longer ours, one that left the declaration still is. Whatever cannot be told is sent.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and FieldsV1 in the API's reference.
"""

from __future__ import annotations

import json
import typing as t

Json = t.Any

# What the server takes out of the fields of a manager.
_UNOWNED = frozenset({"name", "namespace", "creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})


def is_kept(declared: Json, live: Json, manager: str) -> bool:
    """Whether the server would keep an object as it is.

    :param declared: what would be applied.
    :param live: the object as the server shows it, with its managedFields.
    :param manager: in whose name it would be applied.
    """
    entries = (live.get("metadata") or {}).get("managedFields") or []
    mine = [entry for entry in entries if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")]
    if len(mine) != 1 or mine[0].get("apiVersion") != declared["apiVersion"]:
        return False
    owned = mine[0].get("fieldsV1") or {}
    ours = {
        key: value for key, value in declared.items() if key not in ("apiVersion", "kind", "metadata") and not (key == "status" and "f:status" not in owned)
    }
    metadata = {key: value for key, value in (declared.get("metadata") or {}).items() if key not in _UNOWNED}
    return _are_same(owned, {**ours, **({"metadata": metadata} if metadata else {})}, live)


def _are_same(owned: Json, declared: Json, live: Json) -> bool:
    fields = {key: value for key, value in owned.items() if key != "."}
    if not fields:  # a value, or a list or map that is applied as a whole
        return _is_equal(declared, live)
    if isinstance(declared, dict) and isinstance(live, dict):
        names = {key[2:]: value for key, value in fields.items() if key.startswith("f:")}
        return len(names) == len(fields) == len(declared) and all(
            name in declared and name in live and _are_same(value, declared[name], live[name]) for name, value in names.items()
        )
    if isinstance(declared, list) and isinstance(live, list) and len(fields) == len(declared):
        return _items_are_same(fields, declared, live)
    return False


def _items_are_same(fields: Json, declared: list[Json], live: list[Json]) -> bool:
    """Items of a list that several managers may add to: named by some of their keys, or by their value."""
    places: list[tuple[int, int]] = []
    for field, value in fields.items():
        sort, _sep, name = field.partition(":")
        if sort not in ("k", "v"):
            return False
        wanted = json.loads(name)
        here, there = _place(declared, wanted), _place(live, wanted)
        if here is None or there is None or not (sort == "v" or _are_same(value, declared[here], live[there])):
            return False
        places.append((here, there))
    in_order = [there for _here, there in sorted(places)]
    return in_order == sorted(in_order)


def _place(items: list[Json], wanted: Json) -> int | None:
    """Where the one item of this value, or of these keys, is; a key that an item leaves to its default counts as having it."""
    if isinstance(wanted, dict):
        found = [
            number
            for number, item in enumerate(items)
            if isinstance(item, dict) and all(_is_equal(item.get(key, value), value) for key, value in wanted.items())
        ]
    else:
        found = [number for number, item in enumerate(items) if _is_equal(item, wanted)]
    return found[0] if len(found) == 1 else None


def _is_equal(one: Json, other: Json) -> bool:
    """Equality of JSON: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
