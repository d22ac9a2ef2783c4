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
        return [f"{self.name} is {type(entry).__name__}, not a map: give its fields" for entry in entries if not isinstance(entry, dict)]

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
    rules = Rules(
        ignored=frozenset(),
        keyed={"attributes": "name", "groups": "name"},
        sets=frozenset({"view", "edit", "roles", "scopes"}),
        opaque=frozenset({"validations", "required", "selector"}),
        defaults={"unmanagedAttributePolicy": None},
    )

    def entries(self, document: Entry) -> list[Entry]:
        found = document.get(self.name) or _in_component(document)
        return [found] if found else []

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            if not found:
                found += [f"{self.name}: attribute {name} is declared twice: merge the two" for name in doubles(entry.get("attributes"), "name")]
                found += [f"{self.name}: an attribute has no name: give it one" for one in entry.get("attributes") or [] if not one.get("name")]
        return found


def _in_component(document: Entry) -> Json:
    components = document.get("components") or {}
    for component in (components.get(USER_PROFILE) if isinstance(components, dict) else None) or []:
        text = ((component.get("config") or {}).get("kc.user.profile.config") or [""])[0]
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text  # problems() says that it is no map
    return None
