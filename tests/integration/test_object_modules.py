# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object modules, the info modules and the lookup in plays that Ansible runs, against real servers; from the checkout and installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings, basic
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.api import Api
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.tokens import Credentials, Tokens

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SECRETS = {
    "client": "canary-of-the-client",
    "user": "canary-of-the-user",
    "provider": "canary-of-the-provider",
    "webhook": "canary-of-the-webhook",
    "gateway": "canary-of-the-gateway",
}
KEY = "only-for-tests"
Task = dict[str, Any]

# In the order in which they need each other; names of what each makes.
KEYCLOAK: list[tuple[str, Task]] = [
    ("realm", {"display_name": "Objects", "attributes": {"x": 1}, "organizations_enabled": True}),
    (
        "client_scope",
        {"name": "teams", "protocol_mappers": [{"name": "teams", "protocolMapper": "oidc-group-membership-mapper", "config": {"claim.name": "teams"}}]},
    ),
    (
        "client",
        {
            "items": [
                {"client_id": "app", "redirect_uris": ["https://app.example.com/*"], "secret": "{{ secrets.client }}", "settings": {"consentRequired": True}},
                {"client_id": "sync", "service_accounts_enabled": True, "service_account_client_roles": {"realm-management": ["view-users"]}},
            ]
        },
    ),
    ("role", {"items": [{"client_id": "app", "name": "editor"}, {"name": "scientist", "composites": {"client": {"app": ["editor"]}}}]}),
    ("group", {"items": [{"path": "/teams"}, {"path": "/teams/fraud", "realm_roles": ["scientist"], "client_roles": {"app": ["editor"]}}]}),
    ("user", {"username": "ada", "email": "ada@example.com", "groups": ["/teams/fraud"], "password": "{{ secrets.user }}"}),
    (
        "identity_provider",
        {
            "alias": "company",
            "provider_id": "oidc",
            "config": {
                "clientId": "x",
                "clientSecret": "{{ secrets.provider }}",
                "authorizationUrl": "https://login.example.com/a",
                "tokenUrl": "https://login.example.com/t",
            },
            "mappers": [
                {
                    "name": "email",
                    "identityProviderMapper": "oidc-user-attribute-idp-mapper",
                    "config": {"claim": "email", "user.attribute": "email", "syncMode": "INHERIT"},
                }
            ],
        },
    ),
    (
        "flow",
        {
            "alias": "ours",
            "executions": [
                {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE"},
                {
                    "flowAlias": "ours forms",
                    "requirement": "ALTERNATIVE",
                    "authenticationExecutions": [{"authenticator": "auth-username-password-form", "requirement": "REQUIRED"}],
                },
            ],
        },
    ),
    ("required_action", {"alias": "CONFIGURE_TOTP", "default_action": True}),
    (
        "component",
        {
            "name": "signing",
            "provider_type": "org.keycloak.keys.KeyProvider",
            "provider_id": "rsa-generated",
            "config": {"priority": 200, "algorithm": "RS256"},
        },
    ),
    ("organization", {"name": "acme", "alias": "acme-inc", "domains": [{"name": "acme.example.com", "verified": True}], "members": ["ada"]}),
]
GONE: list[tuple[str, Task]] = [
    ("organization", {"name": "acme"}),
    ("component", {"name": "signing", "provider_type": "org.keycloak.keys.KeyProvider"}),
    ("flow", {"alias": "ours"}),
    ("identity_provider", {"alias": "company"}),
    ("user", {"username": "ada"}),
    ("group", {"path": "/teams/fraud"}),
    ("role", {"items": [{"name": "scientist"}, {"client_id": "app", "name": "editor"}]}),
    ("client", {"items": [{"client_id": "app"}, {"client_id": "sync"}]}),
    ("client_scope", {"name": "teams"}),
    ("realm", {}),
]
MLFLOW: list[tuple[str, Task]] = [
    ("workspace", {"items": [{"name": "obj-team", "description": "d"}, {"name": "obj-other", "settings": {"description": "by settings"}}]}),
    ("experiment", {"name": "obj/training", "description": "d", "tags": {"team": "fraud"}}),
    ("registered_model", {"items": [{"name": "obj", "versions": [{"label": "one", "source": "s3://models/one"}]}, {"name": "obj-2"}]}),
    ("model_alias", {"name": "champion", "model": "obj", "version": 1}),
    ("prompt", {"name": "obj.explain", "template": "Explain.", "aliases": {"production": "latest"}}),
    (
        "webhook",
        {"name": "obj", "target_url": "https://127.0.0.1/hook", "events": ["model_version_alias.created"], "secret": "{{ secrets.webhook }}"},
    ),
    (
        "gateway",
        {
            "items": [
                {"kind": "secret", "name": "obj", "settings": {"provider": "openai", "secret_value": "{{ secrets.gateway }}"}},
                {"kind": "model_definition", "name": "obj", "settings": {"provider": "openai", "model_name": "gpt-4o", "secret_name": "obj"}},
                {"kind": "endpoint", "name": "obj", "settings": {"model_configs": [{"model_definition": "obj"}]}},
            ]
        },
    ),
    ("user", {"items": [{"name": "obj-ada", "user_password": "{{ secrets.user }}"}, {"name": "obj-grace", "settings": {"password": "{{ secrets.user }}"}}]}),
    (
        "role",
        {"name": "obj-analysts", "members": ["obj-ada"], "permissions": [{"resource_type": "experiment", "resource": "obj/training", "permission": "EDIT"}]},
    ),
    ("grant", {"user": "obj-grace", "resource_type": "registered_model", "resource": "obj", "permission": "READ"}),
]
MLFLOW_GONE: list[tuple[str, Task]] = [
    ("grant", {"user": "obj-grace", "resource_type": "registered_model", "resource": "obj"}),
    ("role", {"name": "obj-analysts"}),
    ("user", {"items": [{"name": "obj-ada"}, {"name": "obj-grace"}]}),
    ("gateway", {"items": [{"kind": kind, "name": "obj"} for kind in ("endpoint", "model_definition", "secret")]}),
    ("webhook", {"name": "obj"}),
    ("prompt", {"name": "obj.explain"}),
    ("model_alias", {"name": "champion", "model": "obj"}),
    ("registered_model", {"items": [{"name": "obj"}, {"name": "obj-2"}]}),
    ("experiment", {"name": "obj/training"}),
    ("workspace", {"items": [{"name": "obj-team"}, {"name": "obj-other"}]}),
]


class Plays:
    """Runs tasks with ansible-playbook and keeps all that is shown."""

    def __init__(self, folder: Path, login: dict[str, Task], collections: Path) -> None:
        self.folder, self.login, self.collections = folder, login, collections
        self.output = ""

    def run(self, tasks: list[Task], *arguments: str, **variables: Any) -> list[Task]:
        """Results of the tasks, in their order; each as -vvv would show it."""
        named = [{**task, "register": f"r{number}"} for number, task in enumerate(tasks)]
        kept = {
            "ansible.builtin.copy": {"content": "{{ kept | to_json }}", "dest": f"{self.folder}/results.json", "mode": "0600"},
            "no_log": True,
            "check_mode": False,
        }
        kept["vars"] = {"kept": [f"{{{{ r{number} }}}}" for number in range(len(tasks))]}
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {f"group/mlops.platform.{product}": options for product, options in self.login.items()},
            "tasks": [*named, kept],
        }
        (self.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
        given = {"secrets": SECRETS, "key": KEY, "ansible_python_interpreter": sys.executable, **variables}
        (self.folder / "variables.yml").write_text(yaml.safe_dump(given))
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(self.collections)}
        command = [BIN / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{self.folder}/variables.yml", "-vvv", "--diff", *arguments]
        ended = subprocess.run([*command, self.folder / "play.yml"], env=environment, cwd=self.folder, capture_output=True, text=True, check=False, timeout=600)
        self.output += ended.stdout + ended.stderr
        assert ended.returncode == 0, (ended.stdout + ended.stderr)[-6000:]
        return list(json.loads((self.folder / "results.json").read_text()))


def objects(product: str, described: list[tuple[str, Task]], **more: Any) -> list[Task]:
    return [{f"mlops.platform.{product}_{name}": {**options, **more}} for name, options in described]


@pytest.fixture
def plays(tmp_path: Path, keycloak: Any, mlflow_full: Any) -> Plays:
    login = {
        "keycloak": {"url": keycloak.url, "auth_username": keycloak.username, "auth_password": keycloak.password, "realm": "objects"},
        "mlflow": dict(mlflow_full.options),
    }
    return Plays(tmp_path, login, ROOT / "collections")


def change_client(plays):
    login = dict(plays.login["keycloak"])
    http = Http(Settings(login["url"]))
    api = Api(http, Tokens(http, Credentials(username=login["auth_username"], password=login["auth_password"])), "objects")
    (client,) = api.get("/clients", clientId="app")
    api.put(f"/clients/{client['id']}", {**client, "redirectUris": ["https://evil.example.com/*"]})


def change_experiment(plays):
    login = plays.login["mlflow"]
    http = Http(Settings(login["url"], headers=(("Authorization", basic(login["username"], login["password"])),)))
    experiment = http.request("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=obj%2Ftraining").json()["experiment"]
    body = {"experiment_id": experiment["experiment_id"], "key": "team", "value": "theirs"}
    assert http.request("POST", "/api/2.0/mlflow/experiments/set-experiment-tag", body=body).status == 200


@pytest.mark.parametrize(
    ("product", "there", "gone", "by_hand", "drift"),
    [
        ("keycloak", KEYCLOAK, GONE, change_client, ("clients", "app", "redirectUris")),
        ("mlflow", MLFLOW, MLFLOW_GONE, change_experiment, ("experiments", "obj/training", "tags.team")),
    ],
)
def test_objects_come_stay_and_go(plays, product, there, gone, by_hand, drift):
    tasks = objects(product, there, owner="objects", secret_hash_key="{{ key }}")
    # Each is predicted right before it is made: what it refers to is there by then.
    made = plays.run([{**task, "check_mode": check} for task in tasks for check in (True, False)])
    assert [result["changed"] for result in made] == [True] * 2 * len(tasks)
    assert [result["plan"] for result in made[::2]] == [result["plan"] for result in made[1::2]]
    again = plays.run(tasks)
    assert [result["plan"] for result in again] == [[]] * len(tasks), "nothing is left to do"

    by_hand(plays)
    seen, repaired = plays.run(tasks, "--check"), plays.run(tasks)
    assert [(one["family"], one["name"], *one["fields"]) for result in seen for one in result["drift"]] == [drift]
    assert [result["changed"] for result in seen].count(True) == 1
    assert [(result["changed"], result["plan"]) for result in seen] == [(result["changed"], result["plan"]) for result in repaired]
    assert [result["changed"] for result in plays.run(tasks, "--check")] == [False] * len(tasks)

    away = objects(product, gone, state="absent")
    predicted = plays.run(away, "--check")
    removed = plays.run(away)
    assert [result["plan"] for result in predicted] == [result["plan"] for result in removed]
    assert all(result["changed"] for result in removed)
    assert not any(result["changed"] for result in plays.run(away[-1:]))
    for secret in SECRETS.values():
        assert secret not in plays.output


def test_what_is_there_comes_as_a_document_that_changes_nothing(plays):
    plays.run(
        objects("keycloak", KEYCLOAK, owner="objects", secret_hash_key="{{ key }}") + objects("mlflow", MLFLOW, owner="objects", secret_hash_key="{{ key }}")
    )
    keycloak, mlflow = plays.run([{"mlops.platform.keycloak_info": {}}, {"mlops.platform.mlflow_info": {"names": ["obj*"], "versions": True}}])
    assert keycloak["owners"]["clients/app"] == mlflow["owners"]["registered_models/obj"] == "objects"
    applied = plays.run(
        [
            {"mlops.platform.keycloak_config": {"config": "{{ documents[0] }}", "owner": ""}},
            {"mlops.platform.mlflow_config": {"config": "{{ documents[1] }}", "owner": ""}},
        ],
        "--check",
        documents=[keycloak["config"], mlflow["config"]],
    )
    assert [result["plan"] for result in applied] == [[], []]
    plays.run(objects("keycloak", GONE, state="absent") + objects("mlflow", MLFLOW_GONE, state="absent"))
    for secret in SECRETS.values():
        assert secret not in plays.output


def test_the_secret_of_a_client_and_a_token(plays, tmp_path):
    plays.run(objects("keycloak", [("realm", {}), ("client", {"client_id": "app", "secret": "{{ secrets.client }}"})]))
    secret = "mlops.platform.keycloak_client_secret"
    target = tmp_path / "secret"
    first, again, predicted = plays.run(
        [{secret: {"client_id": "app", "dest": str(target)}}] * 2 + [{secret: {"client_id": "app", "state": "rotated"}, "check_mode": True}]
    )
    assert [first["changed"], again["changed"], predicted["changed"]] == [True, False, True]
    assert target.read_text() == SECRETS["client"] and target.stat().st_mode & 0o777 == 0o600
    (rotated,) = plays.run([{secret: {"client_id": "app", "state": "rotated", "return_secret": True, "dest": str(target)}, "no_log": True}])
    assert rotated["secret"] == target.read_text() != SECRETS["client"]
    login = ", ".join(f"{key}='{value}'" for key, value in plays.login["keycloak"].items() if key != "realm")
    url = f"{plays.login['keycloak']['url']}/admin/realms/objects"
    headers = {"Authorization": f"Bearer {{{{ lookup('mlops.platform.keycloak_token', {login}) }}}}"}
    (answer,) = plays.run([{"ansible.builtin.uri": {"url": url, "headers": headers, "return_content": True}, "no_log": True}])
    assert answer["status"] == 200
    plays.run(objects("keycloak", [("realm", {})], state="absent"))
    assert SECRETS["client"] not in plays.output and rotated["secret"] not in plays.output


@pytest.mark.parametrize("place", ["checkout", "installed"])
def test_a_loop_starts_no_process(plays, place, tmp_path_factory):
    if place == "installed":
        folder = tmp_path_factory.mktemp("installed")
        galaxy = [BIN / "ansible-galaxy", "collection"]
        # Another path: what is in the checkout's counts as installed.
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(folder)}
        subprocess.run([*galaxy, "build", "--output-path", folder, ROOT], env=environment, check=True, capture_output=True)
        archive = next(folder.glob("*.tar.gz"))
        subprocess.run([*galaxy, "install", "--no-deps", "--offline", "-p", folder, archive], env=environment, check=True, capture_output=True)
        plays.collections = folder
    task = {"mlops.platform.mlflow_registered_model": {"name": "loop-{{ item }}", "state": "{{ state }}"}, "loop": list(range(3))}
    (result,) = plays.run([task], state="present")
    assert [item["changed"] for item in result["results"]] == [True] * 3
    assert "AnsiballZ" not in plays.output and "mlflow_registered_model.py" not in plays.output, "no module was started"
    (result,) = plays.run([task], state="absent", mlops_platform_in_process=False)
    assert [item["changed"] for item in result["results"]] == [True] * 3
    assert f"{plays.collections}/ansible_collections/mlops/platform/plugins/modules/mlflow_registered_model.py" in plays.output


def test_items_of_a_loop_see_what_earlier_ones_wrote(plays):
    items = [
        *({"name": f"ahead-{number}"} for number in range(5)),
        {"name": "ahead-x", "description": "one"},
        {"name": "ahead-x", "description": "one"},
        {"name": "ahead-x", "description": "two"},
        {"name": "ahead-y", "rename_from": "ahead-x", "description": "two"},
        {"name": "ahead-y", "description": "two"},
        {"name": "ahead-x", "description": "new"},
        {"name": "ahead-x", "state": "absent"},
        {"name": "ahead-x", "state": "absent"},
    ]
    changed = [True] * 5 + [True, False, True, True, False, True, True, False]
    for module in ("mlflow_registered_model", "mlflow_experiment"):
        options = {key: f"{{{{ item.{key} | default(omit) }}}}" for key in ("name", "description", "rename_from", "state")}
        (result,) = plays.run([{f"mlops.platform.{module}": options, "loop": items}])
        assert [item["changed"] for item in result["results"]] == changed, module
        # What is there already is answered by one page of the list, or by two where the loop takes longer than a page counts as true.
        there = [{"name": f"ahead-{number}"} for number in range(5)] * 2
        (result,) = plays.run([{f"mlops.platform.{module}": options, "loop": there}])
        assert sum(item["requests"]["by_method"].get("GET", 0) for item in result["results"][4:]) <= 1, module
        plays.run([{f"mlops.platform.{module}": {**options, "state": "absent"}, "loop": [*there[:5], {"name": "ahead-y"}]}])


def test_mistakes_are_said_together_before_the_first_write(plays):
    tasks = [
        {
            "mlops.platform.keycloak_client": {
                "items": [{"clientId": "a"}, {"client_id": "b", "enabled": "perhaps"}, {"client_id": "c", "name": "C", "settings": {"name": "D"}}]
            },
            "ignore_errors": True,
        },
        {"mlops.platform.keycloak_client": {"client_id": "a", "items": []}, "ignore_errors": True},
        {"mlops.platform.mlflow_model_alias": {"name": "x", "model": "never-made", "version": 1}, "ignore_errors": True},
    ]
    clients, both, alias = plays.run(tasks)
    assert clients["problems"] == [
        "items[0]: clientId is not a known option: did you mean client_id? (fields without an option of their own belong into settings)",
        "items[0]: missing required arguments: client_id",
        clients["problems"][2],
        "items[2] (c): settings.name and name say the same thing twice: keep one",
    ]
    assert clients["problems"][2].startswith("items[1] (b): ")
    assert "mutually exclusive" in both["msg"]
    assert alias["msg"] == "model_aliases/never-made/x: there is no such registered model: register it first"
