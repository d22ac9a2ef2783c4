# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with one realm: what the families share while they read and write."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import typing as t

from ..engine import marks
from ..engine.errors import EngineError
from ..engine.family import Entry, Family
from ..engine.http import Http
from ..engine.plan import Plan
from . import authz, documents, registry
from .api import Api
from .tokens import Tokens

Item = t.TypeVar("Item")
_LANES = 4
_FEW = 3


class Session:
    """Implements engine.runner.Product for Keycloak.

    :ivar api: the Admin API of the realm.
    :ivar realm: its representation; empty while there is none (it is in the plan then).
    :ivar declared: the document.
    :ivar pruned: names of the families of which everything has to be read, because what is not declared may be deleted.
    :ivar tells_version: whether facts() may ask for the server's version: a request that a loop of tasks does not need.
    :ivar made_realm: whether the realm was made in this run: what Keycloak gives a new realm is not in the snapshot.
    """

    def __init__(self, http: Http, tokens: Tokens, realm: str, families: t.Sequence[Family], pruned: t.Collection[str] = ()) -> None:
        self.api = Api(http, tokens, realm)
        self.families = families
        self.realm: Entry = {}
        self.declared: Entry = {}
        self.pruned = frozenset(pruned)
        self.tells_version = False
        self.made_realm = False
        self._before = http.counts()
        self._logins_before = tokens.requests
        self._born: dict[str, dict[str, Entry]] = {}
        self._realm_is_fresh = False
        self._written: set[str] = set()
        self._ids: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._born_lock = threading.Lock()
        self._facts: dict[str, t.Any] = {}
        self._serverinfo: Entry | None = None
        self._notes: list[str] = []
        self._registry: dict[str, dict[str, registry.Kept]] = {}

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

    def name_of(self, family: str, identifier: str) -> str | None:
        """The name of an object by its identifier, when it was read."""
        with self._lock:
            return next((name for (kind, name), found in self._ids.items() if kind == family and found == identifier), None)

    def current_realm(self) -> Entry:
        """The realm's representation: as open() has just read it, else read again."""
        if not self._realm_is_fresh:
            self.realm = self.api.find("") or {}
        self._realm_is_fresh = False
        return self.realm

    def is_me(self, username: str) -> bool:
        """Whether a user of this realm is the one we log in as: who deletes it cannot come back."""
        return self.api.tokens.is_user(self.api.realm, username)

    def few(self, family: Family, keys: t.Collection[str]) -> bool:
        """Whether to ask for these objects one by one, not for a list that may be long."""
        return family.name not in self.pruned and 0 < len(keys) <= _FEW

    def note_write(self, family: str) -> None:
        """Remembers that a family has written, so that what open() read is no longer what is there."""
        with self._lock:
            self._written.add(family)

    def wrote(self, family: str) -> bool:
        return family in self._written

    def realm_made(self) -> None:
        """After the realm was created: a new token has rights in it, and it is not empty."""
        self.api.tokens.renew()
        self.realm = self.api.get("")
        self.made_realm = True

    def born_with(self, family: Family) -> dict[str, Entry]:
        """Objects of a family that Keycloak gave the realm made in this run; none when it was there before."""
        with self._born_lock:  # the first of several threads asks for all of them
            found = self._born.get(family.name)
            if found is None:
                found = self._born[family.name] = family.read(self, ()) if self.made_realm else {}
        return found

    def each(self, work: t.Callable[[Item], object], items: t.Sequence[Item]) -> None:
        """Reads about several objects at the same time."""
        if len(items) < 2:
            for item in items:
                work(item)
            return
        with concurrent.futures.ThreadPoolExecutor(max_workers=_LANES) as pool:
            for _none in pool.map(work, items):
                pass

    def registered(self, family: str) -> set[str]:
        """Names of the objects of a family whose marks are in the realm's attributes."""
        return set(self._registry.get(family, {}))

    def serverinfo(self) -> Entry:
        """What the server is and has: asked for once, when somebody wants to know."""
        with self._lock:
            if self._serverinfo is None:
                self._serverinfo = self.api.get("/admin/serverinfo") or {}
                system, features = self._serverinfo.get("systemInfo") or {}, self._serverinfo.get("features") or []
                self._facts = {"version": system.get("version", ""), "features": sorted(str(one["name"]) for one in features if one.get("enabled"))}
            return self._serverinfo

    # What the runner asks for

    def problems(self, document: Entry) -> list[str]:
        return documents.problems(document, self.api.realm, self.families) + authz.unknown_settings(document)

    def judged(self, problems: t.Sequence[str]) -> list[str]:
        """Problems without those about keys that this server may know; they become warnings."""
        unknown = [line for line in problems if isinstance(line, documents.Unknown)]
        if not unknown:
            return list(problems)
        with contextlib.suppress(EngineError):  # an account that may not know
            self.serverinfo()
        version = str(self._facts.get("version") or "")
        newer = documents.may_know(version)
        passed = [line for line in unknown if newer or (line.top and line.top in self.realm)]
        why = f"Keycloak {version} is newer than the keys known here and may have it" if newer else "the server's realm has it, so it is taken"
        self._notes += [f"{line} ({why})" for line in passed]
        return [line for line in problems if line not in passed]

    def notes(self) -> list[str]:
        return self._notes

    def open(self, document: Entry) -> None:
        """Logs in and reads the realm.

        :raises EngineError: when the account does not see the settings that are declared.
        """
        self.declared = document
        self.realm = self.api.representation()
        settings = {key for family in self.families if family.name == "realm" for entry in family.entries(document) for key in entry}
        if self.realm and "id" not in self.realm and settings - {"realm"}:
            raise EngineError(
                f"realm {self.api.realm} is there, but this account may not see its settings, which the document declares: give it the role manage-realm "
                f"(of client {self.api.realm}-realm in realm master, or realm-management in the realm itself), or declare none"
            )
        self._realm_is_fresh = True
        makes_it = any(family.name == "realm" and family.entries(document) for family in self.families)
        if not self.realm and document and not makes_it:
            raise EngineError(
                f"realm {self.api.realm} does not exist on {self.api.http.base}: to have it made, declare it (realm: {self.api.realm} in the document), "
                "else check the name, and that url has the server's base path"
            )
        self._registry = registry.read(self.realm.get("attributes") or {})

    def mark_of(self, family: Family, key: str, current: Entry) -> marks.Mark | None:
        own = None if getattr(family, "registered", False) else family.mark(self, key, current)
        kept = self._registry.get(family.name, {}).get(key) if own is None else None
        return kept.found(self.id_of(family.name, key)) if kept else own

    def settle(self, made: Plan) -> None:
        """Writes the marks of objects that have no place for one into attributes of the realm."""
        marked = [action for action in made.actions if getattr(action.family, "registered", False) and (action.verb == "delete" or action.mark)]
        if not marked:
            return
        self.realm = self.api.get("")
        attributes = self.realm.get("attributes") or {}
        self._registry = registry.read(attributes)  # as it is now: another run may have marked what is its own since we began
        before = registry.texts(self._registry)
        for action in marked:
            kept = self._registry.setdefault(action.family.name, {})
            if action.mark and action.verb != "delete":
                kept[action.name] = registry.Kept.of(action.mark, self.id_of(action.family.name, action.name))
            else:
                kept.pop(action.name, None)
        after = registry.texts(self._registry)
        if before != after:
            others = {key: value for key, value in attributes.items() if not key.startswith(registry.PREFIX)}
            try:
                self.api.put("", {"realm": self.realm["realm"], "attributes": {**others, **after}})
            except EngineError as exc:
                what = ", ".join(sorted({action.family.name for action in marked}))
                raise EngineError(f"{what}: written, but not marked as ours (marks of these are attributes of the realm; owner: '' does without): {exc}",
                                  **exc.details) from exc  # fmt: skip

    def facts(self) -> dict[str, t.Any]:
        if self.tells_version:
            with contextlib.suppress(EngineError):  # an account that may not know
                self.serverinfo()
        return dict(self._facts)

    def ids(self) -> dict[str, t.Any]:
        declared = {(family.name, family.key(entry)) for family in self.families for entry in family.entries(self.declared)}
        return {f"{family}/{name}": self._ids[family, name] for family, name in sorted(declared & self._ids.keys())}

    def counts(self) -> dict[str, t.Any]:
        """Requests of this session alone: its connection may have served others before."""
        now, before = self.api.http.counts(), self._before
        by_method = {method: count - before["by_method"].get(method, 0) for method, count in now["by_method"].items()}
        return {
            **{name: now[name] - before[name] for name in ("total", "retries", "elapsed_ms")},
            "by_method": {method: count for method, count in by_method.items() if count},
            "token_requests": self.api.tokens.requests - self._logins_before,
        }
