# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ownership marks of objects that have no tags: kept as tags of one experiment per workspace."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import typing as t

from ..engine import marks
from ..engine.errors import LostError, RefusedError
from .api import Api

EXPERIMENT = ".ansible-state"
_PREFIX = "ansible.mark."
_NOTE = "Kept by Ansible (mlops.platform): which objects of this workspace a document declares. Removing it makes them nobody's."


class Registry:
    """The marks of one workspace; read at the first question, one tag an object, so that runs at once do not undo each other's."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._experiment: str | None = None
        self._tags: dict[str, str] | None = None

    def _read(self) -> dict[str, str]:
        with self._lock:
            if self._tags is None:
                found = (self._api.find("2.0/experiments/get-by-name", experiment_name=EXPERIMENT) or {}).get("experiment") or {}
                self._experiment = found.get("experiment_id")
                if found.get("lifecycle_stage") == "deleted":
                    self._api.post("2.0/experiments/restore", experiment_id=self._experiment)
                self._tags = {tag["key"]: tag.get("value", "") for tag in found.get("tags") or []}
            return self._tags

    def mark(self, family: str, key: str, identifier: str | None) -> marks.Mark | None:
        """The mark of an object; none where it was made for one of the same name that is gone."""
        found = self._found(family, key)
        return marks.read(found) if found.get("id") == identifier else None

    def _found(self, family: str, key: str) -> dict[str, t.Any]:
        try:
            found = json.loads(self._read().get(_tag(family, key), "null"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) and found.get("name") == f"{family}/{key}" else {}

    def replacing(self, family: str, key: str) -> tuple[str, dict[str, t.Any]] | None:
        """Of an object that a run began to make anew: the identifier of the old one, and how the new one is known."""
        found = self._found(family, key)
        return (str(found.get("id")), found["by"]) if isinstance(found.get("by"), dict) else None

    def replace(self, family: str, key: str, owner: str, identifier: str, by: t.Mapping[str, t.Any]) -> None:
        """Before an object is made anew beside the old one: if the run is killed in between, the next one knows that both are ours.

        What was applied is left out until all is done, so that the next run has something to do.

        :param by: how the new one is known.
        """
        self._write(family, key, {"id": identifier, **marks.Mark(owner).texts(), "by": by})

    def follow(self, family: str, key: str, identifier: str) -> None:
        """After a look at what a killed run left: its mark is that of the object that stays. The server hears of it when all is done."""
        self._read()[_tag(family, key)] = json.dumps({**self._found(family, key), "id": identifier})

    def names(self, family: str) -> list[str]:
        """Keys of all objects of a family that have a mark."""
        found = []
        for name, value in self._read().items():
            if name.startswith(_PREFIX) and value:
                with contextlib.suppress(ValueError):
                    whole = str(json.loads(value).get("name", ""))
                    if whole.startswith(f"{family}/"):
                        found.append(whole.partition("/")[2])
        return found

    def keep(self, family: str, key: str, mark: marks.Mark, identifier: str | None) -> None:
        """Writes a mark."""
        self._write(family, key, {"id": identifier, **mark.texts()})

    def _write(self, family: str, key: str, texts: t.Mapping[str, t.Any]) -> None:
        value = json.dumps({"name": f"{family}/{key}", **texts}, separators=(",", ":"))
        name = _tag(family, key)
        if self._read().get(name) == value:
            return
        if self._experiment is None:
            self._experiment = self._made()
        self._api.set("2.0/experiments/set-experiment-tag", experiment_id=self._experiment, key=name, value=value)
        self._read()[name] = value

    def _made(self) -> str:
        try:
            made = self._api.post("2.0/experiments/create", name=EXPERIMENT, tags=[{"key": "mlflow.note.content", "value": _NOTE}])
        except (LostError, RefusedError):
            made = (self._api.find("2.0/experiments/get-by-name", experiment_name=EXPERIMENT) or {}).get("experiment") or {}
            if not made:
                raise
        return str(made["experiment_id"])  # the answer was lost, or another run made it meanwhile

    def remove(self, family: str, key: str) -> None:
        """Removes the mark of an object that is gone."""
        name = _tag(family, key)
        if self._read().get(name):
            # An empty value says the same as no tag, and servers before 3.4 cannot delete one.
            self._api.set("2.0/experiments/set-experiment-tag", experiment_id=self._experiment, key=name, value="")
            self._read()[name] = ""


def _tag(family: str, key: str) -> str:
    # Names may be longer than a tag's key, and hold what it may not.
    return _PREFIX + hashlib.sha256(f"{family}/{key}".encode()).hexdigest()[:24]


def owned_texts(tags: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """Tags without what belongs to Ansible."""
    return {key: value for key, value in (tags or {}).items() if key not in marks.KEYS and not key.startswith(_PREFIX)}
