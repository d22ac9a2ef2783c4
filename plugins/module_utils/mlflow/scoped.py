# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the families of MLflow share: objects live in a workspace, and many have tags, which keep their mark."""

from __future__ import annotations

import typing as t

from ..engine import marks
from ..engine.compare import Change
from ..engine.errors import RefusedError
from ..engine.family import Entry, Family
from . import documents
from .registry import owned_texts

if t.TYPE_CHECKING:
    from .session import Session


class MlflowFamily(Family["Session"]):
    """A family of objects that belong to the server as a whole.

    :cvar path: where the document has the family.
    :cvar fields: keys that an entry may have.
    :cvar required: those it must have.
    :cvar since: version of MLflow that has the family first; on older servers it is empty, and may not be declared.
    :cvar gateway: whether it is part of the AI gateway, which may be switched off.
    :cvar registered: whether its objects have no place for a mark, so that the registry keeps it.
    """

    path: t.ClassVar[tuple[str, ...]] = ()
    fields: t.ClassVar[t.Mapping[str, documents.Kind]] = {}
    required: t.ClassVar[tuple[str, ...]] = ("name",)
    scoped: t.ClassVar[bool] = False
    registered: t.ClassVar[bool] = False
    since: t.ClassVar[tuple[int, int]] = (3, 10)
    gateway: t.ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: t.Any) -> None:
        super().__init_subclass__(**kwargs)
        if "path" not in cls.__dict__ and hasattr(cls, "name"):
            cls.path = (cls.name,)

    def entries(self, document: Entry) -> list[Entry]:
        return [dict(entry) for entry in documents.listed(document, self.path)]

    def key(self, entry: Entry) -> str:
        return str(entry.get("name") or "")

    def label(self, entry: Entry) -> str:
        """The object in a message about the document."""
        return f"{self.name}/{self.key(entry) or '(without a name)'}"

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        return [line for entry in entries for line in documents.entry_problems(self.label(entry), entry, self.fields, self.required)]

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        return marks.read(tags_of(server.raw(self.name, key).get("tags")))


class ScopedFamily(MlflowFamily):
    """A family of objects that live in a workspace; entries carry its name (empty for the default one)."""

    scoped: t.ClassVar[bool] = True

    def entries(self, document: Entry) -> list[Entry]:
        return documents.within(document, self.path)

    def key(self, entry: Entry) -> str:
        return documents.key(str(entry.get("name") or ""), str(entry.get("workspace") or ""))


class TwinFamily(ScopedFamily):
    """A family of which the server takes one name twice. The one with a mark is the declared one; the others are somebody else's."""

    def found(self, server: Session, result: dict[str, Entry], key: str, identifier: str, item: Entry, entry: Entry) -> None:
        """Takes an object of the server into the result of read().

        :param item: as the server returns it.
        :param entry: the same in the document's format, with its workspace.
        """
        others = result.get(key, {}).get("_twins", [])
        if not others or server.registry(entry["workspace"]).mark(self.name, key, identifier):
            server.learn(self.name, key, identifier, item)
            result[key] = {**entry, "_twins": [identifier, *others]}
        else:
            others.append(identifier)

    def twins(self, current: Entry) -> t.Sequence[str]:
        return list(current["_twins"])

    def is_left(self, gone: Entry, found: Entry) -> bool:
        return gone["_twins"][0] in found["_twins"]


def keep_the_oldest(mine: str, named_alike: t.Sequence[Entry], identifier: str, created: str, delete: t.Callable[[str], object]) -> None:
    """What a server takes twice under one name was possibly made by two runs at once: all of them keep the oldest, and delete their own.

    :param mine: identifier of the one just made.
    :param named_alike: all of its name, as the server returns them after that.
    :param identifier: key of their identifier.
    :param created: key of the time at which they were made.
    :raises RefusedError: where ours is gone again, as if the server had refused it for the other.
    """
    oldest = min(named_alike, key=lambda item: (int(item.get(created) or 0), str(item[identifier])), default={identifier: mine})
    if str(oldest[identifier]) != mine:
        delete(mine)
        raise RefusedError("another run made it at the same time: run again", status=409, code="RESOURCE_ALREADY_EXISTS")


def tags_of(listed: t.Any) -> dict[str, str]:
    """MLflow's list of tags as a map."""
    return {str(tag["key"]): str(tag.get("value", "")) for tag in listed or []}


def tag_list(tags: t.Mapping[str, t.Any] | None, mark: marks.Mark | None = None) -> list[dict[str, str]]:
    """A map of tags, and a mark, as MLflow takes them."""
    found = {key: value for key, value in (tags or {}).items() if value is not None}
    return [{"key": key, "value": str(value)} for key, value in {**found, **(mark.texts() if mark else {})}.items()]


def plain_tags(tags: t.Mapping[str, str], declared: t.Collection[str] = ()) -> dict[str, str]:
    """Tags as people set them: MLflow's own (mlflow.…, _mlflow…) only where they are declared."""
    return {key: value for key, value in owned_texts(tags).items() if key in declared or not key.startswith(("mlflow.", "_mlflow"))}


def tag_changes(changes: t.Sequence[Change], wanted: Entry) -> tuple[dict[str, str], list[str]]:
    """Tags to set and to remove."""
    texts: dict[str, str] = {}
    gone: list[str] = []
    for change in changes:
        if change.path[0] != "tags":
            continue
        for name, value in {change.path[1]: change.after}.items() if len(change.path) > 1 else _whole(change, wanted).items():
            if value is None:
                gone.append(name)
            else:
                texts[name] = str(value)
    return texts, gone


def mark_changes(mark: marks.Mark | None, before: t.Mapping[str, str]) -> dict[str, str]:
    """Tags to set for a mark, when all that it says has been written.

    :param before: all tags of the object, as the server has them.
    """
    return {name: value for name, value in (mark.texts() if mark else {}).items() if before.get(name) != value}


def _whole(change: Change, wanted: Entry) -> dict[str, t.Any]:
    # `tags: null`, or tags that exact mode takes away
    there = change.before if isinstance(change.before, dict) else {}
    return {**dict.fromkeys(there), **(wanted.get("tags") or {})}
