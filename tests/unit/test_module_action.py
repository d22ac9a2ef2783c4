# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that run inside the controller: as programs they give the same results, and say the same lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

NOWHERE = {"kubeconfig": "/nowhere/config", "context": "none"}
APPLY = {"mlops.platform.k8s_apply": {**NOWHERE, "objects": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}]}, "check_mode": True}
TASKS: dict[str, dict[str, Any]] = {
    "well": {"mlops.platform.k8s_wait": {**NOWHERE, "resources": [{"kind": "Pod", "name": "p"}]}, "check_mode": True},
    "failed": {"mlops.platform.k8s_info": {**NOWHERE, "kind": "Pod"}},
    "misspelt": {"mlops.platform.k8s_info": {**NOWHERE, "kin": "Pod"}},
    "missing": {"mlops.platform.k8s_prune": {**NOWHERE, "kind": "Job", "api_version": "batch/v1", "label": "a=b"}},
    "secret": {"mlops.platform.k8s_secret": {**NOWHERE, "namespace": "n", "name": "s", "keys": [{"key": "k", "value": "{{ kept }}"}]}},
    "predicted": APPLY,
    "silent": {**APPLY, "no_log": True},
    "of_environment": {"mlops.platform.http_wait": {"url": "http://127.0.0.1:1/x", "timeout": 0}, "environment": {"NO_PROXY": "*"}},
}


def play() -> list[dict[str, Any]]:
    tasks = [
        {"name": f"{way} {name}", "vars": {"mlops_platform_in_process": way == "inside"}, "register": f"{way}_{name}", "ignore_errors": True, **task}
        for name, task in TASKS.items()
        for way in ("inside", "outside")
    ]
    results = {f"{way}_{name}": f"{{{{ {way}_{name} }}}}" for name in TASKS for way in ("inside", "outside")}
    keep = {"ansible.builtin.copy": {"content": "{{ results | to_json }}", "dest": "{{ folder }}/results.json"}, "vars": {"results": results}, "no_log": True}
    variables = {"ansible_python_interpreter": sys.executable, "kept": "".join(["kept to", " themselves"])}
    return [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": [*tasks, keep]}]


@pytest.fixture(scope="module")
def run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Results by way and task, and the whole output."""
    folder = tmp_path_factory.mktemp("module_action")
    (folder / "play.yml").write_text(yaml.safe_dump(play(), sort_keys=False), encoding="utf-8")
    environment = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(repository / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(repository / "collections"),
    }
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"folder={folder}", "-vvv", folder / "play.yml"]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, cwd=folder, timeout=300)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output[-5000:]
    return json.loads((folder / "results.json").read_text(encoding="utf-8")), output


def part(output: str, task: str) -> str:
    """What was printed of one task."""
    return output.split(f"TASK [{task}]")[1].partition("TASK [")[0]


@pytest.mark.parametrize("name", TASKS)
def test_both_ways_give_the_same_result(run: tuple[dict[str, Any], str], name: str) -> None:
    results, _output = run
    inside, outside = ({key: value for key, value in results[f"{way}_{name}"].items() if key != "exception"} for way in ("inside", "outside"))
    assert inside == outside
    assert inside.get("failed", False) == (name not in ("well", "predicted", "silent"))


def test_only_a_program_is_started_as_one(run: tuple[dict[str, Any], str]) -> None:
    _results, output = run
    for name in set(TASKS) - {"silent"}:
        assert "EXEC /bin/sh" not in part(output, f"inside {name}"), name
        assert "EXEC /bin/sh" in part(output, f"outside {name}"), name


@pytest.mark.parametrize("way", ["inside", "outside"])
def test_lines_are_said_where_somebody_may_read_them(run: tuple[dict[str, Any], str], way: str) -> None:
    _results, output = run
    assert "    would be created: Namespace n\n" in part(output, f"{way} predicted")
    assert "would be created" not in part(output, f"{way} silent")


def test_no_secret_is_shown(run: tuple[dict[str, Any], str]) -> None:
    _results, output = run
    assert "kept to themselves" not in output
