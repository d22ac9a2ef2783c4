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
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import debian
import postgresql
import pytest
from ports import free_port

VERSION = "26.7.3"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
ARTIFACT = "org.keycloak:keycloak-quarkus-dist"
PACKAGES = ("openjdk-17-jre-headless", "maven")  # Debian's
HEAP = "-Xms64m -Xmx700m"


@dataclasses.dataclass
class Keycloak:
    """A running server and its first administrator.

    :ivar process: None for a server that somebody else runs.
    :ivar database: variables that lead its command line to its data; empty where they are in the server's memory.
    """

    url: str
    username: str
    password: str = dataclasses.field(repr=False)
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    database: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    def export(self, realm: str, file: Path) -> Any:
        """All that `kc.sh export` writes of a realm: people with what their passwords are checked against, keys and identifiers too."""
        command = [home("postgres") / "bin" / "kc.sh", "export", "--optimized", f"--realm={realm}", f"--file={file}", "--users=same_file"]
        subprocess.run(command, check=True, capture_output=True, env=_environment(self.database), timeout=300)
        return json.loads(file.read_text())


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-platform" / "keycloak-dist"


def home(database: str = "dev-mem", build: Sequence[str] = ()) -> Path:
    """The distribution, made ready for a kind of database; made once, by whoever comes first.

    :param build: more options that cannot change later.
    """
    base = cache()
    base.mkdir(parents=True, exist_ok=True)
    more = f"-{hashlib.sha256(' '.join(build).encode()).hexdigest()[:8]}" if build else ""
    ready = base / f"{VERSION}-{SHA256[:12]}-{database}{more}"
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
            command = [ready / "bin" / "kc.sh", "build", f"--db={database}", *build]
            subprocess.run(command, check=True, capture_output=True, env=_environment({}))
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
def running(folder: Path, database: str = "dev-mem", *options: str, build: Sequence[str] = (), path: str = "", **environment: str) -> Iterator[Keycloak]:
    """A server that is ready; it is gone afterwards.

    :param folder: for its log and its files.
    :param build: options of its own that it was augmented with.
    :param path: the base path that one of them gives it.
    """
    debian.install(debian.programs("java", "mvn"), *PACKAGES)
    ready = home(database, build)
    port = free_port()
    password = secrets.token_urlsafe(18)
    log = folder / "keycloak.log"
    command = [ready / "bin" / "kc.sh", "start", "--optimized", "--http-enabled=true"]
    command += [] if any(option.startswith("--hostname=") for option in options) else ["--hostname-strict=false"]
    # Alone: one that looks for others takes one of four ports, and more than four servers may run at once.
    command += ["--http-host=127.0.0.1", f"--http-port={port}", "--cache=local", *options]
    own = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": password}
    with open(log, "wb") as output:
        # A group of its own: the script starts Java, and both have to go.
        process = subprocess.Popen(command, env=_environment({**own, **environment}), stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}{path}"
        _wait(f"{url}/realms/master", process, log)
        yield Keycloak(url, "admin", password, log, process)
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


@dataclasses.dataclass
class Guarded:
    """A server as a careful operator runs it.

    :ivar inside: its address without TLS, as a proxy in front of it has it.
    :ivar secure: its address with TLS.
    :ivar ca: the certificate of the authority that signed the server's, and signs those of clients.
    :ivar client: certificate and key of the client CN=robot, in one file.
    """

    inside: Keycloak
    secure: str
    ca: Path
    client: Path


PUBLIC = "https://sso.example.test/auth"  # what it calls itself; nothing answers there


@pytest.fixture(scope="session")
def keycloak_guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Keycloak with TLS, a base path, one name whatever the address, and without some features."""
    folder = tmp_path_factory.mktemp("keycloak-guarded")
    client = _certificates(folder)
    port = free_port()
    build = ["--http-relative-path=/auth", "--https-client-auth=request", "--features-disabled=organization,admin-fine-grained-authz,authorization"]
    options = [f"--hostname={PUBLIC}", f"--https-port={port}", f"--truststore-paths={folder}/ca.pem"]
    options += [f"--https-certificate-file={folder}/server.pem", f"--https-certificate-key-file={folder}/server.key"]
    with running(folder, "dev-mem", *options, build=build, path="/auth", JAVA_OPTS_KC_HEAP="-Xms64m -Xmx400m") as server:
        yield Guarded(server, f"https://127.0.0.1:{port}/auth", folder / "ca.pem", client)


def _certificates(folder: Path) -> Path:
    """An authority, and what it signed for the server and for a client."""

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority of the tests")
    openssl(*new, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=sso",
            "-addext", "subjectAltName=IP:127.0.0.1")  # fmt: skip
    openssl(*new, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "client.key", "-out", "client.pem", "-subj", "/CN=robot")
    both = folder / "robot.pem"
    both.write_text((folder / "client.pem").read_text() + (folder / "client.key").read_text())
    return both


@pytest.fixture(scope="session")
def keycloak_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Keycloak on a PostgreSQL of its own."""
    folder = tmp_path_factory.mktemp("keycloak-postgres")
    with postgresql.running(folder) as database:
        options = {
            "KC_DB_URL": f"jdbc:postgresql://127.0.0.1:{database.port}/postgres",
            "KC_DB_USERNAME": postgresql.USER,
            "KC_DB_PASSWORD": database.password,
        }
        with running(folder, "postgres", **options) as keycloak:
            yield dataclasses.replace(keycloak, database=options)
