# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are generated once, kept, copied and read back."""

from __future__ import annotations

import base64
import secrets
import string
import typing as t

from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ApiError, Client, Json, KubeError

PLACEHOLDER = "not known before a real run"
FORMATS: dict[str, t.Callable[[int], str]] = {
    "alphanumeric": lambda length: "".join(secrets.choice(string.ascii_letters + string.digits) for _unused in range(length)),
    "hex": lambda length: secrets.token_hex((length + 1) // 2)[:length],
    "base64": lambda length: base64.b64encode(secrets.token_bytes(length)).decode(),
    "base64url": lambda length: base64.urlsafe_b64encode(secrets.token_bytes(length)).decode(),
}


class Plan(t.NamedTuple):
    """What has to be written: base64 values by key, and the keys by what happens to them."""

    write: dict[str, str]
    created: list[str]
    changed: list[str]


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plan(wanted: dict[str, Json], existing: dict[str, str] | None, copied: dict[str, str]) -> Plan:
    """What is missing or differs; pure but for the dice.

    :param wanted: by key: ``generate`` (kept once it exists), ``value`` or ``from`` (kept in step).
    :param existing: the Secret's data; None where it does not exist.
    :param copied: base64 values by key, for the keys with ``from``.
    """
    have = existing or {}
    write: dict[str, str] = {}
    for key, source in wanted.items():
        if source.get("generate") is not None:
            if not have.get(key):
                rule = source["generate"]
                write[key] = encode(FORMATS[rule["format"]](rule["length"]))
            continue
        value = copied[key] if source.get("from") is not None else encode(source["value"])
        if have.get(key) != value:
            write[key] = value
    return Plan(write, sorted(key for key in write if key not in have), sorted(key for key in write if key in have))


def read_copies(client: Client | None, wanted: dict[str, Json], check_mode: bool) -> dict[str, str]:
    """The values of keys with ``from``, each Secret read once.

    :raises KubeError: naming all that is missing; in check mode a placeholder takes its place.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    values, missing = {}, []
    for key, source in wanted.items():
        origin = source.get("from")
        if origin is None:
            continue
        where = (origin["namespace"], origin["name"])
        if where not in found:
            found[where] = read(client, *where) or {}
        if origin["key"] in found[where]:
            values[key] = found[where][origin["key"]]
        else:
            values[key] = encode(PLACEHOLDER)
            missing.append(f"Secret {'/'.join(where)} with key {origin['key']} does not exist")
    if missing and not check_mode:
        raise KubeError("; ".join(missing) + ": install what makes it first, or correct the name")
    return values


def read(client: Client | None, namespace: str, name: str) -> dict[str, str] | None:
    """The base64 data of a Secret; None where there is none."""
    found = client.find(path_of(namespace, name)) if client else None
    return None if found is None else found.get("data") or {}


def path_of(namespace: str, name: str | None = None) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def write(client: Client, namespace: str, name: str, kind: str, labels: dict[str, str], existing: Json | None, data: dict[str, str]) -> bool:
    """Writes what changed; False when somebody else created the Secret in the meantime, whose values must then be read again."""
    if existing is None:
        body = {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"namespace": namespace, "name": name, "labels": labels}, "data": data}
        method, path, content_type = "POST", path_of(namespace), "application/json"
    else:
        # With the version that was read: a value somebody else wrote in the meantime is not overwritten.
        version = existing["metadata"].get("resourceVersion")
        body = {"metadata": {"labels": labels, "resourceVersion": version}, "data": data}
        method, path, content_type = "PATCH", path_of(namespace, name), "application/merge-patch+json"
    try:
        client.request(method, path, body, {"fieldManager": "mlops-platform"}, content_type)
    except ApiError as exc:
        if exc.status == 409:
            return False
        raise
    return True


def decoded(data: dict[str, str]) -> dict[str, str]:
    """Values as text; what is not text is left out."""
    result = {}
    for key, value in data.items():
        try:
            result[key] = base64.b64decode(value).decode()
        except ValueError:
            continue
    return result
