# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a running platform: a look over HTTP, and a report of many looks for people and for programs."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import ssl
import tempfile
import time
import typing as t
import urllib.parse


class Check(t.TypedDict):
    """The outcome of one look."""

    name: str
    ok: bool
    detail: str
    seconds: float


# One look cannot need more than this of an answer.
MAX_BODY = 1 << 20


def http_check(want: dict[str, t.Any], timeout: float, ca_path: str | None = None) -> Check:
    """Asks one URL and compares the answer; a failure is an outcome, never an exception.

    :param want: name, url, method, headers, body, status (list of accepted ones), contains, header (name and part of its value).
    :param timeout: seconds for the connection and for each read.
    :param ca_path: certificate authorities to trust beside the system's.
    """
    began = time.monotonic()
    try:
        status, headers, body = _ask(want, timeout, ca_path)
        problem, detail = _compare(want, status, headers, body)
    except (OSError, http.client.HTTPException, ValueError) as exc:
        problem, detail = f"{want['url']} does not answer: {exc or type(exc).__name__}", ""
    return {"name": want["name"], "ok": not problem, "detail": problem or detail, "seconds": round(time.monotonic() - began, 3)}


def _ask(want: dict[str, t.Any], timeout: float, ca_path: str | None) -> tuple[int, http.client.HTTPMessage, str]:
    parts = urllib.parse.urlsplit(want["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no address of http or https")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        tls = ssl.create_default_context()
        if ca_path:
            tls.load_verify_locations(ca_path)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    headers = {str(name): str(value) for name, value in (want.get("headers") or {}).items()}
    body = None
    if want.get("body") is not None:
        body = json.dumps(want["body"]).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(want.get("method") or "GET", target, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read(MAX_BODY).decode("utf-8", "replace")
    finally:
        connection.close()


def _compare(want: dict[str, t.Any], status: int, headers: http.client.HTTPMessage, body: str) -> tuple[str, str]:
    expected = want.get("status") or [200]
    if status not in expected:
        return f"{want['url']} answered {status} instead of {' or '.join(map(str, expected))}: {_line(body)}", ""
    for name, part in (want.get("header") or {}).items():
        if str(part).lower() not in (headers.get(name) or "").lower():
            return f"{want['url']} answered with {name} {headers.get(name)!r}, without {part!r}", ""
    part = want.get("contains")
    if part and part not in body:
        return f"{want['url']} answered without {part!r}: {_line(body)}", ""
    return "", f"{want.get('method') or 'GET'} {urllib.parse.urlsplit(want['url']).path or '/'} {status}"


def _line(body: str) -> str:
    return " ".join(body.split())[:160] or "(no text)"


def http_checks(wanted: list[dict[str, t.Any]], timeout: float, ca_path: str | None = None) -> list[Check]:
    """All looks at once, outcomes in the order of the list."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, len(wanted)) or 1) as pool:
        return list(pool.map(lambda want: http_check(want, timeout, ca_path), wanted))


def table(checks: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """Lines for people: outcome, name, seconds and the first line of what was seen, aligned."""
    width = max((len(str(check["name"])) for check in checks), default=0)
    lines = []
    for check in checks:
        verdict = "ok" if check["ok"] else "FAILED"
        seen = (str(check["detail"]).strip().splitlines() or [""])[0]
        lines.append(f"{verdict:<6}  {check['name']!s:<{width}}  {check['seconds']:>7.2f} s  {seen}".rstrip())
    return lines


def report(checks: t.Sequence[t.Mapping[str, t.Any]], started: str, mode: str) -> dict[str, t.Any]:
    """What programs read. Without a single check nothing is proved, so that is not ok."""
    return {"ok": bool(checks) and all(check["ok"] for check in checks), "mode": mode, "started": started, "checks": [dict(check) for check in checks]}


def write(path: str, content: dict[str, t.Any]) -> None:
    """Writes a report whole or not at all; its folder is made when it is missing."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=folder, prefix=".report-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2)
            stream.write("\n")
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
