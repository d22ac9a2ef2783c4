# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module behaves the same inside the controller and as a program, in plays that Ansible itself runs; and neither shows a secret."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

SECRET = "correct horse battery"
VAULTED = "staple in a vault"

RUNTIME = """
requires_ansible: ">=2.19.0"
action_groups:
  all: [thing]
plugin_routing:
  modules:
    thing:
      action_plugin: mlops.platform.engine
"""

# Every task is run twice: inside the controller, and as a program of its own.
TASKS: dict[str, dict[str, Any]] = {
    "predicted": {"test.doors.thing": {"config": {"things": ["{{ one }}"]}}, "check_mode": True},
    "made": {"test.doors.thing": {"config": {"things": ["{{ one }}"]}, "token": "{{ secret }}"}},
    "again": {"test.doors.thing": {"config": {"things": ["{{ one }}"]}}},
    "from_file": {"test.doors.thing": {"config_file": "document.yml"}},
    "from_nothing": {"test.doors.thing": {"config_file": "missing.yml"}},
    "twice": {"test.doors.thing": {"config_file": "document.yml", "config": {"things": []}}},
    "elsewhere": {
        "test.doors.thing": {"path": "{{ omit }}", "config": {"things": ["{{ vaulted }}"]}},
        "environment": {"THINGS": "{{ folder }}/{{ way }}-b.json"},
    },
    "logged_in": {"test.doors.thing": {"config": {"things": []}, "user": "u"}, "environment": {"THINGS_TOKEN": "of somebody else"}},
    "two_logins": {"test.doors.thing": {"config": {"things": []}, "user": "u", "token": "t"}},
    "looped": {"test.doors.thing": {"config": {"things": ["{{ {'name': item} }}"]}}, "loop": ["p", "q"]},
    "misspelt": {"test.doors.thing": {"config": {"things": ["{{ one }}"]}, "knid": "a", "token": "{{ secret }}"}},
    "not_a_choice": {"test.doors.thing": {"config": {"things": []}, "kind": "c"}},
    "not_a_number": {"test.doors.thing": {"config": {"things": []}, "parallel": "{{ secret }}", "token": "{{ secret }}"}},
    "missing": {"test.doors.thing": {}},
    "defect": {"test.doors.thing": {"config": {"things": [{"name": "b", "broken": True, "secret": "{{ secret }}"}]}}},
    "hidden": {"test.doors.thing": {"config": {"things": ["{{ one }}"]}}, "no_log": True},
}


def play() -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    for way in ("inside", "outside"):
        for name, task in TASKS.items():
            tasks.append(
                {"name": name, "vars": {"way": way, "mlops_platform_in_process": way == "inside"}, "register": f"{way}_{name}", "ignore_errors": True, **task}
            )
    tasks.append({"test.doors.thing": {"config": {"things": []}}, "vars": {"way": "inside"}, "async": 60, "poll": 1, "register": "other_async"})
    results = {f"{way}_{name}": f"{{{{ {way}_{name} }}}}" for way in ("inside", "outside") for name in TASKS} | {"other_async": "{{ other_async }}"}
    tasks.append({"ansible.builtin.copy": {"content": "{{ results | to_json }}", "dest": "{{ folder }}/results.json", "mode": "0600"},
                  "vars": {"results": results}, "diff": False})  # fmt: skip
    return [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/test.doors.all": {"path": "{{ folder }}/{{ way }}.json"}},
            "vars": {"one": {"name": "one", "secret": "{{ secret }}", "x": 1}, "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": tasks,
        }
    ]


@pytest.fixture(scope="module")
def run(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Results by way and task, and the whole output."""
    folder = tmp_path_factory.mktemp("engine_action")
    collection = folder / "collections" / "ansible_collections" / "test" / "doors"
    (collection / "plugins" / "modules").mkdir(parents=True)
    (collection / "meta").mkdir()
    shutil.copy(Path(__file__).with_name("door_demo.py"), collection / "plugins" / "modules" / "thing.py")
    (collection / "meta" / "runtime.yml").write_text(RUNTIME, encoding="utf-8")
    (folder / "password").write_text("for the test alone", encoding="utf-8")
    (folder / "document.yml").write_text("things:\n- {name: two, secret: written here for long}\n", encoding="utf-8")
    environment = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": f"{repository / 'collections'}:{folder / 'collections'}",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "password"),
    }
    environment.pop("THINGS", None)
    commands = Path(sys.executable).parent
    encrypted = subprocess.run(
        [commands / "ansible-vault", "encrypt_string", "--stdin-name", "text"], input=VAULTED, env=environment, check=True, capture_output=True, text=True
    ).stdout
    variables = f"folder: {folder}\nsecret: {SECRET}\nvaulted:\n  name: v\n  secret: {encrypted.partition(':')[2].lstrip()}"
    (folder / "variables.yml").write_text(variables, encoding="utf-8")
    (folder / "play.yml").write_text(yaml.safe_dump(play(), sort_keys=False), encoding="utf-8")
    command = [commands / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{folder}/variables.yml", "-vvv", "--diff", folder / "play.yml"]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, cwd=folder, timeout=300)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output[-5000:]
    return json.loads((folder / "results.json").read_text(encoding="utf-8")), output


WAYS = pytest.mark.parametrize("way", ["inside", "outside"])


def test_an_item_costs_no_process_inside_and_one_outside(run):
    results, _output = run
    assert len({item["server"]["pid"] for item in results["inside_looped"]["results"]}) == 1
    assert len({item["server"]["pid"] for item in results["outside_looped"]["results"]}) == 2
    assert results["other_async"]["ansible_job_id"], "async runs outside, whatever is wished"


@WAYS
def test_check_mode_predicts_the_run(run, way):
    results, _output = run
    assert results[f"{way}_predicted"]["plan"] == results[f"{way}_made"]["plan"]
    assert results[f"{way}_made"]["changed"] and not results[f"{way}_again"]["changed"]


@pytest.mark.parametrize("name", sorted(TASKS))
def test_both_ways_give_the_same_result(run, name):
    results, _output = run
    inside, outside = results[f"inside_{name}"], results[f"outside_{name}"]

    def comparable(result: dict[str, Any]) -> dict[str, Any]:
        # What is Ansible's own, and what is meant to differ
        dropped = {"server", "exception", "results", "ansible_facts"} | ({"diff"} if result.get("diff") == [] else set())
        return {key: value for key, value in result.items() if key not in dropped}

    one, other = comparable(inside), comparable(outside)
    assert json.loads(json.dumps(one).replace("inside", "outside")) == other


@WAYS
def test_options_come_from_files_defaults_and_the_task_s_environment(run, way):
    results, _output = run
    assert results[f"{way}_from_file"]["plan"][0]["name"] == "two"
    assert results[f"{way}_elsewhere"]["plan"][0]["name"] == "v"
    assert results[f"{way}_made"]["server"]["file"] == f"{way}.json"
    assert results[f"{way}_elsewhere"]["server"]["file"] == f"{way}-b.json"


@WAYS
def test_an_environment_that_says_otherwise_does_not_count(run, way):
    results, _output = run
    assert not results[f"{way}_logged_in"].get("failed"), results[f"{way}_logged_in"]


@WAYS
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misspelt", "Unsupported parameters for (test.doors.thing) module: knid"),
        ("not_a_choice", "value of kind must be one of: a, b, got: c"),
        ("two_logins", "parameters are mutually exclusive: user|token"),
        ("missing", "one of the following is required: config, config_file"),
        ("twice", "config_file and config are mutually exclusive"),
        ("from_nothing", "missing.yml"),
        ("defect", "thing: ValueError: no room for ********: this is a defect"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run, way, name, message):
    results, _output = run
    result = results[f"{way}_{name}"]
    assert result["failed"]
    assert message in result["msg"]


def test_no_secret_is_shown(run):
    results, output = run
    for secret in (SECRET, VAULTED, "written here for long"):
        assert secret not in output
        assert secret not in json.dumps(results)
    assert "looking at" in output, "lines of progress are shown"
    assert "(hidden)" in output
    assert results["inside_hidden"]["counts"]["things"]["unchanged"] == 1, "no_log hides what is shown, not what is registered"
