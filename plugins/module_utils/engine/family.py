# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a product tells the engine about one family of its objects (clients, experiments, …)."""

from __future__ import annotations

import typing as t

from . import marks
from .compare import Change, Json, Rules

if t.TYPE_CHECKING:
    from .plan import Plan

Entry = dict[str, Json]
Server = t.TypeVar("Server")


class Family(t.Generic[Server]):
    """Subclass it once per family; the engine plans and applies by these methods alone.

    :cvar name: key in the document and in results.
    :cvar rules: how objects are compared.
    :cvar parallel: whether several objects may be written at the same time.
    :cvar prunable: whether objects that are not declared may be deleted at all.
    :cvar marked: whether objects carry an ownership mark; those that are part of somebody else's object do not.
    :cvar linked: whether objects refer to others of their own family, which is written in a second pass, by link().
    """

    name: t.ClassVar[str]
    rules: t.ClassVar[Rules] = Rules()
    parallel: t.ClassVar[bool] = True
    prunable: t.ClassVar[bool] = True
    marked: t.ClassVar[bool] = True
    linked: t.ClassVar[bool] = False

    def entries(self, document: Entry) -> list[Entry]:
        """The declared objects, as the document has them."""
        return list(document.get(self.name) or [])

    def key(self, entry: Entry) -> str:
        """The name by which an object of the document and one of the server are the same."""
        return str(entry["name"])

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        """What is wrong with the declared objects, found without the server: one line each."""
        return []

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Server) -> list[str]:
        """What is wrong with them on this server (a missing provider, a reference to nothing), found before the first write."""
        return []

    def problems_planned(self, made: Plan, server: Server) -> list[str]:
        """What a plan would break on the server (an object that is still in use would go), found before the first write."""
        return []

    def read(self, server: Server, keys: t.Collection[str]) -> dict[str, Entry]:
        """The server's objects by key, in the document's format. What costs a request per object is read for these keys only."""
        raise NotImplementedError

    def builtin(self, current: Entry) -> bool:
        """Whether the product itself made the object: it is never deleted."""
        return False

    def mark(self, server: Server, key: str, current: Entry) -> marks.Mark | None:
        """The ownership mark of an object; None where it has none."""
        return marks.read(current.get("attributes"))

    def twins(self, current: Entry) -> t.Sequence[str]:
        """Identifiers of all objects of this name, itself first, where the server takes a name more than once."""
        del current
        return ()

    def is_left(self, gone: Entry, found: Entry) -> bool:
        """Whether what is found by the name of a deleted object is that object still, and not another of the same name."""
        del gone, found
        return True

    def create(self, server: Server, entry: Entry, mark: marks.Mark | None) -> Entry | None:
        """Creates an object with its mark; None for no mark. Where it takes several requests, the whole mark comes with the last
        (Mark.without() makes that of an earlier one).

        :returns: what read() would find now, where the server's answer holds what it stored; None where it has to be asked.
        """
        raise NotImplementedError

    def update(self, server: Server, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        """Writes changed fields and the mark: that with the last of the requests, for it says that they have been applied.

        :param current: the server's object as it was read.
        :param wanted: the same with every change in it.
        :param changes: the fields that differ; none when only the mark does.
        """
        raise NotImplementedError

    def delete(self, server: Server, current: Entry) -> None:
        """Deletes an object."""
        raise NotImplementedError

    def stage(self, entry: Entry) -> int:
        """Objects of one stage are written at the same time, and before those of the next; entries() gives them in that order.
        Deletions go the other way."""
        del entry
        return 0

    def link(self, server: Server, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        """Writes what refers to other objects of the same family, once all of them are there, and then the mark that create() or update()
        has left to it; for `linked` families.

        :param changes: as for update(); every declared field of a new object.
        """
        raise NotImplementedError
