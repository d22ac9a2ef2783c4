# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that keeps no users: there is nothing to read, and nothing to prune."""

from __future__ import annotations

import typing as t

from ...engine.family import Entry
from .backend import Backend
from .model import Grant


class Nothing(Backend):
    """Stands in where no users, roles or grants are declared."""

    name = "no permissions"

    def users(self, names: t.Collection[str]) -> list[Entry]:
        return []

    def roles(self, keys: t.Collection[str]) -> list[Entry]:
        return []

    def grants(self, asked: t.Collection[Grant] | None) -> dict[Grant, str]:
        return {}
