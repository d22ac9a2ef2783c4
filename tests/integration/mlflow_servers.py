# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real MLflow servers of several versions, from the package index, each on a free port of 127.0.0.1 with data of its own."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import postgresql
import pytest
from ports import free_port

CURRENT = "3.17.2"  # what the platform deploys: bundle/images/mlflow/requirements.txt
BEFORE_RBAC = "3.12.0"  # the last one with permissions per object instead of roles
OLDEST = "3.10.0"
DRIVER = "psycopg2-binary==2.9.13"  # PostgreSQL's, as in the platform's image
_KEPT = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclasses.dataclass
class Server:
    """A running server.

    :ivar options: how a module reaches it.
    """

    version: str
    options: dict[str, Any]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return str(self.options["url"])

    def request(self, method: str, path: str, body: Any = None, workspace: str = "") -> Any:
        """What somebody else does on the server, past the modules: the answer's JSON."""
        headers = {"Content-Type": "application/json", **({"X-MLFLOW-WORKSPACE": workspace} if workspace else {})}
        if self.options.get("token"):
            headers["Authorization"] = f"Bearer {self.options['token']}"
        if self.options.get("username"):
            pair = f"{self.options['username']}:{self.options['password']}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}{path}", data, headers, method=method), timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text.strip() else {}

    def declare(self, document: dict[str, Any], *, check: bool = False, **options: Any) -> dict[str, Any]:
        """The result of mlflow_config, run inside this process, failed or not."""
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
        from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
        from ansible_collections.mlops.platform.plugins.module_utils.mlflow.config import door

        config = door()
        given = {**self.options, "secret_hash_key": "only-for-tests", "max_deletes": "100%", "config": document, **options}
        validated = ArgumentSpecValidator(config.spec, **config.constraints).validate(given)
        assert not validated.error_messages, validated.error_messages
        return outcome(config, validated.validated_parameters, check=check, diff=True, say=lambda line: None)

    def told(self, **options: Any) -> dict[str, Any]:
        """The result of mlflow_info, run inside this process."""
        from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
        from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
        from ansible_collections.mlops.platform.plugins.module_utils.mlflow.info import door

        info = door()
        validated = ArgumentSpecValidator(info.spec, **info.constraints).validate({**self.options, **options})
        assert not validated.error_messages, validated.error_messages
        result = outcome(info, validated.validated_parameters, check=False, diff=False, say=lambda line: None)
        assert not result.get("failed"), result
        return result


def environment(version: str) -> Path:
    """Folder of a virtual environment with this version of MLflow."""
    return environment_with(f"mlflow-server-{version}", f"mlflow[auth]=={version}")


def environment_with(name: str, *requirements: str) -> Path:
    """Folder of a virtual environment with these packages, made once and kept in the platform's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-platform" / "venv"
    venv = cache / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / ".complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
            subprocess.run([*pip, *requirements], check=True)
            (venv / ".complete").touch()
    return venv


@contextlib.contextmanager
def running(
    version: str,
    folder: Path,
    *,
    auth: bool = False,
    workspaces: bool = False,
    prefix: str = "",
    default_permission: str = "NO_PERMISSIONS",
    database: str = "",
    variables: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server for as long as the context lasts.

    :param auth: with basic authentication; the options hold the administrator.
    :param workspaces: with workspaces.
    :param prefix: below this path.
    :param default_permission: of who is granted nothing.
    :param database: where it keeps everything but artifacts, as a URI; files of its own without it.
    :param variables: more of its environment.
    """
    venv = environment(version)
    port = free_port()
    key, password = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(), secrets.token_urlsafe(18)
    known = {
        **{name: value for name, value in os.environ.items() if name in _KEPT},
        "PATH": f"{venv}/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "https,http",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": key,
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": "only-for-tests",
        "MLFLOW_BACKEND_STORE_URI": database or f"sqlite:///{folder}/mlflow.db",
        **(variables or {}),
    }
    command = ["mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    command += [f"--artifacts-destination={folder}/artifacts"]
    options: dict[str, Any] = {"url": f"http://127.0.0.1:{port}"}
    if auth:
        (folder / "auth.ini").write_text(
            f"[mlflow]\ndefault_permission = {default_permission}\ndatabase_uri = {database or f'sqlite:///{folder}/auth.db'}\nadmin_username = admin\n"
            f"admin_password = {password}\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\nauth_cache_ttl_seconds = 60\n"
        )
        (folder / "auth.ini").chmod(0o600)
        known.update(MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"), MLFLOW_FLASK_SERVER_SECRET_KEY=key)
        command += ["--app-name=basic-auth"]
        options.update(username="admin", password=password)
    if workspaces:
        command += ["--enable-workspaces"]
    if prefix:
        command += [f"--static-prefix={prefix}"]
        options.update(static_prefix=prefix)
    log = folder / "server.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=known, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_for(f"{options['url']}{prefix}/health", process, log)
        yield Server(version, options, process, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 180) -> None:
    """Returns once the URL answers; fails with the program's log when it ends or takes too long."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as exc:
            if exc.code == 401:  # before 3.13, with a prefix, it asks even those for a password who only want to know whether it is up
                return
            time.sleep(0.2)
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"{url} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def mlflow_plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The current version, open to everybody, without workspaces, and with MLflow's own idea of a passphrase."""
    with running(CURRENT, tmp_path_factory.mktemp("mlflow-plain"), variables={"MLFLOW_CRYPTO_KEK_PASSPHRASE": ""}) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The current version with basic authentication and workspaces."""
    with running(CURRENT, tmp_path_factory.mktemp("mlflow-full"), auth=True, workspaces=True) as server:
        yield server


@pytest.fixture
def mlflow_fresh(tmp_path: Path) -> Iterator[Server]:
    """As mlflow_full, of one's own: deleted experiments keep their names, and what examples make stays."""
    with running(CURRENT, tmp_path, auth=True, workspaces=True) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_before_rbac(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The last version before permissions became roles, with basic authentication and workspaces."""
    with running(BEFORE_RBAC, tmp_path_factory.mktemp("mlflow-old"), auth=True, workspaces=True) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The current version on a PostgreSQL of its own, with basic authentication and workspaces."""
    folder = tmp_path_factory.mktemp("mlflow-postgres")
    (driver,) = (environment_with("psycopg2", DRIVER) / "lib").glob("python*/site-packages")
    with postgresql.running(folder) as found:
        uri = f"postgresql+psycopg2://{postgresql.USER}:{found.password}@127.0.0.1:{found.port}/postgres"
        with running(CURRENT, folder, auth=True, workspaces=True, database=uri, variables={"PYTHONPATH": str(driver)}) as server:
            yield server


@pytest.fixture(scope="session")
def mlflow_oldest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The oldest version that is supported, with basic authentication and workspaces."""
    with running(OLDEST, tmp_path_factory.mktemp("mlflow-oldest"), auth=True, workspaces=True) as server:
        yield server
