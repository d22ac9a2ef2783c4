# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of keycloak_config that says how a document is applied does so, from the task to the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import outcome
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import config
from fake_keycloak import FakeKeycloak

Apply = Callable[..., dict[str, Any]]
NAMES = ("a", "b", "c", "d")
DOCUMENT: dict[str, Any] = {
    "realm": "r",
    "displayName": "R",
    "clients": [{"clientId": name, "description": f"client {name}"} for name in NAMES],
    "roles": {"realm": [{"name": name, "description": f"role {name}"} for name in NAMES]},
}
LESS = {"realm": "r", "clients": [{"clientId": "a"}], "roles": {"realm": [{"name": "a"}]}}


@pytest.fixture
def apply(keycloak: FakeKeycloak) -> Apply:
    """Runs the module as a task does."""

    def run(document: dict[str, Any], **options: Any) -> dict[str, Any]:
        door = config.door()
        login = {"url": keycloak.url, "auth_username": "admin", "auth_password": "admin-password", "token_cache": False}
        given = ArgumentSpecValidator(door.spec, **door.constraints).validate({**login, "config": document, "retry_delay": 0.01, **options})
        assert not given.error_messages
        return outcome(door, given.validated_parameters, check=False, diff=True, say=lambda line: None)

    return run


def there(keycloak: FakeKeycloak, family: str, key: str) -> set[str]:
    return {item[key] for item in keycloak.realms["r"][family].values()} & set(NAMES)


def test_families(keycloak: FakeKeycloak, apply: Apply) -> None:
    apply({"realm": "r"})
    assert {action["family"] for action in apply(DOCUMENT, families=["roles"])["plan"]} == {"roles"}
    assert there(keycloak, "roles", "name") == set(NAMES) and not there(keycloak, "clients", "clientId")
    assert "rolles is not one of" in apply(DOCUMENT, families=["rolles"])["msg"]


def test_prune_is_per_family(keycloak: FakeKeycloak, apply: Apply) -> None:
    apply(DOCUMENT)
    assert apply(LESS)["plan"][0]["action"] != "delete"
    apply(LESS, prune={"roles": "owned"}, max_deletes="100%")
    assert there(keycloak, "roles", "name") == {"a"} and there(keycloak, "clients", "clientId") == set(NAMES)


def test_protect_and_max_deletes(keycloak: FakeKeycloak, apply: Apply) -> None:
    apply(DOCUMENT)
    assert "more than max_deletes (2) allows" in apply(LESS, prune={"roles": "owned"}, max_deletes=2)["msg"]
    apply(LESS, prune={"roles": "owned"}, max_deletes=2, protect=["roles/b"])
    assert there(keycloak, "roles", "name") == {"a", "b"}


def test_owner_and_adopt(apply: Apply) -> None:
    apply(DOCUMENT, owner="one")
    assert "belongs to 'one', not to 'two'" in apply(DOCUMENT, owner="two")["msg"]
    assert {action["action"] for action in apply(DOCUMENT, owner="two", adopt="any")["plan"]} == {"adopt"}


def test_fail_on_drift(keycloak: FakeKeycloak, apply: Apply) -> None:
    apply(DOCUMENT)
    next(role for role in keycloak.realms["r"]["roles"].values() if role["name"] == "a")["description"] = "by hand"
    refused = apply(DOCUMENT, fail_on_drift=True)
    assert refused["failed"] and "roles/a (description)" in refused["msg"]
    assert [item["name"] for item in apply(DOCUMENT)["drift"]] == ["a"]


def test_mode(apply: Apply) -> None:
    apply(DOCUMENT)
    wanted = {"realm": "r", "roles": {"realm": [{"name": name} for name in NAMES]}}
    assert not [action for action in apply(wanted)["plan"] if action["action"] == "update"]
    assert {tuple(action["fields"]) for action in apply(wanted, mode="exact")["plan"] if action["family"] == "roles"} == {("description",)}


@pytest.mark.parametrize("verify", [True, False])
def test_verify(keycloak: FakeKeycloak, apply: Apply, verify: bool) -> None:
    apply({"realm": "r"})

    def lose() -> None:
        for client in keycloak.realms["r"]["clients"].values():
            client.pop("description", None)

    keycloak.fail("POST", "/clients$", meanwhile=lambda: keycloak.fail("GET", "/clients$", meanwhile=lose))
    done = apply({"realm": "r", "clients": [{"clientId": "a", "description": "d"}]}, verify=verify)
    assert bool(done.get("failed")) == verify and ("did not keep description" in done.get("msg", "")) == verify


@pytest.mark.parametrize(("parallel", "lanes"), [(1, {0}), (3, {1, 2, 3})])
def test_parallel(keycloak: FakeKeycloak, apply: Apply, parallel: int, lanes: set[int]) -> None:
    apply({"realm": "r"})
    seen: set[int] = set()
    keycloak.fail("POST", "/clients$", times=4, meanwhile=lambda: seen.add(sum("ThreadPool" in thread.name for thread in threading.enumerate())))
    apply({"realm": "r", "clients": DOCUMENT["clients"]}, parallel=parallel)
    assert seen and seen <= lanes


@pytest.mark.parametrize("retries", [0, 2])
def test_retries(keycloak: FakeKeycloak, apply: Apply, retries: int) -> None:
    keycloak.fail("GET", "/admin/realms/r$", status=503, times=2)
    assert bool(apply(DOCUMENT, retries=retries).get("failed")) == (retries == 0)


def test_timeout(keycloak: FakeKeycloak, apply: Apply) -> None:
    keycloak.fail("GET", "/admin/realms/r$", meanwhile=lambda: time.sleep(0.5))
    assert "no answer within 0.1 s" in apply(DOCUMENT, timeout=0.1, retries=0)["msg"]


def test_diff_limit(apply: Apply) -> None:
    assert "raise diff_limit to see them" in apply(DOCUMENT, diff_limit=50)["diff"]["after"]
    assert "raise diff_limit" not in apply({**DOCUMENT, "displayName": "S"})["diff"]["after"]
