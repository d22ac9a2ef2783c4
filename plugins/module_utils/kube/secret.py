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
_KINDS = ("generate", "value", "from")
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
    updated: list[str]


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def declared(item: Json) -> tuple[dict[str, Json], dict[str, Json]]:
    """What a Secret must hold, however it was said: generated and given values by key, and origins of copies by key."""
    sources: dict[str, Json] = {entry["key"]: {kind: entry[kind] for kind in _KINDS if entry.get(kind) is not None} for entry in item.get("keys") or []}
    sources.update(item.get("data") or {})
    copy = item.get("copy") or {}
    for old, new in (copy.get("keys") or {}).items():
        sources[new] = {"from": {"namespace": copy["namespace"], "name": copy["name"], "key": old}}
    copies = {key: source["from"] for key, source in sources.items() if isinstance(source, dict) and "from" in source}
    return {key: source for key, source in sources.items() if key not in copies}, copies


def problems(data: dict[str, t.Any]) -> list[str]:
    """What is wrong with the declaration of generated and given values by key; a sentence each."""
    found = []
    for key, source in data.items():
        if not isinstance(source, dict) or len(source) != 1 or next(iter(source)) not in ("generate", "value"):
            found.append(f"{key}: say one of {{generate: {{length: 32}}}}, {{value: text}} and {{from: {{namespace, name, key}}}}")
            continue
        if "value" in source:
            if not isinstance(source["value"], (str, int)):
                found.append(f"{key}: the value must be text")
            continue
        rule = source["generate"] or {}
        if not isinstance(rule, dict) or set(rule) - {"length", "format"}:
            found.append(f"{key}: generate takes length and format only")
        elif rule.get("format", "alphanumeric") not in FORMATS:
            found.append(f"{key}: format is one of {', '.join(FORMATS)}")
        elif not str(rule.get("length", 32)).isdigit() or not 8 <= int(rule.get("length", 32)) <= 1024:
            found.append(f"{key}: length is a number from 8 to 1024")
    return found


def plan(data: dict[str, Json], copied: dict[str, str], existing: dict[str, str]) -> Plan:
    """What is missing or differs; pure but for the dice.

    :param data: by key, ``generate`` (kept once there is a value) or ``value`` (kept in step).
    :param copied: base64 values by key, kept in step too.
    :param existing: base64 values that are there.
    """
    write = {}
    for key, source in data.items():
        if "generate" not in source:
            write[key] = encode(str(source["value"]))
        elif not existing.get(key):
            rule = source["generate"] or {}
            write[key] = encode(FORMATS[rule.get("format", "alphanumeric")](int(rule.get("length", 32))))
    write.update(copied)
    write = {key: value for key, value in write.items() if existing.get(key) != value}
    return Plan(write, sorted(set(write) - set(existing)), sorted(set(write) & set(existing)))


def read_copies(client: Client | None, copies: dict[str, Json], check_mode: bool) -> dict[str, str]:
    """The values to copy, each Secret read once.

    :raises KubeError: naming all that is missing; in check mode a placeholder takes its place.
    """
    found: dict[tuple[str, str], dict[str, str] | None] = {}
    values, missing = {}, []
    for key, origin in copies.items():
        where = (origin["namespace"], origin["name"])
        if where not in found:
            found[where] = read(client, *where)
        have = found[where]
        if origin["key"] not in (have or {}):
            missing.append(f"Secret {'/'.join(where)} " + ("does not exist" if have is None else f"has no {origin['key']}, only {', '.join(sorted(have))}"))
        values[key] = (have or {}).get(origin["key"], encode(PLACEHOLDER))
    if missing and not check_mode:
        raise KubeError("; ".join(dict.fromkeys(missing)) + ": install what makes it first, or correct the name")
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


def ensure(client: Client | None, item: Json, check_mode: bool) -> Json:
    """Brings one Secret about.

    :param item: namespace, name, type, labels, and what it must hold, as in the module.
    :returns: changed, created, updated, and the values by key as data.
    """
    namespace, name = item["namespace"], item["name"]
    wanted, copies = declared(item)
    copied = read_copies(client, copies, check_mode)
    for _attempt in range(5):
        existing = client.find(path_of(namespace, name)) if client else None
        have = (existing or {}).get("data") or {}
        todo = plan(wanted, copied, have)
        labels = ((existing or {}).get("metadata") or {}).get("labels") or {}
        relabel = any(labels.get(key) != value for key, value in item["labels"].items())
        changed = existing is None or bool(todo.write) or relabel
        if not changed or check_mode or client is None or write(client, namespace, name, item["type"], item["labels"], existing, todo.write):
            break
    else:
        raise KubeError("it is being changed by somebody else all the time")
    values = decoded({**have, **todo.write})
    if check_mode:
        values.update({key: PLACEHOLDER for key in todo.created if "generate" in wanted.get(key, {})})
    return {"changed": changed, "created": todo.created, "updated": todo.updated, "data": values}


def decoded(data: dict[str, str]) -> dict[str, str]:
    """Values as text; what is not text is left out."""
    result = {}
    for key, value in data.items():
        try:
            result[key] = base64.b64decode(value).decode()
        except ValueError:
            continue
    return result
