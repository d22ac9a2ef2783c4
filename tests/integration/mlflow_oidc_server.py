# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real MLflow server whose permissions mlflow-oidc-auth keeps, started by the role's own script, and an OpenID provider for it."""

from __future__ import annotations

import base64
import contextlib
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_servers import CURRENT, Server, wait_for
from ports import free_port

SERVE = Path(__file__).resolve().parents[2] / "roles" / "mlflow" / "files" / "serve.py"


@contextlib.contextmanager
def _process(command: list[str], variables: dict[str, str], folder: Path, url: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = folder / f"{Path(command[1]).stem}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=variables, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_for(url, process, log)
        yield process, log
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def mlflow_oidc(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The current version with mlflow-oidc-auth and workspaces; the options hold an administrator's token."""
    folder = tmp_path_factory.mktemp("mlflow-oidc")
    provider, port = free_port(), free_port()
    issuer, key = f"http://127.0.0.1:{provider}", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    variables = {
        "PATH": f"{mlflow_python.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_WORKSPACES": "true",
        "SECRET_KEY": key,
        "OIDC_DISCOVERY_URL": f"{issuer}/.well-known/openid-configuration",
        "OIDC_CLIENT_ID": "mlflow",
        "OIDC_CLIENT_SECRET": key,
        "OIDC_AUDIENCE": "mlflow",
        "OIDC_ISSUER": issuer,
        "OIDC_PROVISION_ON_BEARER_AUTH": "true",
        "OIDC_TRUST_BEARER_GROUP_CLAIMS": "true",
        "OIDC_USERS_DB_URI": f"sqlite:///{folder}/auth.db",
        "DEFAULT_MLFLOW_PERMISSION": "NO_PERMISSIONS",
    }
    there = [str(mlflow_python), str(Path(__file__).with_name("oidc_provider.py")), str(provider), str(folder / "token")]
    server = [str(mlflow_python), str(SERVE), "--enable-workspaces", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    server += [f"--backend-store-uri=sqlite:///{folder}/mlflow.db", f"--artifacts-destination={folder}/artifacts"]
    with _process(there, variables, folder, variables["OIDC_DISCOVERY_URL"]), _process(server, variables, folder, f"http://127.0.0.1:{port}/health") as running:
        options = {"url": f"http://127.0.0.1:{port}", "token": (folder / "token").read_text()}
        yield Server(CURRENT, options, *running)
