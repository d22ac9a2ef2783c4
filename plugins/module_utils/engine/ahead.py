# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ahead in a loop: its items ask for one object each, and one page of the server's list answers many of them."""

from __future__ import annotations

import time
import typing as t

from .family import Entry

_ALONE = 3  # objects asked for one by one, before a list is worth it
_FRESH_FOR = 2.0  # seconds for which a list counts as what is there; a document's reading and writing take as long


class ReadAhead:
    """The objects of one list of one server, for the items of a loop, which run one after the other in one process.

    What we write ourselves is known at once; what others write, when the list is read again. Where a page does not hold the whole list,
    objects are asked for one by one.

    :ivar name_of: an object's name, by which it is asked for.
    """

    def __init__(self, name_of: t.Callable[[Entry], str], clock: t.Callable[[], float] = time.monotonic) -> None:
        self.name_of = name_of
        self._clock = clock
        self._asked = 0
        self._is_long = False
        self._until = 0.0
        self._there: dict[str, Entry] = {}
        self._doubtful: set[str] = set()

    def find(self, name: str, one: t.Callable[[str], Entry | None], page: t.Callable[[], t.Sequence[Entry] | None]) -> Entry | None:
        """An object as the server has it; None where there is none.

        :param one: asks the server for one object.
        :param page: asks for its list; None when there is more than one page of it.
        """
        if self._clock() >= self._until:
            self._read(page)
        if self._clock() < self._until and name not in self._doubtful:
            return self._there.get(name)
        self._asked += 1
        found = one(name)
        if found is not None:
            self.keep(found)
        return found

    def _read(self, page: t.Callable[[], t.Sequence[Entry] | None]) -> None:
        if self._asked < _ALONE or self._is_long:
            return
        asked_at = self._clock()
        listed = page()
        if listed is None:
            self._is_long = True
            return
        self._there = {self.name_of(item): item for item in listed}
        self._doubtful = set()
        self._until = asked_at + _FRESH_FOR

    def keep(self, item: Entry) -> None:
        """Remembers an object that the server has just shown."""
        self._there[self.name_of(item)] = item
        self._doubtful.discard(self.name_of(item))

    def doubt(self, *names: str) -> None:
        """Forgets objects that are being written: the server is asked for them."""
        self._doubtful.update(names)
