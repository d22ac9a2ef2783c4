# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what it takes to make, keep and remove the platform, on a cluster of its own.

    make bench-platform                      warm_up, second_up, idle_memory, login_p95, login_median, down
    make bench-platform ARGS=--cold          cold_up too: with an empty cache, everything compiled (a quarter of an hour and more)
    make bench-platform ARGS='--idle-seconds 60'   a shorter wait before memory is read

Each figure goes to results/<figure>.json with the machine it was taken on. Commands are those a user types (make up, make down).
"""

from __future__ import annotations

import argparse
import base64
import datetime
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import reads
import yaml
from kubernetes import client, config

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results"
INVENTORY = "tests/benchmarks/inventory"
SETTINGS = yaml.safe_load((ROOT / INVENTORY / "group_vars" / "all" / "main.yml").read_text(encoding="utf-8"))
NAME = SETTINGS["platform_name"]
DOMAIN = "mlops.localhost"
STATE = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "mlops-platform" / NAME
LIMITS = {"cold_up": 2400, "warm_up": 360, "second_up": 60, "idle_memory": 3.5 * 1024**3, "down": 30, "login_p95": 1.5, "login_median": 0.010}

# Memory of a node's own processes: all that are in no pod. Shared pages count once (PSS), as they do in a working set.
NODE_PROCESSES = r"""
for folder in /proc/[0-9]*; do
  grep -q kubepods "$folder/cgroup" 2>/dev/null && continue
  [ "$folder" = "/proc/$$" ] && continue
  name=$(cat "$folder/comm" 2>/dev/null) || continue
  pss=$(awk '/^Pss:/ { print $2 }' "$folder/smaps_rollup" 2>/dev/null)
  [ -n "$pss" ] || pss=$(awk '/^VmRSS:/ { print $2 }' "$folder/status" 2>/dev/null)
  [ -n "$pss" ] && echo "$name $pss"
done
true
"""


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 1024**3, 1),
        "architecture": platform.machine(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "cgroups": "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1",
    }


def write(figure: str, value: float, unit: str, **details: Any) -> None:
    limit = LIMITS[figure]
    result = {
        "figure": figure,
        "value": value,
        "unit": unit,
        "limit": limit,
        "met": value <= limit and details.get("changed", 0) == 0 and details.get("errors", 0) == 0,
        "measured": datetime.datetime.now(tz=datetime.UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "details": details,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{figure}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    shown = {"bytes": f"{value / 1024**3:.2f} GiB of {limit / 1024**3:.2f}", "times": f"{value:.2f} times of {limit}"}.get(unit, f"{value:.4g} s of {limit}")
    print(f"--- {figure}: {shown}{'' if result['met'] else '  NOT MET'}", flush=True)


def make(verb: str, environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Run a make target on the benchmark's cluster: seconds and output."""
    command = ["make", verb, f"ARGS=--inventory inventories/local --inventory {INVENTORY}"]
    start = time.monotonic()
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ, **(environment or {})), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            lines.append(line)
    seconds = time.monotonic() - start
    if process.returncode != 0:
        raise SystemExit(f"bench: 'make {verb}' failed with {process.returncode}: nothing more is measured")
    return round(seconds, 1), "".join(lines)


def recap(output: str, key: str) -> int:
    return sum(int(number) for number in re.findall(rf"\b{key}=(\d+)", output.rsplit("PLAY RECAP", maxsplit=1)[-1]))


def engine() -> str:
    for name in ("podman", "docker"):
        if shutil.which(name):
            return name
    raise SystemExit("bench: neither podman nor docker here: memory of the node cannot be read")


def node_processes(node: str) -> dict[str, int]:
    environment = dict(os.environ)
    if (STATE / "containers.conf").exists():
        environment["CONTAINERS_CONF"] = str(STATE / "containers.conf")
    output = subprocess.run([engine(), "exec", node, "sh", "-c", NODE_PROCESSES], env=environment, check=True, capture_output=True, text=True).stdout
    processes: dict[str, int] = {}
    for line in output.splitlines():
        name, kib = line.rsplit(" ", 1)
        processes[name] = processes.get(name, 0) + int(kib) * 1024
    return processes


def memory() -> tuple[int, dict[str, Any]]:
    """Working set of every pod by the kubelets' own summary, and of the nodes' own processes."""
    config.load_kube_config(str(STATE / "kubeconfig"))
    core = client.CoreV1Api()
    pods: dict[str, int] = {}
    own: dict[str, int] = {}
    for node in core.list_node().items:
        path = f"/api/v1/nodes/{node.metadata.name}/proxy/stats/summary"
        answer = core.api_client.call_api(path, "GET", auth_settings=["BearerToken"], response_type="object")
        for pod in answer[0]["pods"]:
            reference = pod["podRef"]
            containers = sum(container.get("memory", {}).get("workingSetBytes", 0) for container in pod.get("containers", []))
            pods[f"{reference['namespace']}/{reference['name']}"] = pod.get("memory", {}).get("workingSetBytes", 0) or containers
        for name, size in node_processes(node.metadata.name).items():
            own[name] = own.get(name, 0) + size
    if not pods or not any(pods.values()):
        raise SystemExit("bench: the kubelet's summary has no memory of any pod: idle memory cannot be told")
    details = {
        "pods": dict(sorted(pods.items(), key=lambda item: -item[1])),
        "node_processes": dict(sorted(own.items(), key=lambda item: -item[1])),
        "pods_total": sum(pods.values()),
        "node_processes_total": sum(own.values()),
    }
    return details["pods_total"] + details["node_processes_total"], details


def login() -> None:
    """What a login costs: reads with a token beside reads of a second MLflow without one."""
    playbook = [Path(sys.executable).parent / "ansible-playbook", "-i", "inventories/local", "-i", INVENTORY, "tests/benchmarks/without_login.yml"]
    environment = dict(os.environ, LC_ALL="C.UTF-8", ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"))
    port, ca = int(SETTINGS["platform_https_port"]), str(STATE / "ca.crt")
    try:
        subprocess.run(playbook, cwd=ROOT, env=environment, check=True, stdin=subprocess.DEVNULL)
        found = reads.measured(port, ca, f"mlflow.{DOMAIN}", token(port, ca), f"without-login.{DOMAIN}")
    finally:
        subprocess.run([*playbook, "-e", "bench_state=absent"], cwd=ROOT, env=environment, check=True, stdin=subprocess.DEVNULL)
    write("login_p95", found["ratio"], "times", **found)
    write("login_median", found["login_median"], "seconds", **found)


def token(port: int, ca: str) -> str:
    """An access token of the program `pipelines`."""
    config.load_kube_config(str(STATE / "kubeconfig"))
    secret = client.CoreV1Api().read_namespaced_secret("keycloak-client-pipelines", "keycloak").data["client-secret"]
    body = {"grant_type": "client_credentials", "client_id": "pipelines", "client_secret": base64.b64decode(secret).decode()}
    address = f"https://keycloak.{DOMAIN}:{port}/realms/platform/protocol/openid-connect/token"
    with urllib.request.urlopen(address, urllib.parse.urlencode(body).encode(), timeout=30, context=ssl.create_default_context(cafile=ca)) as answer:
        return str(json.load(answer)["access_token"])


def cold() -> None:
    """With an empty cache; the cache is thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlops-platform-bench-", ignore_cleanup_errors=True) as cache:
        environment = {"XDG_CACHE_HOME": cache}
        try:
            seconds, output = make("up", environment)
            write("cold_up", seconds, "seconds", changes=recap(output, "changed"))
        finally:
            make("down", environment)
            make("clean-cache", environment)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the platform; see the top of this file.")
    parser.add_argument("--cold", action="store_true", help="measure with an empty cache too")
    parser.add_argument("--idle-seconds", type=int, default=300, help="how long nothing changes before memory is read")
    arguments = parser.parse_args()
    make("down")
    if arguments.cold:
        cold()
    try:
        first, output = make("up")
        write("warm_up", first, "seconds", changes=recap(output, "changed"))
        second, output = make("up")
        write("second_up", second, "seconds", changed=recap(output, "changed"), ratio_to_warm_up=round(second / first, 3))
        print(f"Waiting {arguments.idle_seconds} s, so that what is measured is idle", flush=True)
        time.sleep(arguments.idle_seconds)
        used, details = memory()
        write("idle_memory", used, "bytes", idle_seconds=arguments.idle_seconds, **details)
        login()
    finally:
        seconds, _output = make("down")
    write("down", seconds, "seconds")


if __name__ == "__main__":
    main()
