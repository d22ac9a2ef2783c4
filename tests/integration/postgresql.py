# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL, Debian's, on a free port of 127.0.0.1, with data that goes with the test session."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import debian
import pytest
from ports import free_port

USER = "tests"


@dataclasses.dataclass
class Database:
    """The database `postgres` of a running server, whose owner is USER."""

    port: int
    password: str = dataclasses.field(repr=False)


@contextlib.contextmanager
def running(log: Path) -> Iterator[Database]:
    """A server for as long as the context lasts.

    :param log: folder of its log.
    """
    debian.install_postgresql()
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="mlops-pg-"))  # PostgreSQL runs as another user, who cannot enter pytest's folders
    password = secrets.token_urlsafe(18)
    port = free_port()
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    try:
        (folder / "password").write_text(password)
        if become:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        data = folder / "data"
        first = [programs[-1] / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8"]
        subprocess.run([*become, *first, "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/")
        server = [programs[-1] / "postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        server += ["-c", "fsync=off"]
        with open(log / "postgres.log", "wb") as output:
            process = subprocess.Popen([*become, *server], stdout=output, stderr=subprocess.STDOUT, cwd="/", start_new_session=True)
        try:
            _listens(port, process, log / "postgres.log")
            yield Database(port, password)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)  # "fast": it does not wait for clients
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    pytest.fail(f"PostgreSQL does not answer:\n{log.read_text(errors='replace')[-2000:]}")
