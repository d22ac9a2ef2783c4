# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the realm by locale and key."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.family import Entry
from ...engine.http import quote
from ..base import Base, plain
from ..session import Session


class Localization(Base):
    """`localizationTexts`: a map from locale to texts; one entry for each locale."""

    name = "localizationTexts"
    named = "locale"
    rules = Rules(strings=frozenset({"texts"}))
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        return [{"locale": str(locale), "texts": dict(texts or {})} for locale, texts in (document.get(self.name) or {}).items()]

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        result = {}
        for locale in server.api.get("/localization") or []:
            texts = server.api.get(f"/localization/{quote(locale)}") or {} if locale in keys else {}
            result[str(locale)] = {"locale": locale, "texts": texts}
        return result

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        server.api.post(f"/localization/{quote(entry['locale'])}", plain(entry["texts"]))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        path = f"/localization/{quote(wanted['locale'])}"
        changed = {change.path[1]: change.after for change in changes if len(change.path) > 1}
        texts = {key: value for key, value in changed.items() if value is not None}
        if texts:
            server.api.post(path, texts)  # others stay
        for key in [key for key, value in changed.items() if value is None]:
            server.api.delete(f"{path}/{quote(key)}")

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/localization/{quote(current['locale'])}")
