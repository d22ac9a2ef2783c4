# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with one realm: what the families share while they read and write."""

from __future__ import annotations

import threading
import typing as t

from ..engine import marks
from ..engine.errors import EngineError
from ..engine.family import Entry, Family
from ..engine.http import Http
from ..engine.plan import Plan
from . import registry
from .api import Api
from .tokens import Tokens


class Session:
    """Implements engine.runner.Product for Keycloak.

    :ivar api: the Admin API of the realm.
    :ivar realm: its representation; empty while there is none (it is in the plan then).
    :ivar declared: the document.
    """

    def __init__(self, http: Http, tokens: Tokens, realm: str, families: t.Sequence[Family]) -> None:
        self.api = Api(http, tokens, realm)
        self.families = families
        self.realm: Entry = {}
        self.declared: Entry = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._facts: dict[str, t.Any] = {}
        self._serverinfo: Entry | None = None
        self._registry: dict[str, dict[str, marks.Mark]] = {}

    # What the families ask for

    def learn(self, family: str, name: str, identifier: str) -> None:
        """Remembers the server's identifier of an object, read or just created."""
        with self._lock:
            self._ids[family, name] = identifier

    def forget(self, family: str, name: str) -> None:
        with self._lock:
            self._ids.pop((family, name), None)

    def id_of(self, family: str, name: str) -> str | None:
        """The identifier of an object that is there; None for one that is not (yet)."""
        return self._ids.get((family, name))

    def names(self, family: str) -> set[str]:
        """Names of all objects of a family that are known to be there."""
        return {name for kind, name in self._ids if kind == family}

    def serverinfo(self) -> Entry:
        """What the server is and has: asked for once, when somebody wants to know."""
        with self._lock:
            if self._serverinfo is None:
                self._serverinfo = self.api.get("/admin/serverinfo") or {}
            return self._serverinfo

    # What the runner asks for

    def problems(self, document: Entry) -> list[str]:
        del document
        return []

    def open(self, document: Entry) -> None:
        """Logs in and reads the realm.

        :raises EngineError: when the account sees nothing of a realm that is there.
        """
        self.declared = document
        self.realm = self.api.find("") or {}
        if set(self.realm) == {"realm"}:
            # A realm made after the token was: its roles are in the next one.
            self.api.tokens.renew()
            self.realm = self.api.find("") or {}
        if set(self.realm) == {"realm"}:
            raise EngineError(
                f"realm {self.api.realm} is there, but this account may not see its settings: give it roles of the client {self.api.realm}-realm "
                "(in master) or realm-management (in the realm itself)"
            )
        self._registry = registry.read(self.realm.get("attributes") or {})

    def mark_of(self, family: Family, key: str, current: Entry) -> marks.Mark | None:
        own = family.mark(self, key, current)
        return own if own is not None else self._registry.get(family.name, {}).get(key)

    def settle(self, made: Plan) -> None:
        """Writes the marks of objects that have no place for one into attributes of the realm."""
        before = registry.texts(self._registry)
        for action in made.actions:
            if not getattr(action.family, "registered", False):
                continue
            kept = self._registry.setdefault(action.family.name, {})
            if action.verb == "delete":
                kept.pop(action.name, None)
            elif action.mark is not None:
                kept[action.name] = action.mark
        after = registry.texts(self._registry)
        if before != after:
            self.realm = self.api.get("")
            others = {key: value for key, value in (self.realm.get("attributes") or {}).items() if not key.startswith(registry.PREFIX)}
            self.api.put("", {"realm": self.realm["realm"], "attributes": {**others, **after}})

    def facts(self) -> dict[str, t.Any]:
        return dict(self._facts)

    def ids(self) -> dict[str, t.Any]:
        return {f"{family}/{name}": identifier for (family, name), identifier in sorted(self._ids.items())}

    def counts(self) -> dict[str, t.Any]:
        return {**self.api.http.counts(), "token_requests": self.api.tokens.requests}
