# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real MLflow servers and plays that end badly: killed, two at once, told a wrong address, without a right. And no secret in what they show."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from between import Between
from mlflow_servers import BEFORE_RBAC, OLDEST, Server, running
from processes import kill_all

ROOT = Path(__file__).resolve().parents[2]
CANARIES = {"password": "canary-of-the-user", "gateway": "canary-of-the-gateway", "webhook": "canary-of-the-webhook"}
Document = dict[str, Any]


class Play:
    """One task in a play of its own, as people run it."""

    def __init__(self, folder: Path, server: Server, document: Document, **options: Any) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "document.json").write_text(json.dumps(document))
        login = {key: f"{{{{ {key} }}}}" for key in server.options}
        given = {**login, "config": "{{ document }}", "secret_hash_key": "only-for-tests", "max_deletes": "100%", **options}
        tasks: list[Document] = [
            {"mlops.platform.mlflow_config": given, "register": "result", "ignore_errors": True},
            {"ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(folder / "result.json"), "mode": "0600"}, "no_log": True},
        ]
        (folder / "play.json").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        variables = {**server.options, "document": document, "secrets": CANARIES, "ansible_python_interpreter": sys.executable}
        (folder / "variables.json").write_text(json.dumps(variables))
        self.output = ""

    def start(self) -> subprocess.Popen[str]:
        """Starts ansible-playbook."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-vvv", "--diff"]
        return subprocess.Popen(
            [*command, "-e", f"@{self.folder}/variables.json", self.folder / "play.json"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def end(self, process: subprocess.Popen[str]) -> Document:
        """The result of the task; everything shown is kept."""
        self.output += process.communicate(timeout=300)[0]
        assert process.returncode == 0, self.output[-4000:]
        result: Document = json.loads((self.folder / "result.json").read_text())
        return result

    def run(self) -> Document:
        return self.end(self.start())


def document(name: str, many: int) -> Document:
    """Objects with a natural key, and such as have none: webhooks, datasets, budgets and guardrails, which a careless run would double."""
    return {
        "experiments": [{"name": f"{name}-{number}", "tags": {"n": number}} for number in range(many)],
        "webhooks": [
            {"name": f"{name}-{number}", "url": "https://127.0.0.1/x", "events": ["prompt.created"], "secret": "{{ secrets.webhook }}"}
            for number in range(many)
        ],
        "gateway": {
            "secrets": [{"name": f"{name}-{number}", "provider": "openai", "secret_value": "{{ secrets.gateway }}"} for number in range(5)],
            "budgets": [
                {"target_scope": "GLOBAL", "duration": {"unit": "DAYS", "value": number + 1}, "budget_amount": 1.5, "budget_action": "ALERT"}
                for number in range(many)
            ],
            "guardrails": [
                {"name": f"{name}-{number}", "scorer": {"experiment": f"{name}-0", "name": f"{name}-{number}"}, "stage": "BEFORE", "action": "VALIDATION"}
                for number in range(many)
            ],
        },
        "scorers": [
            {"experiment": f"{name}-0", "name": f"{name}-{number}", "instructions": "Is it good?", "model": "openai:/gpt-4o"} for number in range(many)
        ],
        "datasets": [{"name": f"{name}-{number}", "experiments": [f"{name}-0"], "records": [{"inputs": {"n": number}}]} for number in range(many)],
        "users": [{"username": f"{name}-ann", "password": "{{ secrets.password }}"}],
        "grants": [{"user": f"{name}-ann", "resource_type": "experiment", "resource": f"{name}-0", "permission": "READ"}],
    }


FAMILIES = ("experiments", "webhooks", "gateway_secrets", "gateway_budgets", "gateway_guardrails", "scorers", "datasets", "users", "grants")
COUNTED = ("webhooks", "datasets", "experiments", "guardrails", "scorers", "budgets")


def counted(server: Server, name: str) -> dict[str, int]:
    """How many objects of a name there are, past the modules."""
    lists = {
        "webhooks": server.request("GET", "/api/2.0/mlflow/webhooks?max_results=100").get("webhooks", []),
        "datasets": server.request("POST", "/api/3.0/mlflow/datasets/search", {"max_results": 1000}).get("datasets", []),
        "experiments": server.request("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1000}).get("experiments", []),
        "guardrails": server.request("GET", "/api/3.0/mlflow/gateway/guardrails/list?max_results=100").get("guardrails", []),
    }
    places = [item["experiment_id"] for item in lists["experiments"] if item["name"] == f"{name}-0"]
    scorers = [server.request("GET", f"/api/3.0/mlflow/scorers/list?experiment_id={place}").get("scorers", []) for place in places]
    lists["scorers"] = [{"name": item["scorer_name"]} for listed in scorers for item in listed]
    found = {family: sum(item["name"].startswith(f"{name}-") for item in listed) for family, listed in lists.items()}
    return {**found, "budgets": len(server.request("GET", "/api/3.0/mlflow/gateway/budgets/list?max_results=100").get("budget_policies", []))}


def still(server: Server, name: str) -> None:
    """Returns once the server has carried out what a killed run had sent: nothing of it is answered, but nothing is taken back either."""
    before: dict[str, int] = {}
    while before != (before := counted(server, name)):
        time.sleep(1)


def no_secret_in(output: str, server: Server) -> None:
    assert [canary for canary in (*CANARIES.values(), server.options.get("password", "?" * 9)) if canary in output] == []


def taken_away(server: Server) -> None:
    gone = server.declare({}, prune=dict.fromkeys(FAMILIES, "owned"))
    assert not gone.get("failed"), gone["msg"]


def test_a_play_that_is_killed_is_ended_by_the_next_and_nothing_is_doubled(mlflow_full: Server, tmp_path: Path) -> None:
    server, many = mlflow_full, 12
    wanted, output = document("killed", many), ""
    for family, path in (
        ("experiments", "/api/2.0/mlflow/experiments/create"),
        ("webhooks", "/api/2.0/mlflow/webhooks"),
        ("budgets", "/api/3.0/mlflow/gateway/budgets/create"),
        ("datasets", "/api/3.0/mlflow/datasets/create"),
        ("scorers", "/api/3.0/mlflow/scorers/register"),
        ("guardrails", "/api/3.0/mlflow/gateway/guardrails/create"),
    ):
        with Between(server.url, path, 3) as between:
            process = Play(tmp_path / family, server, wanted, url=between.url).start()
            between.then = functools.partial(kill_all, process.pid)
            output += process.communicate(timeout=300)[0]
        assert process.returncode == -signal.SIGKILL, output[-4000:]
        still(server, "killed")
        assert 3 <= counted(server, "killed")[family] < many, "it was killed in the midst of them"
    play = Play(tmp_path / "last", server, wanted)
    ended, again = play.run(), play.run()
    assert not ended.get("failed"), ended["msg"]
    assert ended["changed"] and not again["changed"] and again["plan"] == []
    assert ended["drift"] == [], "what is left to do nobody has changed by hand: not the records of the last dataset, either"
    assert counted(server, "killed") == dict.fromkeys(COUNTED, many)
    no_secret_in(output + play.output, server)
    taken_away(server)


@pytest.mark.parametrize("path", ["create", "add-to-endpoint"])
def test_a_play_that_is_killed_while_it_makes_guardrails_anew(mlflow_full: Server, tmp_path: Path, path: str) -> None:
    """Two of one name are there for a moment: the next play knows that both are ours, and which one stays."""
    server, many = mlflow_full, 6
    wanted = document("anew", many)
    wanted["gateway"]["model_definitions"] = [{"name": "anew-0", "secret_name": "anew-0", "provider": "openai", "model_name": "gpt-4o"}]
    wanted["gateway"]["endpoints"] = [{"name": "anew-0", "model_configs": [{"model_definition": "anew-0"}]}]
    for rail in wanted["gateway"]["guardrails"]:
        rail["endpoints"] = [{"endpoint": "anew-0"}]
    made = Play(tmp_path / "first", server, wanted).run()
    assert not made.get("failed"), made["msg"]
    for rail in wanted["gateway"]["guardrails"]:
        rail["stage"] = "AFTER"
    with Between(server.url, f"/api/3.0/mlflow/gateway/guardrails/{path}", 3) as between:
        process = Play(tmp_path / "killed", server, wanted, url=between.url).start()
        between.then = functools.partial(kill_all, process.pid)
        output = process.communicate(timeout=300)[0]
    assert process.returncode == -signal.SIGKILL, output[-4000:]
    still(server, "anew")
    assert counted(server, "anew")["guardrails"] > many, "it was killed in the midst of them"
    play = Play(tmp_path / "last", server, wanted)
    ended, again = play.run(), play.run()
    assert not ended.get("failed"), ended["msg"]
    assert ended["changed"] and not again["changed"] and again["plan"] == []
    listed = server.request("GET", "/api/3.0/mlflow/gateway/guardrails/list?max_results=100")["guardrails"]
    assert [rail["stage"] for rail in listed if rail["name"].startswith("anew-")] == ["AFTER"] * many
    gone = server.declare({}, prune=dict.fromkeys((*FAMILIES, "gateway_endpoints", "gateway_model_definitions"), "owned"))
    assert not gone.get("failed"), gone["msg"]


def test_two_plays_at_once(mlflow_full: Server, tmp_path: Path) -> None:
    server, many = mlflow_full, 10
    plays = [Play(tmp_path / str(number), server, document("twice", many)) for number in range(2)]
    for play, process in [(play, play.start()) for play in plays]:
        result = play.end(process)
        # One may see what the other has half written; that is for the next run to end.
        assert not result.get("failed") or "run again" in result["msg"], result["msg"]
    plays[0].run()
    again = plays[1].run()
    assert not again.get("failed") and not again["changed"], again
    assert counted(server, "twice") == dict.fromkeys(COUNTED, many)
    for play in plays:
        no_secret_in(play.output, server)
    taken_away(server)


def test_no_secret_is_shown_when_it_changes_and_when_the_server_refuses_it(mlflow_full: Server, tmp_path: Path) -> None:
    """Also not of the login: a wrong password, a token."""
    server = mlflow_full
    outputs = []
    wanted = document("shown", 1)
    other = {
        "webhooks": [{**wanted["webhooks"][0], "secret": "{{ secrets.webhook }}-2"}],
        "users": [{**wanted["users"][0], "password": "{{ secrets.password }}-2"}],
    }
    for number, (change, options, line) in enumerate([
        ({}, {}, ""),
        (other, {}, ""),
        ({}, {"password": "{{ secrets.password }}-wrong"}, "check username and password"),
        ({}, {"username": "{{ omit }}", "password": "{{ omit }}", "token": "{{ secrets.gateway }}"}, "give username and password instead"),
    ]):  # fmt: skip
        play = Play(tmp_path / str(number), server, {**wanted, **change}, **options)
        result = play.run()
        assert bool(result.get("failed")) == bool(line) and line in result.get("msg", ""), result.get("msg")
        outputs.append(play.output)
    no_secret_in("".join(outputs), server)
    taken_away(server)


@pytest.fixture(scope="module")
def below_a_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Server]]:
    """Servers of three ages with a static prefix, basic authentication and workspaces."""
    with (
        running(OLDEST, tmp_path_factory.mktemp("oldest"), auth=True, workspaces=True, prefix="/below") as oldest,
        running(BEFORE_RBAC, tmp_path_factory.mktemp("old"), auth=True, workspaces=True, prefix="/below") as old,
    ):
        yield {OLDEST: oldest, BEFORE_RBAC: old}


@pytest.mark.parametrize("version", [OLDEST, BEFORE_RBAC])
def test_below_a_static_prefix(below_a_path: Mapping[str, Server], version: str) -> None:
    """Users and grants too, which the oldest has beside the prefix; pruned by one word."""
    server = below_a_path[version]
    wanted = {
        "experiments": [{"name": "below"}],
        "prompts": [{"name": "below", "template": "x"}],
        "users": [{"username": "ann", "password": CANARIES["password"]}],
        "grants": [{"user": "ann", "resource_type": "experiment", "resource": "below", "permission": "READ"}],
    }
    predicted = server.declare(wanted, check=True)
    made = server.declare(wanted)
    assert not made.get("failed") and made["plan"] == predicted["plan"] and len(made["plan"]) == 4, made.get("msg")
    assert not server.declare(wanted, prune="owned")["changed"]
    gone = server.declare({"experiments": []}, prune="owned")
    assert not gone.get("failed") and len(gone["plan"]) == 4, gone.get("msg")
    wrong = server.declare(wanted, static_prefix="/beside")
    assert wrong["failed"] and "check url and static_prefix" in wrong["msg"] and "\n" not in wrong["msg"]


def test_few_rights_write_nothing_and_are_told(mlflow_full: Server) -> None:
    """Who may use a workspace only cannot give himself more: every part is refused in one line, and what was there before stays."""
    server, password = mlflow_full, "long-enough-12"
    server.declare({
        "users": [{"username": "few", "password": password}],
        "grants": [{"user": "few", "resource_type": "workspace", "permission": "USE"}],
    })  # fmt: skip
    for part in ({"workspaces": [{"name": "w-few"}]}, {"users": [{"username": "other", "password": password}]}, {"roles": [{"name": "r", "permissions": []}]}):
        result = server.declare(part, username="few", password=password)
        assert (
            result.get("failed")
            and "(403" in result["msg"]
            and ("no permission" in result["msg"] or "an administrator?" in result["msg"])
            and "\n" not in result["msg"]
        ), result["msg"]
    assert {user["username"] for user in server.request("GET", "/api/2.0/mlflow/users/list")["users"]}.isdisjoint({"other"})
    server.declare({}, prune={"users": "owned", "grants": "owned"})
