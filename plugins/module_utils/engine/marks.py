# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ownership marks: which document an object on the server belongs to, and what of it was applied last.

A mark is two or three short texts, kept on the object itself where it has a place for them.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from . import secrets
from .compare import Json, Rules, text

OWNER = "ansible.owner"
APPLIED = "ansible.applied"
SECRETS = "ansible.secrets"
KEYS = frozenset({OWNER, APPLIED, SECRETS})


class Mark(t.NamedTuple):
    """An ownership mark.

    :ivar owner: who declared the object last.
    :ivar applied: hash of every declared field as it was applied, so that drift can be told from a pending change.
    :ivar secrets: keyed hash of every declared secret the server does not return.
    """

    owner: str
    applied: t.Mapping[str, str] = {}
    secrets: t.Mapping[str, str] = {}

    def texts(self) -> dict[str, str]:
        """The mark as keys and values for a map of texts."""
        result = {OWNER: self.owner, APPLIED: _packed(self.applied)}
        if self.secrets:
            result[SECRETS] = _packed(self.secrets)
        return result

    def without(self, *fields: str) -> Mark:
        """The mark for a request that later ones follow with these fields: until then, what is missing of them is pending, and no drift."""
        left = {field: value for field, value in self.applied.items() if field.lstrip("+") not in fields}
        return self if len(left) == len(self.applied) else self._replace(applied=left)


def first(mark: Mark | None, entry: t.Mapping[str, t.Any], *later: str) -> Mark | None:
    """The mark for the request that makes an object; the same one, where none of the fields that come later is declared."""
    return mark.without(*(field for field in later if entry.get(field))) if mark else None


def _packed(values: t.Mapping[str, str]) -> str:
    return json.dumps(dict(values), separators=(",", ":"), sort_keys=True)


def _unpacked(value: str) -> dict[str, str]:
    try:
        found = json.loads(value)
    except ValueError:
        return {}  # somebody edited it: what it said is unknown, the owner is not
    return {str(key): str(item) for key, item in found.items()} if isinstance(found, dict) else {}


def read(texts: t.Mapping[str, t.Any] | None) -> Mark | None:
    """The mark in a map of texts (or of lists of one text); None where there is none."""
    found = {}
    for key in KEYS:
        value = (texts or {}).get(key)
        found[key] = str(value[0] if isinstance(value, list) and value else value or "")
    if not found[OWNER]:
        return None
    return Mark(found[OWNER], _unpacked(found[APPLIED]), _unpacked(found[SECRETS]))


def field_hash(name: str, value: Json, rules: Rules) -> str:
    """Hash of a declared field without its secrets."""
    plain = _canonical(secrets.redacted(value, rules.secrets), rules, name)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:10]


def _canonical(value: Json, rules: Rules, name: str) -> Json:
    """A value in which what compares as the same is the same: sets in order, scalars as text."""
    if isinstance(value, dict):
        return {key: _canonical(item, rules, key) for key, item in value.items()}
    if isinstance(value, list):
        items = [_canonical(item, rules, "") for item in value]
        return sorted(items, key=repr) if name.removeprefix("+") in rules.sets else items
    return value if value is None else text(value)


def make(owner: str, entry: t.Mapping[str, Json], rules: Rules, secret_key: str) -> Mark:
    """The mark of a declared object."""
    applied = {key: field_hash(key, value, rules) for key, value in entry.items() if key not in rules.ignored and key not in rules.secrets}
    kept = {}
    if secret_key:
        kept = {field: secrets.fingerprint(secret_key, field, value) for field, value in _secret_fields(entry, rules, ())}
    return Mark(owner, applied, kept)


def _secret_fields(value: Json, rules: Rules, path: tuple[str, ...]) -> t.Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            plain = item[0] if isinstance(item, list) and len(item) == 1 else item
            if key in rules.secrets and isinstance(plain, str):
                yield ".".join((*path, key)), plain
            else:
                yield from _secret_fields(item, rules, (*path, key))
    elif isinstance(value, list):
        key = rules.keyed.get(path[-1], "") if path else ""
        for item in value:
            if isinstance(item, dict):
                yield from _secret_fields(item, rules, (*path, str(item.get(key))))
