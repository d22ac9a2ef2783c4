# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a realm has exactly one of: its user profile and its events."""

from __future__ import annotations

import json
import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.family import Entry
from ..base import Base, doubles, plain
from ..documents import unknown_here, words
from ..session import Session
from .components import USER_PROFILE


class _Only(Base):
    """One document of the realm, read and written as a whole.

    :cvar path: where it is.
    """

    path: t.ClassVar[str]
    prunable = False
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        found = document.get(self.name)
        return [found] if found else []

    def key(self, entry: Entry) -> str:
        return "realm"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = [f"{self.name} is {type(entry).__name__}, not a map: give its fields" for entry in entries if not isinstance(entry, dict)]
        return found + [line for entry in entries for line in unknown_here(f"{self.name}: ", entry, self.known)]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        return {"realm": server.api.get(self.path) or {}} if server.realm else {}

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        server.api.put(self.path, {**self.read(server, ())["realm"], **entry})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            server.api.put(self.path, plain(wanted))


class EventsConfig(_Only):
    """`eventsConfig`: which events are kept and who hears of them. The same fields at the top of the document are the realm's."""

    name = "eventsConfig"
    path = "/events/config"
    known = words("adminEventsDetailsEnabled adminEventsEnabled enabledEventTypes eventsEnabled eventsExpiration eventsListeners")
    rules = Rules(
        sets=frozenset({"enabledEventTypes", "eventsListeners"}),
        defaults={"eventsEnabled": False, "adminEventsEnabled": False, "adminEventsDetailsEnabled": False, "eventsListeners": ["jboss-logging"]},
    )

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        found = super().read(server, keys)
        for entry in found.values():
            # No type at all means every one of them, and that is what the server answers.
            if self._of(server).get("enabledEventTypes") == []:
                entry["enabledEventTypes"] = [] if len(entry.get("enabledEventTypes") or []) > _ALL_TYPES else entry["enabledEventTypes"]
        return found

    def _of(self, server: Session) -> Entry:
        return next(iter(self.entries(server.declared)), {})


_ALL_TYPES = 80  # there are more event types than this, and nobody names so many


class UserProfile(_Only):
    """`userProfile`, or what exports have in its place: a component that holds it as text."""

    name = "userProfile"
    path = "/users/profile"
    known = words("attributes groups orderOfAttributes orderOfGroups unmanagedAttributePolicy")
    rules = Rules(
        ignored=frozenset(),
        keyed={"attributes": "name", "groups": "name"},
        sets=frozenset({"view", "edit", "roles", "scopes"}),
        opaque=frozenset({"validations", "required", "selector"}),
        defaults={"unmanagedAttributePolicy": None},
    )

    def entries(self, document: Entry) -> list[Entry]:
        found = document.get(self.name) or _in_component(document)
        if not isinstance(found, dict):
            return [found] if found else []
        return [{**found, **{place: _names(found[key]) for key, place in _ORDERED.items() if _is_list(found.get(key)) and found.get(key)}}]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result = super().read(server, keys)
        declared = next(iter(self.entries(server.declared)), {})
        for profile in result.values():
            for key, place in _ORDERED.items():
                names = declared.get(place) if isinstance(declared, dict) else None
                if names:  # of those alone that are declared: where others stand is nobody's business
                    profile[place] = [name for name in _names(profile.get(key) or []) if name in names]
        return result

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        super().make(server, _in_order(entry), mark)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        super().update(server, current, _in_order(wanted), changes, mark)

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            if not found:
                found += [f"{self.name}: {key}: expected a list of maps" for key in _ORDERED if not _is_list(entry.get(key))]
            if not found:
                for key, fields in _FIELDS.items():
                    for one in entry.get(key) or []:
                        found += unknown_here(f"{self.name}: {key}: {one.get('name')}: ", one, fields)
                found += [f"{self.name}: attribute {name} is declared twice: merge the two" for name in doubles(entry.get("attributes"), "name")]
                found += [f"{self.name}: an attribute has no name: give it one" for one in entry.get("attributes") or [] if not one.get("name")]
        return found


# Forms show attributes and groups in this order, so it is declared with them; compared as a field of its own.
_FIELDS = {
    "attributes": words("annotations defaultValue displayName group multivalued name permissions required selector validations"),
    "groups": words("annotations displayDescription displayHeader name"),
}
_ORDERED = {"attributes": "orderOfAttributes", "groups": "orderOfGroups"}


def _is_list(value: Json) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value))


def _names(entries: t.Sequence[Entry]) -> list[str]:
    return [str(entry.get("name")) for entry in entries]


def _in_order(profile: Entry) -> Entry:
    """A profile whose declared attributes stand in the declared order, in the places that such attributes have; others stay where they are."""
    result = dict(profile)
    for key, place in _ORDERED.items():
        names = [name for name in result.pop(place, None) or [] if name in _names(result.get(key) or [])]
        if names:
            there = {str(one.get("name")): one for one in result[key]}
            ordered = iter(names)
            result[key] = [there[next(ordered)] if name in names else one for name, one in there.items()]
    return result


def _in_component(document: Entry) -> Json:
    components = document.get("components") or {}
    for component in (components.get(USER_PROFILE) if isinstance(components, dict) else None) or []:
        text = ((component.get("config") or {}).get("kc.user.profile.config") or [""])[0]
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text  # problems() says that it is no map
    return None
