# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the configuration modules beside what people use instead: community.general's modules, and loops of ansible.builtin.uri.

    tests/benchmarks/modules.py                        everything, on servers of its own
    tests/benchmarks/modules.py mlflow_50 loop_200     some of it

With KEYCLOAK_URL, KEYCLOAK_USERNAME and KEYCLOAK_PASSWORD, or MLFLOW_TRACKING_URI, servers that run already are used. Every time is the wall
clock of a whole ansible-playbook, its start included, for theirs and for ours. Realms and models are called bench-… and removed at the end.
Results go to results/modules_<figure>.json.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
REALM = "bench-modules"
# What each figure has to reach, and from which side.
LIMITS: dict[str, tuple[str, float]] = {
    "keycloak_50_created": ("at least", 8),
    "keycloak_50_unchanged": ("at least", 17),
    "keycloak_50_requests": ("at most", 8),
    "mlflow_50_created": ("at least", 15),
    "mlflow_50_unchanged": ("at least", 17),
    "mlflow_500_created": ("at least", 40),
    "loop_200_created": ("at most", 6),
    "loop_200_unchanged": ("at most", 6),
    "realm_3000_seconds": ("at most", 15),
    "realm_3000_memory": ("at most", 200),
}

Task = dict[str, Any]


@dataclasses.dataclass
class Servers:
    """Options by which the modules reach the servers, and a folder for what a run needs."""

    keycloak: Task
    mlflow: Task
    folder: Path


@dataclasses.dataclass
class Run:
    """One ansible-playbook.

    :ivar seconds: wall clock.
    :ivar memory: the most that one of its processes held, in MiB.
    :ivar changed: tasks that changed something; items of loops count as one.
    :ivar requests: what our module sent; None for theirs.
    """

    seconds: float
    memory: float
    changed: int
    requests: int | None


def play(servers: Servers, *tasks: Task) -> Run:
    """Runs tasks on localhost; a task that registers `result` is one of ours.

    :raises SystemExit: when a task fails.
    """
    shown: list[Task] = []
    if any(task.get("register") == "result" for task in tasks):
        total = "{{ (result.results | default([result])) | map(attribute='requests.total') | sum }}"
        shown = [{"ansible.builtin.debug": {"msg": f"requests={total}"}}]
    variables = {"ansible_python_interpreter": sys.executable}
    path, log = servers.folder / "play.yml", servers.folder / "output.txt"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": [*tasks, *shown]}]), encoding="utf-8")
    path.chmod(0o600)
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    began = time.monotonic()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [BIN / "ansible-playbook", "-i", "localhost,", "-c", "local", path], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    text = log.read_text(encoding="utf-8")
    if process.returncode:
        raise SystemExit(f"bench: a playbook failed, nothing more is measured:\n{text[-3000:]}")
    found = re.search(r"requests=(\d+)", text)
    changed = int(re.findall(r"\bchanged=(\d+)", text)[-1])
    return Run(seconds, usage.ru_maxrss / 1024, changed, int(found[1]) if found else None)


def write(figure: str, value: float, **details: Any) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))
    from run import RESULTS, machine

    side, limit = LIMITS[figure]
    met = value >= limit if side == "at least" else value <= limit
    result = {"figure": figure, "value": round(value, 2), "limit": f"{side} {limit}", "met": met, "machine": machine(), "details": details}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"modules_{figure}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"--- {figure}: {value:.1f}, {side} {limit}{'' if met else '  NOT MET'}   {details}", flush=True)


def ratio(figure: str, theirs: Run, ours: Run, **details: Any) -> None:
    """How many times faster ours is; what was measured goes along."""
    write(
        figure, theirs.seconds / ours.seconds, theirs_seconds=round(theirs.seconds, 2), ours_seconds=round(ours.seconds, 2), requests=ours.requests, **details
    )


def expect(run: Run, changed: bool) -> Run:
    if bool(run.changed) != changed:
        raise SystemExit(f"bench: {run.changed} tasks changed something where {'some' if changed else 'none'} should have: the figures would mean nothing")
    return run


# Keycloak


def keycloak_config(servers: Servers, document: Task, **options: Any) -> Task:
    return {"mlops.platform.keycloak_config": {**servers.keycloak, "config": {"realm": REALM, **document}, **options}, "register": "result"}


def no_realm(servers: Servers) -> None:
    play(servers, {"mlops.platform.keycloak_realm": {**servers.keycloak, "realm": REALM, "state": "absent"}})


def keycloak_50(servers: Servers) -> None:
    """50 clients and 50 roles: a loop of community.general's modules, and one document."""
    login = {
        "auth_keycloak_url": servers.keycloak["url"],
        "auth_realm": "master",
        "auth_username": servers.keycloak["auth_username"],
        "auth_password": servers.keycloak["auth_password"],
        "realm": REALM,
    }
    numbers = list(range(50))
    theirs = [
        {"community.general.keycloak_role": {**login, "name": "role-{{ item }}", "description": "a role"}, "loop": numbers},
        {
            "community.general.keycloak_client": {**login, "client_id": "client-{{ item }}", "redirect_uris": ["https://{{ item }}.example.com/*"]},
            "loop": numbers,
        },
    ]
    document = {
        "roles": {"realm": [{"name": f"role-{number}", "description": "a role"} for number in numbers]},
        "clients": [{"clientId": f"client-{number}", "redirectUris": [f"https://{number}.example.com/*"]} for number in numbers],
    }
    play(servers, keycloak_config(servers, {}))
    their_created, their_unchanged = expect(play(servers, *theirs), True), expect(play(servers, *theirs), False)
    no_realm(servers)
    play(servers, keycloak_config(servers, {}))
    created = expect(play(servers, keycloak_config(servers, document)), True)
    unchanged = expect(play(servers, keycloak_config(servers, document)), False)
    ratio("keycloak_50_created", their_created, created)
    ratio("keycloak_50_unchanged", their_unchanged, unchanged)
    write("keycloak_50_requests", float(unchanged.requests or 0))
    no_realm(servers)


def realm_3000(servers: Servers) -> None:
    """A realm with 1,000 clients and 2,000 users: an unchanged run with 100 of each declared; with all of them, for comparison."""

    def document(clients: int, users: int) -> Task:
        return {
            "clients": [{"clientId": f"client-{number}", "redirectUris": [f"https://{number}.example.com/*"]} for number in range(clients)],
            "users": [{"username": f"user-{number}", "email": f"user-{number}@example.com", "enabled": True} for number in range(users)],
        }

    play(servers, keycloak_config(servers, document(1000, 2000), verify=False))
    play(servers, keycloak_config(servers, document(100, 100)))
    some = expect(play(servers, keycloak_config(servers, document(100, 100))), False)
    everything = expect(play(servers, keycloak_config(servers, document(1000, 2000))), False)
    beside = {"all_declared_seconds": round(everything.seconds, 1), "all_declared_memory": round(everything.memory), "requests": some.requests}
    write("realm_3000_seconds", some.seconds, **beside)
    write("realm_3000_memory", some.memory, **beside)
    no_realm(servers)


# MLflow


def models(count: int) -> list[Task]:
    return [{"name": f"bench-{number}", "description": "a model"} for number in range(count)]


def mlflow_config(servers: Servers, count: int) -> Task:
    return {"mlops.platform.mlflow_config": {**servers.mlflow, "config": {"registered_models": models(count)}}, "register": "result"}


def no_models(servers: Servers, count: int) -> None:
    play(servers, {"mlops.platform.mlflow_registered_model": {**servers.mlflow, "items": [{"name": one["name"]} for one in models(count)], "state": "absent"}})


def uri_create(servers: Servers, count: int) -> Task:
    """What people write: 200 or 400 for a model that is there already."""
    return {
        "ansible.builtin.uri": {
            "url": f"{servers.mlflow['url']}/api/2.0/mlflow/registered-models/create",
            "method": "POST",
            "body_format": "json",
            "body": "{{ item }}",
            "status_code": [200, 400],
        },
        "loop": models(count),
        "loop_control": {"label": "{{ item.name }}"},
    }


def mlflow_some(servers: Servers, count: int) -> tuple[Run, Run, Run, Run]:
    def ours() -> Run:
        no_models(servers, count)
        return expect(play(servers, mlflow_config(servers, count)), True)

    # Theirs takes minutes, in which a machine's pace changes: ours is taken before and after it, and the middle one counts.
    before = [ours(), ours()]
    no_models(servers, count)
    their_created, their_unchanged = play(servers, uri_create(servers, count)), play(servers, uri_create(servers, count))
    runs = [*before, ours(), ours(), ours()]
    created = sorted(runs, key=lambda run: run.seconds)[2]
    unchanged = expect(play(servers, mlflow_config(servers, count)), False)
    no_models(servers, count)
    return their_created, their_unchanged, created, unchanged


def mlflow_50(servers: Servers) -> None:
    """50 registered models: a loop of uri, and one document."""
    their_created, their_unchanged, created, unchanged = mlflow_some(servers, 50)
    ratio("mlflow_50_created", their_created, created)
    ratio("mlflow_50_unchanged", their_unchanged, unchanged)


def mlflow_500(servers: Servers) -> None:
    """The same with 500: some minutes, for theirs."""
    their_created, their_unchanged, created, unchanged = mlflow_some(servers, 500)
    ratio("mlflow_500_created", their_created, created, unchanged_ratio=round(their_unchanged.seconds / unchanged.seconds, 1))


def loop_200(servers: Servers) -> None:
    """A loop of 200 tasks, each of an object module."""
    task = {
        "mlops.platform.mlflow_registered_model": {**servers.mlflow, "name": "bench-{{ item }}", "description": "a model"},
        "loop": list(range(200)),
        "register": "result",
    }
    created, unchanged = expect(play(servers, task), True), expect(play(servers, task), False)
    for figure, run in (("loop_200_created", created), ("loop_200_unchanged", unchanged)):
        write(figure, run.seconds, requests=run.requests, milliseconds_an_item=round(run.seconds * 5, 1))
    no_models(servers, 200)


FIGURES: dict[str, Callable[[Servers], None]] = {
    "keycloak_50": keycloak_50,
    "mlflow_50": mlflow_50,
    "loop_200": loop_200,
    "realm_3000": realm_3000,
    "mlflow_500": mlflow_500,
}


@contextlib.contextmanager
def servers_for(figures: list[str]) -> Iterator[Servers]:
    """The servers that these figures need: those of the environment, or new ones."""
    sys.path.insert(0, str(ROOT / "tests" / "integration"))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-platform-bench-", ignore_cleanup_errors=True)))
        keycloak, mlflow = {}, {}
        if {"keycloak_50", "realm_3000"} & set(figures):
            keycloak = {"url": os.environ.get("KEYCLOAK_URL"), **{f"auth_{key}": os.environ.get(f"KEYCLOAK_{key.upper()}") for key in ("username", "password")}}
            if not keycloak["url"]:
                import keycloak_server

                (folder / "keycloak").mkdir()
                server = stack.enter_context(keycloak_server.running(folder / "keycloak"))
                keycloak = {"url": server.url, "auth_username": server.username, "auth_password": server.password}
        if {"mlflow_50", "mlflow_500", "loop_200"} & set(figures):
            mlflow = {"url": os.environ.get("MLFLOW_TRACKING_URI")}
            if not mlflow["url"]:
                import mlflow_servers

                (folder / "mlflow").mkdir()
                mlflow = stack.enter_context(mlflow_servers.running(mlflow_servers.CURRENT, folder / "mlflow")).options
        yield Servers(keycloak, mlflow, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the configuration modules; see the top of this file.")
    parser.add_argument("figures", nargs="*", choices=[*FIGURES, []], help="what to measure; everything by default")
    chosen = parser.parse_args().figures or list(FIGURES)
    with servers_for(chosen) as servers:
        for figure in chosen:
            FIGURES[figure](servers)


if __name__ == "__main__":
    main()
