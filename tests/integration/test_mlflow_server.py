# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the role mlflow starts MLflow: one process, and artifacts that pass through it although its store is S3."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "roles" / "mlflow" / "files"

# Asks the application what it would tell clients about an S3 store; the store itself is not asked.
ASK = """
import json
import app
from mlflow.server import app as pages
from mlflow.server.server_info_api import build_server_info_payload
answer = pages.test_client().get("/api/2.0/mlflow-artifacts/presigned/1/file", base_url="http://127.0.0.1")
print(json.dumps([build_server_info_payload(), answer.status_code]))
"""


def test_the_server_is_one_process(mlflow_server: Any) -> None:
    process = mlflow_server.process.pid
    command = Path(f"/proc/{process}/cmdline").read_text().split("\0")
    assert "uvicorn" in command, command
    assert "app:app" in command, command
    assert Path(f"/proc/{process}/task/{process}/children").read_text() == ""


@pytest.mark.parametrize(("direct", "status"), [(False, 501), (True, 200)])
def test_clients_are_not_sent_to_a_store_they_cannot_reach(mlflow_python: Path, tmp_path: Path, direct: bool, status: int) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(FILES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{tmp_path}/mlflow.db",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "s3://bucket",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_DIRECT_ARTIFACTS": str(direct).lower(),
    }
    done = subprocess.run([mlflow_python, "-c", ASK], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told, answered = json.loads(done.stdout.splitlines()[-1])
    assert told["multipart_downloads_enabled"] is direct
    assert told["multipart_uploads_enabled"] is direct
    assert (answered == status) or (direct and answered >= 500), "a store that does not answer is asked only when clients go there themselves"
