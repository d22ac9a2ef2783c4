# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One document that holds every family, through ansible-playbook: on every database and version, in the controller, as a program and over SSH."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import test_keycloak_core
import test_keycloak_rest
import test_mlflow_core
import test_mlflow_genai
import test_mlflow_permissions
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families import ALL
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import documents
from ansible_collections.mlops.platform.plugins.module_utils.mlflow import families as known
from conftest import ROOT
from keycloak_client import Realm
from keycloak_server import Keycloak
from mlflow_servers import CURRENT, OLDEST, Server
from test_mlflow_core import first

SECRETS = (test_mlflow_core.SECRET, test_mlflow_permissions.PASSWORD, "canary-g-secret")
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
PROGRAM = {**LOCAL, "mlops_platform_in_process": False}
Document = dict[str, Any]

# Nothing of what is checked is left to the modules: the plan of check mode, of the run, of the next one, and what had drifted.
PLAY = """
- hosts: all
  gather_facts: false
  module_defaults:
    group/mlops.platform.{product}: "{{{{ options }}}}"
    mlops.platform.{product}_config: {{config_file: document.json, prune: "{{{{ prune }}}}", max_deletes: 100%, secret_hash_key: tests}}
  tasks:
    - name: Predict
      mlops.platform.{product}_config:
      check_mode: true
      register: predicted
    - name: Apply
      mlops.platform.{product}_config:
      register: done
    - name: Apply again
      mlops.platform.{product}_config:
      register: again
    - name: Compare
      ansible.builtin.assert:
        that:
          - done is changed
          - done.plan == predicted.plan
          - again is not changed and again.plan == []
          - drift is subset(predicted.drift | map(attribute="family"))
          - predicted.drift == [] or drift != []
    - name: Keep the plan
      ansible.builtin.copy: {{content: "{{{{ done.plan | to_json }}}}", dest: "{{{{ kept }}}}", mode: "0600"}}
      delegate_to: localhost
      vars: {{ansible_connection: local, ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
"""


class Site:
    """A server, and the host from which it is reached."""

    def __init__(self, folder: Path, product: str, host: dict[str, Any], options: dict[str, Any]) -> None:
        self.folder, self.options, self.environment = folder, options, {}
        if product == "mlflow" and host["ansible_connection"] == "local":  # by the variables of MLflow's own clients
            names = {"url": "URI", "username": "USERNAME", "password": "PASSWORD"}
            self.environment = {f"MLFLOW_TRACKING_{names[option]}": value for option, value in options.items()}
        (folder / "play.yml").write_text(PLAY.format(product=product))
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"far": host}}}))

    def play(self, document: Document, *, drift: Collection[str] = (), prune: Any = "none", fails: bool = False) -> Any:
        """What was done, as (action, family) of every object; or everything that was said, when it fails as it should."""
        (self.folder / "document.json").write_text(json.dumps(document))  # a file is not searched for Jinja, and prompts look like it
        known = {"prune": prune, "drift": sorted(drift), "options": {} if self.environment else self.options, "kept": str(self.folder / "plan.json")}
        (self.folder / "known.json").write_text(json.dumps(known))
        program = [Path(sys.executable).parent / "ansible-playbook", "-i", self.folder / "hosts.json", "-vvv", "--diff"]
        done = subprocess.run(
            [*program, "-e", f"@{self.folder}/known.json", self.folder / "play.yml"],
            env={**os.environ, **self.environment, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        shown = done.stdout + done.stderr
        assert not [secret for secret in (*SECRETS, *test_keycloak_core.SECRETS) if secret in shown]
        assert not [name for name in ("password", "auth_password") if self.options.get(name, "nothing at all") in shown]
        assert (done.returncode != 0) == fails, shown[-8000:]
        return shown if fails else [(action["action"], action["family"]) for action in json.loads((self.folder / "plan.json").read_text())]


def everything() -> Document:
    """All families of MLflow."""
    found: Document = {}
    for part in (*(case.document for case in test_mlflow_core.CASES), test_mlflow_genai.DOCUMENT, test_mlflow_permissions.document()):
        _add(found, copy.deepcopy(part))
    rail = {"name": "c-rail", "scorer": {"experiment": "g/exp", "name": "judge"}, "stage": "BEFORE", "action": "VALIDATION"}
    found["gateway"]["guardrails"] = [{**rail, "endpoints": [{"endpoint": "c-endpoint"}]}]
    found["users"][0]["is_admin"] = False
    return found


def _add(found: Document, part: Document) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            _add(found.setdefault(key, {}), value)
        else:
            found[key] = found.get(key, []) + [entry for entry in value if entry not in found.get(key, [])]


def without(document: Document, *names: str) -> Document:
    """The document without families, each named as it is written there (gateway.budgets), and without what refers to them."""
    left = copy.deepcopy(document)
    for name in names:
        *folders, last = name.split(".")
        (left[folders[0]] if folders else left).pop(last)
    return left


def changed_by_hand(server: Server, document: Document) -> set[str]:
    """Changes something of every family of the document; returns the families."""
    families = set()
    for case in test_mlflow_core.CASES:
        name = case.family.removeprefix("gateway_")
        if name in (document["gateway"] if case.family.startswith("gateway_") else document):
            case.change(server)
            families.add(case.family)
    if "guardrails" in document["gateway"]:
        test_mlflow_core.change_guardrail(server)
        families.add("gateway_guardrails")
    return families | test_mlflow_genai.by_hand(server, document) | permissions_changed(server, document)


def permissions_changed(server: Server, document: Document) -> set[str]:
    server.request("PATCH", "/api/2.0/mlflow/users/update-admin", {"username": "p-ann", "is_admin": True})
    families = {"users"}
    if "roles" in document:
        role = first(server, "/api/3.0/mlflow/roles/list", "roles", "p-analysts")
        server.request("PATCH", "/api/3.0/mlflow/roles/update", {"role_id": role["id"], "description": "theirs"})
        families.add("roles")
    if server.version == CURRENT:  # to change a grant is to take it back here: it is missing then
        body = {"username": "p-ann", "resource_type": "registered_model", "resource_id": "p-model"}
        server.request("POST", "/api/3.0/mlflow/users/permissions/revoke", body)
        return families
    server.request("PATCH", "/api/2.0/mlflow/registered-models/permissions/update", test_mlflow_permissions.MODEL_PERMISSION)
    return families | {"grants"}


# Host, server, what its version has not, and how it says so.
SITES = [
    ("controller", "mlflow_fresh", (), ""),
    ("ssh_host", "mlflow_postgres", (), ""),
    ("program", "mlflow_before_rbac", ("label_schemas", "review_queues"), "label_schemas cannot be declared"),
    ("controller", "mlflow_oldest", ("label_schemas", "review_queues", "gateway.budgets", "gateway.guardrails", "roles"), "gateway_budgets cannot be declared"),
]


@pytest.mark.parametrize(("host", "fixture", "missing", "refusal"), SITES, ids=lambda value: value if isinstance(value, str) else "")
def test_everything_on_mlflow(host: str, fixture: str, missing: tuple[str, ...], refusal: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server = request.getfixturevalue(fixture)
    hosts = {"controller": LOCAL, "program": PROGRAM}
    site = Site(tmp_path, "mlflow", hosts.get(host) or request.getfixturevalue(host), server.options)
    document = everything()
    if missing:
        said = site.play(document, fails=True)
        assert refusal in said and f"it runs MLflow {server.version}" in said
        document = without(document, *missing)
        if "roles" in missing:
            document["grants"] = [grant for grant in document["grants"] if "user" in grant]
    made = site.play(document)
    families = {family for _action, family in made}
    assert {action for action, _family in made} == {"create"}
    assert families == {family.name for family in known.everything()} - {name.replace(".", "_") for name in missing}
    if server.version == OLDEST:
        return  # before 3.12 a password is hashed for every request, which makes the rest long
    repaired = site.play(document, drift=changed_by_hand(server, document))
    assert {family for _action, family in repaired} == families
    gone = site.play({"workspaces": []}, prune=dict.fromkeys(families, "owned"))
    assert sorted(gone) == sorted(("delete", family) for _action, family in made)


# What mlflow_info leaves out of what is declared here: its documentation says why. A scorer comes by its definition.
NOT_TOLD = {
    "prompts": {"commit_message"}, "datasets": {"records"}, "scorers": {"instructions", "model", "description"},
}  # fmt: skip


def test_what_mlflow_info_tells_changes_nothing(mlflow_fresh: Server) -> None:
    """Also to who has no marks of it: nothing is found by what was declared."""
    server, document = mlflow_fresh, everything()
    kinds = {"numeric": {"min_value": 1, "max_value": 5}, "text": {"max_length": 9}, "categorical": {"options": ["a", "b"], "multi_select": True}}
    document["label_schemas"] += [{"experiment": "g-two", "name": kind, "type": "feedback", "input": {kind: given}} for kind, given in kinds.items()]
    document["gateway"]["endpoints"][0]["experiment"] = "g-two"
    made = server.declare(document, owner="")
    assert not made.get("failed"), made["msg"]
    told = server.told(versions=True)
    assert told["warnings"] == [] and told["owners"] == {}
    assert not [secret for secret in SECRETS if secret in json.dumps(told)]
    missing: dict[str, set[str]] = {}
    for family in known.everything():
        wanted, found = (
            {family.key(entry): raw for entry, raw in zip(family.entries(whole), documents.within(whole, family.path), strict=True)}
            for whole in (document, told["config"])
        )
        for key, entry in wanted.items():
            missing.setdefault(family.name, set()).update({field for field, value in entry.items() if value not in ("", False)} - set(found[key]))
    assert {family: fields for family, fields in missing.items() if fields} == NOT_TOLD
    rail = told["config"]["gateway"]["guardrails"][0]
    assert rail["scorer"] == {"experiment": "g/exp", "name": "judge"} and [one["endpoint"] for one in rail["endpoints"]] == ["c-endpoint"]
    for mode in ("merge", "exact"):
        seen = server.declare(told["config"], check=True, owner="", mode=mode)
        assert not seen.get("failed"), seen["msg"]
        assert seen["plan"] == []


def test_everything_on_keycloak(keycloak_postgres: Keycloak, ssh_host: dict[str, Any], tmp_path: Path) -> None:
    server = keycloak_postgres
    login = {"url": server.url, "auth_username": server.username, "auth_password": server.password, "realm": "far", "token_cache": False}
    site = Site(tmp_path, "keycloak", ssh_host, login)
    realm = Realm(server, "far")
    document = {**test_keycloak_core.everything(), "realm": "far"}
    made = site.play(document)
    assert {action for action, _family in made} <= {"create", "update", "adopt"} and {("create", "clients"), ("create", "authenticationFlows")} <= set(made)
    assert {family for _action, family in made} == {family.name for family in ALL}
    test_keycloak_core.alter(realm)
    site.play(document, drift={"realm", "clientScopes", "clients", "roles", "groups", "users"})
    realm.remove()


def test_what_the_server_exports_applies_to_its_realm_and_to_a_new_one(keycloak_postgres: Keycloak, tmp_path: Path) -> None:
    """The whole realm, as `kc.sh export` writes it."""
    realm, copied = Realm(keycloak_postgres, "whole"), Realm(keycloak_postgres, "whole-copy")
    realm.apply({**test_keycloak_core.everything(), "realm": "whole"})
    export = keycloak_postgres.export("whole", tmp_path / "whole.json")
    assert {user["username"] for user in export["users"]} >= {"alice", "bob"} and export["components"] and export["authenticationFlows"]
    same = realm.apply(export, check=True, owner="")
    assert same["plan"] == []
    elsewhere = json.loads(json.dumps(export).replace("/whole/", "/whole-copy/").replace('"whole"', '"whole-copy"'))
    copied.apply(elsewhere)
    assert not copied.apply(elsewhere)["changed"]
    again = keycloak_postgres.export("whole-copy", tmp_path / "copy.json")
    before, after = ({one["name"]: one["config"] for one in whole["components"][test_keycloak_rest.KEYS]}["ours"] for whole in (export, again))
    assert before["secret"] == after["secret"], "it signs with the same key"
    assert before["secret"][0] not in json.dumps(same)
    realm.remove()
    copied.remove()
