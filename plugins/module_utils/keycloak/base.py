# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What families of Keycloak objects have in common: names, marks in attributes, and what a new realm is born with."""

from __future__ import annotations

import typing as t

from ..engine import marks
from ..engine.compare import Json, differences, merged
from ..engine.family import Entry, Family
from . import documents
from .session import Session

# Attributes of roles and groups are columns of 255 characters, so longer marks take several.
_LONGEST = 255


class Base(Family[Session]):
    """A family whose objects have a name and live in lists of the document.

    :cvar named: the field that names an object.
    :cvar known: its fields in the newest Keycloak that documents.NEWEST names; others are refused unless the server is newer.
    """

    named: t.ClassVar[str] = "name"
    known: t.ClassVar[frozenset[str]] = frozenset()

    def key(self, entry: Entry) -> str:
        return str(entry[self.named])

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = []
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict) or entry.get(self.named) in (None, ""):
                found.append(f"{self.name}[{number}]: {self.named} is missing")
                continue
            label = f"{self.name}/{entry[self.named]}: "
            found += documents.unknown_here(label, entry, self.known) if self.known else []
            for mapper in entry.get("protocolMappers") or []:
                found += _mapper_problems(label, mapper)
            found += [f"{label}protocol mapper {name} is declared twice: merge the two" for name in doubles(entry.get("protocolMappers"), "name")]
        return found

    def declared(self, server: Session) -> dict[str, Entry]:
        """The document's objects by key: what of an object is worth a request of its own depends on them."""
        return {self.key(entry): entry for entry in self.entries(server.declared)}

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        return mark_in(current.get("attributes"))

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        there = self.born(server, entry) if server.made_realm else None
        if there is None:
            self.make(server, with_protocols(plain(entry)), mark)
        else:
            changes = differences(entry, there, self.rules)
            if changes or not self.builtin(there):
                self.update(server, there, merged(there, entry, self.rules), changes, mark)

    def born(self, server: Session, entry: Entry) -> Entry | None:
        """The object of this name that Keycloak gave the realm made in this run; None where there is none."""
        return server.born_with(self).get(self.key(entry))

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        """Creates an object that is not there."""
        raise NotImplementedError


_MAPPER_KEYS = frozenset({"id", "name", "protocol", "protocolMapper", "config", "consentRequired", "consentText"})


def _mapper_problems(label: str, mapper: Json) -> list[str]:
    if not isinstance(mapper, dict) or not mapper.get("name"):
        return [f"{label}a protocol mapper has no name"]
    where = f"{label}protocol mapper {mapper['name']}: "
    missing = [f"{where}{key} is missing" for key in ("protocolMapper",) if not mapper.get(key)]
    return missing + documents.unknown_here(where, mapper, _MAPPER_KEYS)


def doubles(entries: Json, key: str) -> list[str]:
    """Names that stand more than once in a list of objects."""
    names = [str(entry.get(key)) for entry in entries or [] if isinstance(entry, dict)]
    return sorted({name for name in names if names.count(name) > 1})


def plain(value: Json) -> Json:
    """A declared object as a new one: what is added to a list is the list, and what is to be removed is not there."""
    if isinstance(value, dict):
        result: dict[str, Json] = {}
        for key, item in value.items():
            name = key[1:] if key.startswith("+") and isinstance(item, list) else key
            if item is not None:
                result[name] = (result.get(name) or []) + item if isinstance(item, list) and name in result else plain(item)
        return result
    return [plain(item) for item in value] if isinstance(value, list) else value


def with_protocols(entry: Entry) -> Entry:
    """An object whose mappers say what they are for: Keycloak refuses those that do not, with a message about something else."""
    mappers = entry.get("protocolMappers")
    if not isinstance(mappers, list):
        return entry
    return {**entry, "protocolMappers": [{"protocol": entry.get("protocol") or "openid-connect", **mapper} for mapper in mappers]}


def without(entry: Entry, *keys: str) -> Entry:
    """A copy without these keys."""
    return {key: value for key, value in entry.items() if key.lstrip("+") not in keys}


def cleaned(entry: Entry, *keys: str) -> Entry:
    """A declared object without identifiers, for those in an export are another server's, and without what no release since 4 keeps."""
    result = without(entry, "id", "access", *keys)
    for children in ("protocolMappers", "+protocolMappers"):
        if isinstance(result.get(children), list):
            result[children] = [without(child, "id", "consentRequired", "consentText") if isinstance(child, dict) else child for child in result[children]]
    return result


def mark_in(attributes: Json) -> marks.Mark | None:
    """The mark in attributes, which are texts or lists of texts."""
    texts: dict[str, str] = {}
    for key in sorted(marks.KEYS):
        number, whole = 0, ""
        while (attributes or {}).get(_part(key, number)):
            value = attributes[_part(key, number)]
            whole += str(value[0] if isinstance(value, list) else value)
            number += 1
        texts[key] = whole
    return marks.read(texts)


def with_mark(attributes: Json, mark: marks.Mark | None) -> dict[str, str]:
    """Attributes that are texts, with the mark in them; without one, as they are."""
    return {**(attributes or {}), **(mark.texts() if mark else {})}


def with_mark_in_lists(attributes: Json, mark: marks.Mark | None) -> dict[str, list[str]]:
    """As with_mark, for attributes that are lists of short texts."""
    found = dict(attributes or {})
    if mark is None:
        return found
    found = {key: value for key, value in found.items() if not any(key == own or key.startswith(f"{own}.") for own in marks.KEYS)}
    for key, text in mark.texts().items():
        for number, start in enumerate(range(0, len(text), _LONGEST)):
            found[_part(key, number)] = [text[start : start + _LONGEST]]
    return found


def _part(key: str, number: int) -> str:
    return key if number == 0 else f"{key}.{number}"


def names_sorted(value: Json) -> Json:
    """Lists of names in one order, at whatever depth: theirs means nothing."""
    if isinstance(value, dict):
        return {key: names_sorted(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted({str(item) for item in value})
    return value
