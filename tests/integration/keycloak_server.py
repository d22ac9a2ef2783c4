# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Keycloak: the distribution from Maven Central on Debian's Java, on a free port of 127.0.0.1, with data that goes with the session.

It is fetched, checked, unpacked and augmented (Quarkus's word for settling options that cannot change later) once, and kept in the
platform's cache. KEYCLOAK_TEST_ENV names a file with the address of a server that runs already, which is quicker while writing tests.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import debian
import pytest

VERSION = "26.7.3"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
ARTIFACT = "org.keycloak:keycloak-quarkus-dist"
PACKAGES = ("openjdk-17-jre-headless", "maven")  # Debian's
HEAP = "-Xms64m -Xmx700m"


@dataclasses.dataclass
class Keycloak:
    """A running server and its first administrator."""

    url: str
    username: str
    password: str
    log: Path | None = None


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-platform" / "keycloak-dist"


def home(database: str = "dev-mem") -> Path:
    """The distribution, made ready for a kind of database; made once, by whoever comes first."""
    base = cache()
    base.mkdir(parents=True, exist_ok=True)
    ready = base / f"{VERSION}-{SHA256[:12]}-{database}"
    with open(base / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ready / ".complete").exists():
            shutil.rmtree(ready, ignore_errors=True)
            with zipfile.ZipFile(_archive(base)) as archive:
                archive.extractall(base / "unpacking")
            (base / "unpacking" / f"keycloak-{VERSION}").rename(ready)
            (base / "unpacking").rmdir()
            for script in (ready / "bin").glob("*.sh"):
                script.chmod(0o755)
            subprocess.run([ready / "bin" / "kc.sh", "build", f"--db={database}", "--cache=local"], check=True, capture_output=True, env=_environment({}))
            (ready / ".complete").touch()
    return ready


def _archive(base: Path) -> Path:
    """The distribution's archive, fetched by Maven and checked against the pin."""
    path = base / f"keycloak-{VERSION}.zip"
    if not path.exists():
        repository = base / "maven"
        maven = ["mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={repository}", "dependency:get", "-Dtransitive=false"]
        subprocess.run([*maven, f"-Dartifact={ARTIFACT}:{VERSION}:zip"], check=True, capture_output=True)
        next(repository.rglob(f"keycloak-quarkus-dist-{VERSION}.zip")).rename(path)
        shutil.rmtree(repository)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        path.unlink()
        pytest.fail(f"{ARTIFACT} {VERSION} has the checksum {found}, not the pinned one: it was removed, look at what is in between")
    return path


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "HOME") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "JAVA_OPTS_KC_HEAP": HEAP, **more}


@contextlib.contextmanager
def running(folder: Path, database: str = "dev-mem", *options: str, **environment: str) -> Iterator[Keycloak]:
    """A server that is ready; it is gone afterwards.

    :param folder: for its log and its files.
    """
    if not shutil.which("java") or not shutil.which("mvn"):
        debian.install(*PACKAGES)
    ready = home(database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    password = secrets.token_urlsafe(18)
    log = folder / "keycloak.log"
    command = [ready / "bin" / "kc.sh", "start", "--optimized", "--http-enabled=true", "--hostname-strict=false"]
    command += ["--http-host=127.0.0.1", f"--http-port={port}", *options]
    own = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": password}
    with open(log, "wb") as output:
        # A group of its own: the script starts Java, and both have to go.
        process = subprocess.Popen(command, env=_environment({**own, **environment}), stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/realms/master", process, log)
        yield Keycloak(f"http://127.0.0.1:{port}", "admin", password, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"Keycloak does not answer:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Keycloak with its embedded database, in memory."""
    known = os.environ.get("KEYCLOAK_TEST_ENV")
    if known:
        values = dict(line.split("=", 1) for line in Path(known).read_text().splitlines() if "=" in line and not line.startswith("#"))
        yield Keycloak(values["KEYCLOAK_URL"], values["KEYCLOAK_USERNAME"], Path(values["KEYCLOAK_PASSWORD_FILE"]).read_text().strip())
        return
    with running(tmp_path_factory.mktemp("keycloak")) as server:
        yield server


@pytest.fixture(scope="session")
def keycloak_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Keycloak on a PostgreSQL of its own, which listens on 127.0.0.1 only."""
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        debian.install_postgresql()
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folder = Path(tempfile.mkdtemp(prefix="mlops-keycloak-pg-"))  # PostgreSQL runs as another user, who cannot enter pytest's folders
    password = secrets.token_urlsafe(18)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    try:
        (folder / "password").write_text(password)
        if become:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        data = folder / "data"
        first = [programs[-1] / "initdb", "-D", data, "-U", "keycloak", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8"]
        subprocess.run([*become, *first, "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/")
        server = [programs[-1] / "postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
        server += ["-c", "fsync=off"]
        log = tmp_path_factory.mktemp("keycloak-postgres")
        with open(log / "postgres.log", "wb") as output:
            process = subprocess.Popen([*become, *server], stdout=output, stderr=subprocess.STDOUT, cwd="/", start_new_session=True)
        try:
            _listens(int(port), process, log / "postgres.log")
            options = {"KC_DB_URL": f"jdbc:postgresql://127.0.0.1:{port}/postgres", "KC_DB_USERNAME": "keycloak", "KC_DB_PASSWORD": password}
            with running(log, "postgres", **options) as keycloak:
                yield keycloak
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
