# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks of objects that have no place of their own for one (flows, components, required actions, …), in attributes of the realm."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import typing as t

from ..engine.marks import Mark

PREFIX = "ansible.registry."
_CHUNK = 2000  # characters; an attribute of the realm holds more, but not in every version


class Kept(t.NamedTuple):
    """A mark, and of which object it is: another of the same name may have taken its place.

    :ivar object: hash of the object's identifier, short for there may be thousands of them; empty where it has none, and in marks of old versions.
    """

    mark: Mark
    object: str = ""

    @classmethod
    def of(cls, mark: Mark, identifier: str | None) -> Kept:
        return cls(mark, _hash(identifier))

    def found(self, identifier: str | None) -> Mark | None:
        """The mark, if it is that of the object with this identifier."""
        return None if self.object and identifier and self.object != _hash(identifier) else self.mark


def _hash(identifier: str | None) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()[:8] if identifier else ""


def texts(marks: t.Mapping[str, t.Mapping[str, Kept]]) -> dict[str, str]:
    """The registry as attributes of the realm."""
    result = {}
    for family, kept in sorted(marks.items()):
        if not kept:
            continue
        plain = json.dumps({key: _row(one) for key, one in sorted(kept.items())}, separators=(",", ":"))
        packed = base64.b64encode(gzip.compress(plain.encode(), mtime=0)).decode()
        for number, start in enumerate(range(0, len(packed), _CHUNK)):
            result[f"{PREFIX}{family}.{number}"] = packed[start : start + _CHUNK]
    return result


def _row(kept: Kept) -> list[t.Any]:
    row = [kept.mark.owner, dict(kept.mark.applied), dict(kept.mark.secrets)]
    return [*row, kept.object] if kept.object else row


def read(attributes: t.Mapping[str, str]) -> dict[str, dict[str, Kept]]:
    """The registry from attributes of the realm. What somebody damaged counts as not there: its objects are adopted anew."""
    packed: dict[str, list[tuple[int, str]]] = {}
    for key, value in attributes.items():
        if key.startswith(PREFIX):
            family, _dot, number = key[len(PREFIX) :].rpartition(".")
            if number.isdigit():
                packed.setdefault(family, []).append((int(number), value))
    result = {}
    for family, chunks in packed.items():
        try:
            plain = gzip.decompress(base64.b64decode("".join(chunk for _number, chunk in sorted(chunks))))
            result[family] = {key: Kept(Mark(owner, applied, secrets), *rest) for key, (owner, applied, secrets, *rest) in json.loads(plain).items()}
        except (ValueError, OSError, EOFError, TypeError):
            continue
    return result
