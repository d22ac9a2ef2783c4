# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session with one MLflow server: what the families share while they read and write."""

from __future__ import annotations

import threading
import time
import typing as t

from ..engine import door, marks
from ..engine.ahead import ReadAhead
from ..engine.errors import EngineError, RefusedError
from ..engine.family import Entry, Family
from ..engine.http import Http
from ..engine.plan import Plan
from . import documents
from .api import BARE, Api
from .registry import EXPERIMENT, Registry

OLDEST = (3, 10)
CONTENT = {"refuse": "RESTRICT", "move": "SET_DEFAULT", "delete": "CASCADE"}
# A loop of tasks asks one server again and again from one process; what it can do does not change meanwhile.
_KNOWN_FOR = 30.0  # seconds
_known: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, dict[str, t.Any], str, str]] = {}


class Session:
    """Implements engine.runner.Product for MLflow.

    :ivar families: in the order in which they are written.
    :ivar pruned: names of the families that have to be listed whole, because what is not declared may be deleted.
    :ivar workspace_content: what becomes of the content of a workspace that is deleted, in the server's words.
    :ivar in_loop: whether other items of a loop will ask the same server.
    :ivar tells: whether nothing is declared, and all that a document could say of what is there is asked for.
    :ivar version: the server's version as numbers, for comparisons.
    :ivar document: the declared state, once the session is open.
    """

    def __init__(
        self, http: Http, families: t.Sequence[Family], pruned: t.Collection[str] = (), workspace_content: str = "refuse", in_loop: bool = False
    ) -> None:
        self.http = http
        self.families = families
        self.pruned = frozenset(pruned)
        self.workspace_content = CONTENT[workspace_content]
        self.in_loop = in_loop
        self.tells = False
        self.version: tuple[int, ...] = ()
        self.document: Entry = {}
        self._info: dict[str, t.Any] = {}
        self._version = ""
        self._notes: list[str] = []
        self._root = "api"
        self._ids: dict[tuple[str, str], str] = {}
        self._raw: dict[tuple[str, str], Entry] = {}
        self._experiments: dict[tuple[str, str], str | None] = {}
        self._active: dict[str, dict[str, str]] = {}
        self._workspaces: dict[str, Entry] | None = None
        self._registries: dict[str, Registry] = {}
        self._lock = threading.Lock()

    # What the families ask for

    @property
    def api(self) -> Api:
        """The API outside any workspace: the server's default one, and what belongs to none."""
        return self.at(documents.DEFAULT)

    def at(self, workspace: str) -> Api:
        """The API within a workspace."""
        return Api(self.http, "" if workspace == documents.DEFAULT else workspace, self._root)

    @property
    def is_whole(self) -> bool:
        """Whether the whole API answers, not only the part that browsers use."""
        return self._root != "ajax-api"

    @property
    def has_workspaces(self) -> bool:
        return bool(self._info.get("workspaces_enabled"))

    @property
    def has_gateway(self) -> bool:
        """Whether the AI gateway is on; servers that do not say have no switch for it."""
        return bool((self._info.get("features_enabled") or {}).get("gateway", True))

    def since(self, *version: int) -> bool:
        """Whether the server is of this version or newer."""
        return self.version >= version

    def knows(self, family: Family) -> bool:
        """Whether the server has this family."""
        return self.version >= getattr(family, "since", OLDEST) and (self.has_gateway or not getattr(family, "gateway", False))

    def workspaces(self) -> dict[str, Entry]:
        """The server's workspaces by name, as it returns them; read once. The default one alone where they are not enabled."""
        if self._workspaces is None:
            listed = self.api.get("3.0/workspaces").get("workspaces") or [] if self.has_workspaces else []
            self._workspaces = {documents.DEFAULT: {"name": documents.DEFAULT}, **{str(entry["name"]): entry for entry in listed}}
        return self._workspaces

    def forget_workspaces(self) -> None:
        """After one was written."""
        self._workspaces = None

    def is_there(self, workspace: str) -> bool:
        """Whether a workspace exists (it may be in the plan)."""
        return workspace in ("", documents.DEFAULT) or workspace in self.workspaces()

    def scopes(self, family: Family, keys: t.Collection[str]) -> list[str]:
        """Workspaces in which to look for objects of a family, of those that are there; none where the server does not know the family."""
        if not self.knows(family):
            return []
        return [name for name in documents.scopes(self.document, keys, family.name in self.pruned) if self.is_there(name)]

    def declared(self, family: Family) -> dict[str, Entry]:
        """Declared objects of a family by key: what of an object is worth a request of its own depends on them."""
        return {family.key(entry): entry for entry in family.entries(self.document)}

    def few(self, family: Family, keys: t.Collection[str], most: int = 3) -> bool:
        """Whether to ask for these objects one by one, not for a list that may be long."""
        return family.name not in self.pruned and len(keys) <= most

    def singly(
        self,
        family: Family,
        workspace: str,
        names: t.Iterable[str],
        one: t.Callable[[str], Entry | None],
        page: t.Callable[[], t.Sequence[Entry] | None],
    ) -> list[Entry]:
        """The objects of these names, as the server has them.

        :param one: asks for one of them.
        :param page: asks for the list of all, of which a loop reads ahead; None when there is more than one page of it.
        """
        ahead = self._ahead(family, workspace)
        found = [ahead.find(name, one, page) if ahead else one(name) for name in names]
        return [item for item in found if item is not None]

    def _ahead(self, family: Family, workspace: str) -> ReadAhead | None:
        if not self.in_loop:
            return None
        place = (self.http.base, self.http.settings.headers, family.name, workspace)
        return door.kept("mlflow-list", place, lambda: ReadAhead(lambda item: str(item["name"])))

    def writes(self, family: Family, workspace: str, *names: str) -> None:
        """Before objects are written: what a loop has read of them is no longer what is there."""
        ahead = self._ahead(family, workspace)
        if ahead:
            ahead.doubt(*names)

    def wrote(self, family: Family, workspace: str, item: Entry) -> None:
        """After an object was written, when the answer shows it whole."""
        ahead = self._ahead(family, workspace)
        if ahead:
            ahead.keep(item)

    def learn(self, family: str, key: str, identifier: str, raw: Entry | None = None) -> None:
        """Remembers an object, read or just created.

        :param raw: as the server returns it.
        """
        with self._lock:
            self._ids[family, key] = identifier
            self._raw[family, key] = raw or {}

    def raw(self, family: str, key: str) -> Entry:
        """An object as the server returned it; empty when none was read."""
        return self._raw.get((family, key), {})

    def id_of(self, family: str, key: str) -> str | None:
        """The identifier of an object that is there; None for one that is not (yet)."""
        return self._ids.get((family, key))

    def experiment_id(self, workspace: str, name: str) -> str | None:
        """The identifier of an experiment by its name; None where there is none (yet)."""
        known = self.id_of("experiments", documents.key(name, workspace))
        if known is not None:
            return known
        if (workspace, name) not in self._experiments or self._experiments[workspace, name] is None:
            found = self.at(workspace).find("2.0/experiments/get-by-name", experiment_name=name) if self.is_there(workspace) else None
            self._experiments[workspace, name] = str(found["experiment"]["experiment_id"]) if found else None
        return self._experiments[workspace, name]

    def active_experiments(self, workspace: str) -> dict[str, str]:
        """Names of a workspace's experiments by their identifiers, without the modules' own; read once."""
        if workspace not in self._active:
            listed = self.at(workspace).pages("2.0/experiments/search", "experiments", 5000, view_type="ACTIVE_ONLY")
            self._active[workspace] = {str(item["experiment_id"]): str(item["name"]) for item in listed if item["name"] != EXPERIMENT}
        return self._active[workspace]

    def told_experiment(self, number: t.Any) -> str:
        """The name of an experiment that something refers to, where everything is told; empty where it is not, or the experiment is deleted."""
        return self.active_experiments(str(self.document.get("workspace") or "")).get(str(number), "") if self.tells and number else ""

    def registry(self, workspace: str) -> Registry:
        """Marks of the objects of a workspace that have no place for one."""
        name = "" if workspace == documents.DEFAULT else workspace
        with self._lock:
            if name not in self._registries:
                self._registries[name] = Registry(self.at(name))
            return self._registries[name]

    # What the runner asks for

    def problems(self, document: Entry) -> list[str]:
        return documents.problems(document, self.families)

    def open(self, document: Entry) -> None:
        """Finds out what the server is and can do, with these credentials.

        :raises EngineError: when it is too old, or lacks what the document speaks of.
        """
        self.document = document
        known = (self.http.base, tuple(self.http.settings.headers))
        when, self._info, self._version, self._root = _known.get(known, (0.0, {}, "", "api"))
        if not self._version or time.monotonic() - when > _KNOWN_FOR:
            self._info, self._version = self._ask()
            _known[known] = (time.monotonic(), self._info, self._version, self._root)
        self.version = tuple(int(part) for part in self._version.split(".")[:2] if part.isdigit())
        if self.version < OLDEST:
            raise EngineError(f"{self.http.base} runs MLflow {self._version}: these modules need {'.'.join(map(str, OLDEST))} or newer")
        for family in self.families:
            if family.entries(document) and not self.knows(family):
                needed = ".".join(map(str, getattr(family, "since", OLDEST)))
                switched = self.since(*getattr(family, "since", OLDEST))
                raise EngineError(
                    f"{family.name} cannot be declared for {self.http.base}: "
                    + ("its AI gateway is switched off: start it with MLFLOW_ENABLE_AI_GATEWAY=true" if switched else
                       f"it runs MLflow {self._version}, and they came with {needed}: update the server, or leave them out")
                )  # fmt: skip
        spoken_of = documents.workspaces(document)
        if spoken_of and not self.has_workspaces:
            raise EngineError(
                f"the document speaks of workspace {sorted(spoken_of)[0]}, but {self.http.base} has workspaces switched off: "
                "start the server with --enable-workspaces, or leave workspaces out"
            )
        unknown = sorted(name for name in spoken_of - documents.made(document) if not self.is_there(name)) if spoken_of else []
        if unknown:
            raise EngineError(f"workspace {unknown[0]} does not exist on {self.http.base} (or this account may not see it): declare it under workspaces")

    def _ask(self) -> tuple[dict[str, t.Any], str]:
        info: dict[str, t.Any] = {}
        for self._root in ("api", "ajax-api"):
            try:
                info = self.api.get("3.0/server-info")
                break
            except RefusedError as exc:
                if exc.status != 404:
                    raise
        else:
            self._root = "api"  # an older server, or a wrong address: the version tells
        if self._root == "ajax-api" and self._is_at_the_root(info):
            self._root = BARE
        # The version is asked for with credentials: wrong ones end here, before anything is planned.
        version = self.api.send("GET", "/version").text.strip()
        if not version[:1].isdigit():
            raise EngineError(f"{self.http.base}/version is not MLflow's: is url right, with its static_prefix, and no login in front of it?")
        return info, version

    def _is_at_the_root(self, info: dict[str, t.Any]) -> bool:
        """Whether a server below a static prefix has its API at the root of its host: one that is asked directly, or by a proxy that passes it on.

        A server without a prefix would tell its version there: another one, whose objects are no business of ours.
        """
        try:
            return (
                self.http.request("GET", "/version", prefixed=False).status == 404
                and self.http.request("GET", f"{BARE}/3.0/mlflow/server-info", prefixed=False).json() == info
            )
        except ValueError:
            return False

    def mark_of(self, family: Family, key: str, current: Entry) -> marks.Mark | None:
        if getattr(family, "registered", False):
            return self.registry(str(current.get("workspace") or "")).mark(family.name, key, self.id_of(family.name, key))
        return family.mark(self, key, current)

    def settle(self, made: Plan) -> None:
        """Writes the marks of objects that have no place for one."""
        for action in made.actions:
            if not getattr(action.family, "registered", False):
                continue
            workspace = str((action.current or action.wanted or {}).get("workspace") or "")
            if action.verb == "delete":
                self.registry(workspace).remove(action.family.name, action.name)
            elif action.mark is not None:
                self.registry(workspace).keep(action.family.name, action.name, action.mark, self.id_of(action.family.name, action.name))

    def facts(self) -> dict[str, t.Any]:
        return {"version": self._version, "features": {"workspaces": self.has_workspaces, "gateway": self.has_gateway}}

    def ids(self) -> dict[str, t.Any]:
        return {
            f"{family.name}/{key}": self.id_of(family.name, key)
            for family in self.families
            for key in self.declared(family)
            if (family.name, key) in self._ids
        }  # fmt: skip

    def counts(self) -> dict[str, t.Any]:
        return self.http.counts()

    def notes(self) -> list[str]:
        return self._notes

    def note(self, line: str) -> None:
        """Adds a warning to the result."""
        self._notes.append(line)
