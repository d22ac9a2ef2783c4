# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers for the tests, on 127.0.0.1, each with data of its own that goes with the test session."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from keycloak_server import keycloak, keycloak_guarded, keycloak_postgres  # noqa: F401  pylint: disable=wrong-import-position,unused-import
from mlflow_servers import (  # noqa: F401  pylint: disable=wrong-import-position,unused-import
    mlflow_before_rbac,
    mlflow_fresh,
    mlflow_full,
    mlflow_oldest,
    mlflow_plain,
    mlflow_postgres,
    wait_for,
)
from ports import free_port  # pylint: disable=wrong-import-position
from ssh_host import ssh_host  # noqa: F401  pylint: disable=wrong-import-position,unused-import

ROOT = Path(__file__).resolve().parents[2]
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")

from ansible.plugins.loader import init_plugin_loader  # noqa: E402  pylint: disable=wrong-import-position
from ansible.utils.collection_loader import AnsibleCollectionConfig  # noqa: E402  pylint: disable=wrong-import-position

if AnsibleCollectionConfig.collection_finder is None:
    init_plugin_loader([str(ROOT / "collections")])


@dataclasses.dataclass
class MlflowServer:
    """A running MLflow server."""

    url: str
    python: Path
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a script as a client of the server, in MLflow's environment and with nothing of the machine's."""
        known = {
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "HOME": str(self.log.parent),
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        return subprocess.run([self.python, "-I", script], env=known | environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def mlflow_python() -> Path:
    """Python with exactly what the MLflow image has, made once from the image's lock file and kept in the platform's cache."""
    requirements = ROOT / "bundle" / "images" / "mlflow" / "requirements.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-platform" / "venv"
    key = hashlib.sha256(requirements.read_bytes() + f"{sys.base_prefix} {sys.version}".encode()).hexdigest()[:16]
    venv = cache / f"mlflow-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / ".complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
            subprocess.run([*pip, "--require-hashes", "--requirement", requirements], check=True)
            (venv / ".complete").touch()
    return venv / "bin" / "python"


@pytest.fixture(scope="session")
def mlflow_server(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """MLflow started by the role's own script; database and artifacts in a folder of the session."""
    folder = tmp_path_factory.mktemp("mlflow")
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        "PATH": f"{mlflow_python.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*,mlflow.mlops.localhost:8080",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "http://mlflow.mlops.localhost:8080",
    }
    command = [mlflow_python, ROOT / "roles" / "mlflow" / "files" / "serve.py", "--host=127.0.0.1", f"--port={url.rpartition(':')[2]}", "--workers=1"]
    command += [f"--artifacts-destination={folder}/artifacts", f"--expose-prometheus={folder}/metrics"]
    log = folder / "server.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"{url}/health", process, log)
        yield MlflowServer(url, mlflow_python, process, log)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
