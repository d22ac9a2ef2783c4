# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of MLflow through the gateway on 127.0.0.1: many at once, with a token and without a login, in turns.

Every connection asks one thing after the other, over TLS that is verified; the time of a read is from its first byte sent to its last received.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import statistics
import time
from collections.abc import Iterable, Sequence

CONCURRENT = 200
ROUNDS = 10
PATH = "/api/2.0/mlflow/experiments/search?max_results=5"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100)[94]


async def connected(host: str, port: int, ca: str, many: int) -> list[Connection]:
    trusted = ssl.create_default_context(cafile=ca)
    # A few at a time: what is measured are reads, not greetings.
    connections: list[Connection] = []
    while len(connections) < many:
        some = min(20, many - len(connections))
        connections += await asyncio.gather(*[asyncio.open_connection("127.0.0.1", port, ssl=trusted, server_hostname=host) for _number in range(some)])
    return connections


async def read(connection: Connection, request: bytes) -> tuple[float, int]:
    """Seconds and status of one read."""
    reader, writer = connection
    start = time.perf_counter()
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in head.split("\r\n")[1:])}
    if headers.get("transfer-encoding") == "chunked":
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(headers["content-length"]))
    return time.perf_counter() - start, int(head.split()[1])


async def rounds(port: int, ca: str, sides: dict[str, dict[str, str]]) -> dict[str, list[tuple[float, int]]]:
    """All reads of each side, a host with its headers; the sides take turns."""
    requests: dict[str, bytes] = {}
    connections: dict[str, list[Connection]] = {}
    found: dict[str, list[tuple[float, int]]] = {host: [] for host in sides}
    for host, headers in sides.items():
        lines = [f"GET {PATH} HTTP/1.1", f"Host: {host}:{port}", *(f"{name}: {value}" for name, value in headers.items())]
        requests[host] = "\r\n".join([*lines, "", ""]).encode()
        connections[host] = await connected(host, port, ca, CONCURRENT)
        for connection in connections[host]:  # the first read of a connection finds nothing warm
            await read(connection, requests[host])
    for number in range(ROUNDS):
        for host in sorted(sides, reverse=bool(number % 2)):
            found[host] += await asyncio.gather(*[read(connection, requests[host]) for connection in connections[host]])
    for _reader, writer in (connection for listed in connections.values() for connection in listed):
        writer.close()
    return found


async def alone(port: int, ca: str, sides: dict[str, dict[str, str]], many: int = 300) -> dict[str, float]:
    """Median seconds of a read when nothing else is read, for each side; in turns."""
    times: dict[str, list[float]] = {host: [] for host in sides}
    ready = {}
    for host, headers in sides.items():
        lines = [f"GET {PATH} HTTP/1.1", f"Host: {host}:{port}", *(f"{name}: {value}" for name, value in headers.items())]
        ready[host] = ((await connected(host, port, ca, 1))[0], "\r\n".join([*lines, "", ""]).encode())
    for _number in range(many):
        for host, (connection, request) in ready.items():
            times[host].append((await read(connection, request))[0])
    return {host: statistics.median(seconds) for host, seconds in times.items()}


def errors(reads: Iterable[tuple[float, int]]) -> int:
    return sum(status != 200 for _seconds, status in reads)


def measured(port: int, ca: str, with_login: str, token: str, without: str) -> dict[str, float | int]:
    """The figures of one run.

    :param with_login: host name of the server with a login; `token` is for it.
    :param without: host name of the server without.
    """
    sides = {with_login: {"Authorization": f"Bearer {token}"}, without: {}}
    medians = asyncio.run(alone(port, ca, sides))
    found = asyncio.run(rounds(port, ca, sides))
    with_, without_ = ([seconds for seconds, _status in found[host]] for host in (with_login, without))
    return {
        "reads_each": CONCURRENT * ROUNDS,
        "concurrent": CONCURRENT,
        "errors": errors(found[with_login]) + errors(found[without]),
        "p95_with_login": round(p95(with_), 4),
        "p95_without": round(p95(without_), 4),
        "ratio": round(p95(with_) / p95(without_), 3),
        "median_alone_with_login": round(medians[with_login], 5),
        "median_alone_without": round(medians[without], 5),
        "login_median": round(medians[with_login] - medians[without], 5),
    }


if __name__ == "__main__":
    import sys

    print(json.dumps(measured(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.stdin.readline().strip(), sys.argv[4]), indent=2))
