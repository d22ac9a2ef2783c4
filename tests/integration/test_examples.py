# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of every module of Keycloak and MLflow run as they are printed, against real servers, and hold no secret."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from conftest import ROOT
from keycloak_client import Realm
from keycloak_server import Keycloak
from mlflow_servers import Server

MODULES = sorted(path.stem for product in ("keycloak", "mlflow") for path in (ROOT / "plugins" / "modules").glob(f"{product}_*.py"))
# Those that others need come first; documents come last, for what is there is made one of before.
FIRST = ["keycloak_realm", "keycloak_client_scope", "keycloak_client", "keycloak_role", "keycloak_group", "keycloak_user", "mlflow_workspace", "mlflow_user"]
LAST = ["keycloak_info", "mlflow_info", "keycloak_config", "mlflow_config"]
# What the examples take to be there, and do not make themselves.
BEFORE = """
- name: What is taken for granted
  mlops.platform.keycloak_config:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    owner: ""
    config:
      realm: mlops
      organizationsEnabled: true
      clients: [{clientId: mlflow}]
      roles: {realm: [{name: data-scientist}], client: {mlflow: [{name: editor}]}}
- name: An account for tools
  mlops.platform.keycloak_config:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    realm: master
    owner: ""
    config:
      clients: [{clientId: ansible, serviceAccountsEnabled: true, secret: "{{ keycloak_client_secret }}", serviceAccountRealmRoles: [admin]}]
- name: A workspace, a model with a history, and people
  mlops.platform.mlflow_config:
    owner: ""
    config:
      workspaces: [{name: fraud, experiments: [{name: playground}]}]
      registered_models: [{name: fraud, versions: "{{ versions }}"}]
      users: [{username: ada, password: "{{ ada_password }}"}, {username: grace, password: "{{ ada_password }}"}]
  vars:
    versions: [{source: s3://m/1}, {source: s3://m/2}, {source: s3://m/3}, {source: s3://m/4}, {source: s3://m/5}, {source: s3://m/6}, {source: s3://m/7}]
"""
AFTER = """
- name: Nothing is left
  mlops.platform.{module}:
    url: https://sso.example.com
    auth_username: admin
    auth_password: "{{ keycloak_admin_password }}"
    {options}
    state: absent
"""
VARIABLES = {
    name: f"canary-{name}"
    for name in (
        "keycloak_client_secret", "mlflow_client_secret", "company_client_secret", "ldap_password", "ada_first_password", "ada_password", "secret_hash_key",
        "openai_api_key", "anthropic_api_key", "webhook_secret", "mlflow_token",
    )
}  # fmt: skip


def examples(module: str) -> str:
    return str(importlib.import_module(f"ansible_collections.mlops.platform.plugins.modules.{module}").EXAMPLES)


def literal_secrets(value: Any, keys: frozenset[str], inside: str = "") -> Iterator[str]:
    """Secrets that are not taken from a variable."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from literal_secrets(item, keys, str(key) if key in keys else inside)
    elif isinstance(value, list):
        for item in value:
            yield from literal_secrets(item, keys, inside)
    elif inside and not (isinstance(value, str) and value.startswith("{{")):
        yield inside


@pytest.mark.parametrize("module", MODULES)
def test_no_secret_stands_in_an_example(module: str) -> None:
    door = importlib.import_module(f"ansible_collections.mlops.platform.plugins.modules.{module}").DOOR
    tasks = DataLoader().load(examples(module))
    assert tasks and any(f"mlops.platform.{module}" in task for task in tasks)
    for task in tasks:
        options = task.get(f"mlops.platform.{module}", {})
        assert not list(literal_secrets(options, door.keys_of(options))), task["name"]


def test_the_guide_runs(keycloak: Keycloak, mlflow_fresh: Server, tmp_path: Path) -> None:
    """The files of docs/configuration.md, as somebody writes them down who has nothing else."""
    guide = (ROOT / "docs" / "configuration.md").read_text()
    for name, text in re.findall(r"(?ms)^```yaml\n# (\S+)\n(.*?)^```$", guide):
        for server, url in (("sso", keycloak.url), ("mlflow", mlflow_fresh.url)):
            text = text.replace(f"url: https://{server}.example.com", f"url: {url}")
        (tmp_path / name).write_text(text)
    (tmp_path / "vault.yml").write_text(
        yaml.safe_dump({"keycloak_admin_password": keycloak.password, "mlflow_admin_password": mlflow_fresh.options["password"]})
    )
    (tmp_path / "hosts").write_text("localhost ansible_connection=local\n")
    recaps = [
        subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", "-i", "hosts", "platform.yml", "-e", "@vault.yml", "--diff", *options],
            env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        ).stdout
        for options in (["--check"], [], [])
    ]  # fmt: skip
    assert ["changed=2" in recaps[0], "changed=2" in recaps[1], "changed=0" in recaps[2]] == [True] * 3, "\n".join(recap[-3000:] for recap in recaps)
    assert "failed=0" in recaps[2]
    Realm(keycloak, "mlops").remove()


def test_examples_run(keycloak: Keycloak, mlflow_fresh: Server, mlflow_plain: Server, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "explain.txt").write_text("Explain {{ payment }}.")
    (tmp_path / "realm-export.json").write_text(json.dumps({"realm": "mlops", "clients": [{"clientId": "theirs"}]}))
    passwords = {"keycloak_admin_password": keycloak.password, "mlflow_admin_password": mlflow_fresh.options["password"]}
    secrets = {**VARIABLES, **passwords}
    (tmp_path / "variables.yml").write_text(
        yaml.safe_dump({**secrets, "ansible_python_interpreter": sys.executable, "team": {"alan": VARIABLES["ada_password"]}})
    )
    modules = [*FIRST, *(name for name in MODULES if name not in FIRST + LAST), *LAST]
    tasks = re.split(r"(?m)^(?=- name: )", "".join(examples(module).lstrip("\n") for module in modules).replace("dest: /etc/mlflow", f"dest: {tmp_path}"))
    with_token = [task for task in tasks if re.search(r"(?m)^ +token: ", task)]
    after = [
        AFTER.replace("{module}", module).replace("{options}", options)
        for module, options in (("keycloak_realm", "realm: mlops"), ("keycloak_client", "realm: master\n    client_id: ansible"))
    ]
    # Where an example has no login, it comes from the variables of MLflow's own clients; the server without accounts takes any token.
    login = {f"MLFLOW_TRACKING_{option.upper()}": str(mlflow_fresh.options[option]) for option in ("username", "password")}
    for number, (examples_, server, variables) in enumerate(
        [([BEFORE, *(task for task in tasks if task not in with_token), *after], mlflow_fresh, login), (with_token, mlflow_plain, {})]
    ):
        text = "- hosts: localhost\n  gather_facts: false\n  tasks:\n" + textwrap.indent("".join(examples_), "    ")
        for name, url in (("sso", keycloak.url), ("mlflow", server.url)):
            text = re.sub(rf"url: https://{name}\.example\.com\b(?!/)", f"url: {url}", text)
        (tmp_path / f"play{number}.yml").write_text(text)
        more = {**variables, "MLFLOW_TRACKING_URI": server.url}
        program = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-vvv", "--diff"]
        done = subprocess.run(
            [*program, "-e", "@variables.yml", f"play{number}.yml"],
            env={**os.environ, **more, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        shown = done.stdout + done.stderr
        assert done.returncode == 0, shown[-6000:]
        assert not [name for name, value in secrets.items() if value in shown]
