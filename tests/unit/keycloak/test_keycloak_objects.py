# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object modules of Keycloak: what is to go has to be named in full."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import InvalidError
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import objects
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families.organizations import Organizations

PROVIDER = "org.keycloak.keys.KeyProvider"


def gone(module: str, **options: Any) -> list[dict[str, Any]]:
    """What a task with state: absent looks for."""
    kind = objects.KINDS[module]
    given = ArgumentSpecValidator(objects.door(module).spec).validate({"url": "https://sso.example.com", "state": "absent", **options})
    assert not given.error_messages
    return kind.declared(given.validated_parameters)[1]


def test_a_component_without_its_type_is_not_found_by_chance() -> None:
    with pytest.raises(InvalidError, match="x: provider_type is missing: what has to go is found by that"):
        gone("keycloak_component", name="x")
    assert gone("keycloak_component", name="x", provider_type=PROVIDER) == [{"name": "x", "providerType": PROVIDER}]
    assert gone("keycloak_component", name="x", settings={"providerType": PROVIDER, "providerId": "y"}) == [{"name": "x", "providerType": PROVIDER}]


def test_what_else_is_said_of_it_stays() -> None:
    assert gone("keycloak_client", client_id="web", protocol_mappers=[{"name": "m"}], settings={"authorizationSettings": {}}) == [{"clientId": "web"}]


class Server:
    """A session with a realm of two organizations, the name of one being the alias of the other."""

    def __init__(self, *declared: str) -> None:
        self.document = {"organizations": [{"name": name} for name in declared]}
        self.api = self
        self.declared = self.document
        self.learned: dict[str, str] = {}

    def current_realm(self) -> dict[str, Any]:
        return {"organizationsEnabled": True}

    def pages(self, path: str, **query: Any) -> list[dict[str, Any]]:
        listed = [("1", "Acme", "a"), ("2", "a", "b")]
        return [{"id": number, "name": name, "alias": alias} for number, name, alias in listed if path and query]

    def learn(self, family: str, key: str, identifier: str) -> None:
        self.learned[key] = identifier


@pytest.mark.parametrize(
    ("declared", "keys", "found"),
    [((), ["Acme"], {"Acme": "1", "b": "2"}), ((), ["a"], {"a": "1", "b": "2"}), (("Acme",), ["Acme"], {"a": "1", "b": "2"})],
)
def test_an_organization_may_go_by_its_name(declared: tuple[str, ...], keys: list[str], found: dict[str, str]) -> None:
    server: Any = Server(*declared)
    assert {key: entry["id"] for key, entry in Organizations().read(server, keys).items()} == found == server.learned
