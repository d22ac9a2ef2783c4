# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks of objects that have no place of their own for one (flows, components, required actions, …), in attributes of the realm."""

from __future__ import annotations

import base64
import gzip
import json
import typing as t

from ..engine.marks import Mark

PREFIX = "ansible.registry."
_CHUNK = 2000  # characters; an attribute of the realm holds more, but not in every version


def texts(marks: t.Mapping[str, t.Mapping[str, Mark]]) -> dict[str, str]:
    """The registry as attributes of the realm."""
    result = {}
    for family, kept in sorted(marks.items()):
        if not kept:
            continue
        plain = json.dumps({key: [mark.owner, dict(mark.applied), dict(mark.secrets)] for key, mark in sorted(kept.items())}, separators=(",", ":"))
        packed = base64.b64encode(gzip.compress(plain.encode(), mtime=0)).decode()
        for number, start in enumerate(range(0, len(packed), _CHUNK)):
            result[f"{PREFIX}{family}.{number}"] = packed[start : start + _CHUNK]
    return result


def read(attributes: t.Mapping[str, str]) -> dict[str, dict[str, Mark]]:
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
            result[family] = {key: Mark(owner, applied, secrets) for key, (owner, applied, secrets) in json.loads(plain).items()}
        except (ValueError, OSError, EOFError, TypeError):
            continue
    return result
