# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs of a client without a shared secret: JWTs it signs itself (RFC 7523), or that somebody else signed for it.

RS256 is done here, for the standard library has no RSA: a signature is one power of a large number.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
import time
import typing as t

from ..engine.errors import EngineError

_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)
_LIFE = 60  # seconds

Audience = t.Callable[[], str]  # asks the server by what name it wants to be addressed
Assertion = t.Callable[[Audience], str]


def given(token: str) -> Assertion:
    """A JWT that somebody else made."""
    return lambda audience: token.strip()


def from_file(path: str) -> Assertion:
    """A JWT in a file that somebody else keeps fresh, such as the token of a Kubernetes service account; read at every login."""

    def read(audience: Audience) -> str:
        del audience
        try:
            with open(path, encoding="utf-8") as stream:
                return stream.read().strip()
        except OSError as exc:
            raise EngineError(f"auth_assertion_file {path} cannot be read ({exc.strerror}): is it mounted, and readable for this user?") from exc

    return read


def signed(client_id: str, private_key: str, key_id: str = "") -> Assertion:
    """JWTs signed with the client's own RSA key (private_key_jwt).

    :param private_key: PEM, without a passphrase.
    :param key_id: goes into the header, where the server knows several keys of the client.
    :raises EngineError: for anything but such a key.
    """
    modulus, exponent = rsa_key(private_key)

    def make(audience: Audience) -> str:
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
        claims = {"iss": client_id, "sub": client_id, "aud": audience(), "jti": secrets.token_hex(16), "iat": now, "nbf": now - 5, "exp": now + _LIFE}
        content = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        return f"{content}.{_base64(_signature(content.encode(), modulus, exponent))}"

    return make


def _signature(content: bytes, modulus: int, exponent: int) -> bytes:
    size = (modulus.bit_length() + 7) // 8
    tail = _SHA256_PREFIX + hashlib.sha256(content).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail
    return pow(int.from_bytes(padded, "big"), exponent, modulus).to_bytes(size, "big")


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def rsa_key(pem: str) -> tuple[int, int]:
    """Modulus and private exponent of an RSA key in PEM (PKCS#1 or PKCS#8).

    :raises EngineError: for anything else.
    """
    found = _PEM.search(pem)
    if not found:
        raise EngineError("auth_private_key is no PEM: give the key itself, from -----BEGIN to -----END, not the name of its file")
    label, content = found.groups()
    if "ENCRYPTED" in label or "ENCRYPTED" in content:
        raise EngineError("auth_private_key has a passphrase: give it without one, kept by Ansible Vault")
    try:
        fields = _sequence(base64.b64decode(content, validate=False))
        if label == "PRIVATE KEY":
            fields = _sequence(fields[2])  # version, algorithm, key
        numbers = [int.from_bytes(field, "big") for field in fields[:4]]
        modulus, exponent = numbers[1], numbers[3]
    except (binascii.Error, IndexError, ValueError):
        modulus = exponent = 0
    if label not in ("PRIVATE KEY", "RSA PRIVATE KEY") or modulus.bit_length() < 1024 or not exponent:
        raise EngineError(f"auth_private_key is no RSA key (it says {label}): only RS256 is done here, give the client an RSA key")
    return modulus, exponent


def _sequence(der: bytes) -> list[bytes]:
    """Contents of the elements of a DER sequence."""
    result = []
    rest, _after = _element(der)
    while rest:
        content, rest = _element(rest)
        result.append(content)
    return result


def _element(der: bytes) -> tuple[bytes, bytes]:
    """Content of the first DER element, and what follows it."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if start + length > len(der):
        raise ValueError("cut short")
    return der[start : start + length], der[start + length :]
