# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps secrets out of everything that is shown, and tells whether one changed without keeping it."""

from __future__ import annotations

import hashlib
import hmac
import re
import typing as t
import urllib.parse

from .compare import MASK, Json

HIDDEN = "(hidden)"
_PASSWORD = re.compile(r"[a-z]+://[^/?#@:]*:([^/?#]*)@")
# Shorter values are taken out where their key says what they are; searched for in texts they would hide half of them.
_SHORTEST = 6


def redacted(value: Json, keys: t.Collection[str], name: str = "") -> Json:
    """A copy with the values of secret keys hidden, at whatever depth; a map under a secret key is secret as a whole."""
    if isinstance(value, dict):
        return {key: redacted(item, keys, name if name in keys else key) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, keys, name) for item in value]
    return HIDDEN if name in keys and value not in (None, "") else value


def collected(value: Json, keys: t.Collection[str], name: str = "") -> set[str]:
    """The secrets in an object, to be taken out of messages."""
    if isinstance(value, dict):
        return {found for key, item in value.items() for found in collected(item, keys, name if name in keys else key)}
    if isinstance(value, list):
        return {found for item in value for found in collected(item, keys, name)}
    if name in keys and isinstance(value, str) and len(value) >= _SHORTEST and value != MASK:
        return {value}
    return set()


def passwords(addresses: t.Iterable[str]) -> set[str]:
    """Passwords in addresses, as they stand there and as they are meant."""
    found = {match[1] for match in map(_PASSWORD.match, addresses) if match}
    return {value for value in found | set(map(urllib.parse.unquote, found)) if len(value) >= _SHORTEST}


def scrubbed(text: str, secrets: t.Iterable[str]) -> str:
    """A text without these secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text


def fingerprint(key: str, field: str, value: Json) -> str:
    """What is kept of a write-only secret: without the key nobody can try values against it."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # some servers keep a text in a list of one
    return hmac.new(key.encode(), f"{field}\0{value}".encode(), hashlib.sha256).hexdigest()[:20]
