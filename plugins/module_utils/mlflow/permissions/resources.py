# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and identifiers of the resources that are granted: people name them, servers number them."""

from __future__ import annotations

import threading
import typing as t
import urllib.parse

from ...engine.http import Json
from ..model_versions import ONLY_PROMPTS, PAGE
from . import model

if t.TYPE_CHECKING:
    from ..session import Session

# Their name is their identifier.
_PLAIN = frozenset({"registered_model", "prompt", "mcp_server"})
_GATEWAY = {
    "gateway_secret": ("3.0/gateway/secrets/list", "secrets", "secret_name", "secret_id"),
    "gateway_endpoint": ("3.0/gateway/endpoints/list", "endpoints", "name", "endpoint_id"),
    "gateway_model_definition": ("3.0/gateway/model-definitions/list", "model_definitions", "name", "model_definition_id"),
}


class Resources:
    """The resources of one server; each type is listed once per workspace, and only where a name has to be turned into a number or back."""

    def __init__(self, server: Session) -> None:
        self._server = server
        self._known: dict[tuple[str, str], dict[str, str]] = {}
        self._read_at: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def id_of(self, workspace: str, kind: str, resource: str) -> str | None:
        """What a grant calls a resource; None for one that is not there."""
        if resource == model.ANY or kind in model.WHOLE:
            return model.ANY
        if kind in _PLAIN:
            return resource
        if kind == "scorer":
            experiment, _sep, name = resource.partition("/")
            number = self.id_of(workspace, "experiment", experiment)
            return None if number is None else f"{number}/{urllib.parse.quote(name, safe='')}"
        return self._found(workspace, kind, lambda known: known.get(resource))

    def name_of(self, workspace: str, kind: str, identifier: str) -> str:
        """The name by which people know what is granted; #identifier where nothing is left of it."""
        if identifier == model.ANY or kind in _PLAIN or kind in model.WHOLE:
            return identifier
        if kind == "scorer":
            number, _sep, name = identifier.partition("/")
            return f"{self.name_of(workspace, 'experiment', number)}/{urllib.parse.unquote(name)}"
        found = self._found(workspace, kind, lambda known: next((name for name, number in known.items() if number == identifier), None))
        return f"#{identifier}" if found is None else found

    def is_there(self, workspace: str, kind: str, resource: str) -> bool:
        """Whether a grant on this would match anything."""
        if resource == model.ANY or kind in model.WHOLE:
            return True
        if kind == "scorer":
            experiment, _sep, name = resource.partition("/")
            number = self.id_of(workspace, "experiment", experiment)
            if number is None:
                return False
            listed = self._server.at(workspace).get("3.0/scorers/list", experiment_id=number).get("scorers") or []
            return any(entry.get("scorer_name") == name for entry in listed)
        return self._found(workspace, kind, lambda known: known.get(resource)) is not None

    def names(self, workspace: str, kind: str) -> list[str]:
        """All resources of a type."""
        self._found(workspace, kind, lambda known: "")
        return list(self._known[workspace, kind])

    def _found(self, workspace: str, kind: str, look: t.Callable[[dict[str, str]], str | None]) -> str | None:
        """Looks in a list, and again in a new one where something was written since the old one was read."""
        with self._lock:
            where = (workspace, kind)
            if where in self._known:
                found = look(self._known[where])
                if found is not None or self._read_at[where] == self._written():
                    return found
            self._read_at[where] = self._written()  # before the list, which other threads may write behind
            self._known[where] = self._list(workspace, kind) if self._server.is_there(workspace) else {}
            return look(self._known[where])

    def _written(self) -> int:
        """How many requests there were that may have written something."""
        return sum(count for method, count in dict(self._server.http.by_method).items() if method != "GET")

    def _list(self, workspace: str, kind: str) -> dict[str, str]:
        api = self._server.at(workspace)
        if kind == "experiment":
            return {entry["name"]: str(entry["experiment_id"]) for entry in api.pages("2.0/experiments/search", "experiments", 1000)}
        if kind == "registered_model":
            return _same(api.pages("2.0/registered-models/search", "registered_models", PAGE))
        if kind == "prompt":
            return _same(api.pages("2.0/registered-models/search", "registered_models", PAGE, filter=ONLY_PROMPTS))
        if kind == "mcp_server":
            return _same(api.pages("3.0/mcp-servers", "mcp_servers", 100) if self._server.since(3, 15) else [])
        if not self._server.has_gateway:
            return {}
        path, field, name, number = _GATEWAY[kind]
        return {str(entry[name]): str(entry[number]) for entry in api.get(path).get(field) or []}


def _same(entries: t.Iterable[Json]) -> dict[str, str]:
    return {str(entry["name"]): str(entry["name"]) for entry in entries}
