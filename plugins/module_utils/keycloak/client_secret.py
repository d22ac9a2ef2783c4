# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret of one client: set, rotated, and put where it is needed. The one thing here that returns a secret, and only when it is told to."""

from __future__ import annotations

import os
import tempfile
import typing as t

from ..engine.door import Call, Door, Result
from ..engine.errors import EngineError, InvalidError
from .api import Api
from .arguments import COMMON, REALM, overridden, tokens_of

SPEC: dict[str, dict[str, t.Any]] = {
    "client_id": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "rotated"], "default": "present"},
    "value": {"type": "str", "no_log": True},
    "dest": {"type": "path"},
    "mode": {"type": "str", "default": "0600"},
    "return_secret": {"type": "bool", "default": False, "no_log": False},
}


def _run(call: Call) -> Result:
    params = call.params
    if not params["realm"]:
        raise EngineError("realm is missing: name it in the option realm (or KEYCLOAK_REALM)")
    if params["value"] and params["state"] == "rotated":
        raise InvalidError(["value and state: rotated exclude one another: Keycloak chooses the new secret itself"])
    mode = _mode(params["mode"])
    http, tokens = tokens_of(params)
    before, logins = http.counts()["total"], tokens.requests
    api = Api(http, tokens, params["realm"])
    found = api.get("/clients", clientId=params["client_id"]) or []
    if not found:
        raise EngineError(f"client {params['client_id']} does not exist in realm {params['realm']}: create it first, or check its client_id")
    client = found[0]
    if client.get("publicClient") or client.get("bearerOnly"):
        raise EngineError(
            f"client {params['client_id']} is {'public' if client.get('publicClient') else 'bearer-only'} and has no secret: make it confidential first"
        )
    path = f"/clients/{client['id']}"
    now = (api.get(f"{path}/client-secret") or {}).get("value")
    secret, changed = _brought(api, path, client, params, now, call.check)
    written = bool(params["dest"]) and secret is not None and _written(params["dest"], secret, mode, call.check)
    result: Result = {
        "changed": changed or written or (secret is None and bool(params["dest"])),
        "rotated": params["state"] == "rotated" or (changed and now is None),
        "requests": {"total": http.counts()["total"] - before, "token_requests": tokens.requests - logins},
    }
    if params["return_secret"]:
        result["secret"] = secret
    return result


def _brought(api: Api, path: str, client: dict[str, t.Any], params: t.Mapping[str, t.Any], now: str | None, check: bool) -> tuple[str | None, bool]:
    """The secret as it is to be, and whether that is a change; None for one that Keycloak has not chosen yet."""
    if params["value"]:
        if now == params["value"]:
            return now, False
        if not check:
            api.put(path, {**client, "secret": params["value"]})
        return params["value"], True
    if now and params["state"] == "present":
        return now, False
    if check:
        return None, True
    return api.send("POST", f"{path}/client-secret").json()["value"], True


def _mode(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError as exc:
        raise InvalidError([f"mode: {text!r} is no octal number: write it as '0600'"]) from exc


def _written(dest: str, secret: str, mode: int, check: bool) -> bool:
    """Puts the secret into a file that was never readable for others; whether the file was another before."""
    try:
        with open(dest, encoding="utf-8") as stream:
            same = stream.read() == secret and os.stat(dest).st_mode & 0o7777 == mode
    except FileNotFoundError:
        same = False
    except (OSError, ValueError) as exc:
        raise EngineError(f"{dest} cannot be read ({exc}): check dest and who owns it") from exc
    if same or check:
        return not same
    try:
        fd, path = tempfile.mkstemp(dir=os.path.dirname(dest) or ".")  # 0600
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as stream:
                stream.write(secret)
                os.fchmod(fd, mode)
            os.replace(path, dest)
        except OSError:
            os.unlink(path)
            raise
    except OSError as exc:
        raise EngineError(f"{dest} cannot be written ({exc.strerror}): check that its folder is there and may be written to") from exc
    return True


def door() -> Door:
    """The door of keycloak_client_secret."""
    return Door("keycloak_client_secret", {**COMMON, **REALM, **SPEC}, _run, overridden=overridden)
