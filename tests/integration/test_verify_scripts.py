# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role verify's clients, and its looks from outside, against a real MLflow server started as the role mlflow starts it."""

from __future__ import annotations

import concurrent.futures
import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.checks import http_checks

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "roles" / "verify" / "files"


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one line of JSON a client prints."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(lines[0])
    assert (done.returncode == 0) is found["ok"], done.stderr
    return found


def call(server: Any, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})) as answer:
        return dict(json.load(answer))


@pytest.fixture(scope="module")
def trained(mlflow_server: Any) -> list[dict[str, Any]]:
    return [result(mlflow_server.client(SCRIPTS / "train.py")) for _attempt in range(2)]


def test_training_keeps_the_last_model_and_nothing_else(mlflow_server: Any, trained: list[dict[str, Any]]) -> None:
    first, last = trained
    assert (first["removed_versions"], first["removed_models"], first["removed_runs"]) == (0, 0, 0)
    assert (last["removed_versions"], last["removed_models"], last["removed_runs"]) == (1, 1, 1)
    assert (first["version"], last["version"]) == ("1", "2")
    assert 0.8 < last["accuracy"] < 1, "a perfect model would not tell itself from another one"
    assert call(mlflow_server, "registered-models/alias?name=platform-verify&alias=champion")["model_version"]["version"] == "2"
    runs = call(mlflow_server, "runs/search", {"experiment_ids": [last["experiment_id"]], "max_results": 10})["runs"]
    assert [run["info"]["run_id"] for run in runs] == [last["run_id"]]
    files = {path.name for path in (mlflow_server.log.parent / "artifacts").rglob("*") if path.is_file()}
    assert {"MLmodel", "confusion_matrix.png", "input_example.json"} <= files
    folders = {path.parent for path in (mlflow_server.log.parent / "artifacts").rglob("MLmodel")}
    assert folders == {mlflow_server.log.parent / "artifacts" / last["artifacts"]}


def test_two_verifications_at_once_leave_each_other_alone(mlflow_server: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = [pool.submit(mlflow_server.client, SCRIPTS / "train.py", VERIFY_MODEL="at-once") for _client in range(2)]
        found = [result(done.result()) for done in both]
    assert [one["ok"] for one in found] == [True, True]
    left = call(mlflow_server, "model-versions/search?filter=name%3D%27at-once%27")["model_versions"]
    assert {item["run_id"] for item in left} >= {max(found, key=lambda one: int(one["version"]))["run_id"]}


def test_the_second_client_predicts_what_was_tracked(mlflow_server: Any, trained: list[dict[str, Any]]) -> None:
    found = result(mlflow_server.client(SCRIPTS / "predict.py"))
    assert (found["ok"], found["version"], found["rows"]) == (True, "2", 54)
    assert found["accuracy"] == pytest.approx(trained[-1]["accuracy"])


def test_the_second_client_notices_another_model(mlflow_server: Any, trained: list[dict[str, Any]]) -> None:
    metric = {"run_id": trained[-1]["run_id"], "key": "accuracy", "timestamp": 4102444800000, "step": 1}
    call(mlflow_server, "runs/log-metric", metric | {"value": 0.5})
    found = result(mlflow_server.client(SCRIPTS / "predict.py"))
    call(mlflow_server, "runs/log-metric", metric | {"value": trained[-1]["accuracy"], "step": 2})
    assert not found["ok"]
    assert "0.5000 was tracked" in found["error"]


def test_a_missing_champion_and_a_missing_server_are_said(mlflow_server: Any, trained: list[dict[str, Any]]) -> None:
    missing = result(mlflow_server.client(SCRIPTS / "predict.py", VERIFY_MODEL="nobody"))
    assert "nobody" in missing["error"]
    gone = result(mlflow_server.client(SCRIPTS / "train.py", MLFLOW_TRACKING_URI="http://127.0.0.1:1"))
    assert "127.0.0.1" in gone["error"]


def looks(url: str) -> list[dict[str, Any]]:
    """The role's own list, from its variables."""
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar

    loader = DataLoader()
    variables = loader.load_from_file(str(ROOT / "roles" / "verify" / "vars" / "main.yml"), trusted_as_template=True)
    variables |= {"verify_mlflow_url": url, "verify_model": "platform-verify", "platform_domain": "mlops.localhost", "platform_http_port": 8080}
    found: list[dict[str, Any]] = Templar(loader, variables).template(variables["__verify_looks"])
    return found


def test_the_looks_from_outside_pass(mlflow_server: Any, trained: list[dict[str, Any]]) -> None:
    wanted = looks(mlflow_server.url)
    outcomes = http_checks(wanted, timeout=20)
    assert [outcome for outcome in outcomes if not outcome["ok"]] == []
    assert len(outcomes) == 7


@pytest.mark.parametrize(
    "name", ["a page of MLflow may write", "a stranger's page may not write", "a stranger's host name is refused", "the champion is registered"]
)
def test_the_looks_from_outside_can_fail(mlflow_server: Any, trained: list[dict[str, Any]], name: str) -> None:
    (want,) = [want for want in looks(mlflow_server.url) if want["name"] == name]
    broken = {
        "a page of MLflow may write": {"headers": {"Origin": "https://other.example"}},
        "a stranger's page may not write": {"headers": {}},
        "a stranger's host name is refused": {"headers": {}},
        "the champion is registered": {"url": want["url"].replace("platform-verify", "nobody")},
    }[name]
    (outcome,) = http_checks([want | broken], timeout=20)
    assert not outcome["ok"]
