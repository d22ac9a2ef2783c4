# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorization settings as objects that compare."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import differences
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import authz
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.families.authorization import Authorization


def policy(name: str, kind: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "config": config}


def settings(*policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"clients": [{"clientId": "c/d", "authorizationSettings": {"policies": list(policies), **more}}]}


def test_what_is_referred_to_is_written_first_and_deleted_last() -> None:
    document = settings(
        policy("permission", "scope", scopes='["s"]', applyPolicies='["both"]'), policy("both", "aggregate", applyPolicies='["one"]'), policy("one", "user"),
        resources=[{"name": "r", "scopes": [{"name": "s"}]}], scopes=[{"name": "s"}], policyEnforcementMode="ENFORCING",
    )  # fmt: skip
    entries = authz.entries(document)
    assert [entry.get("name") for entry in entries] == [None, "s", "r", "one", "both", "permission"]
    assert [entry.get("name") for entry in sorted(entries, key=authz.last_first)] == ["permission", "both", "one", "r", "s", None]
    assert Authorization().key(entries[-1]) == "c/d/policies/permission"
    assert list(authz.references(entries[-1])) == [("policies", "both"), ("scopes", "s")]


def test_text_that_holds_data_compares_as_data() -> None:
    one = authz.policy(policy("p", "role", roles='[{"id":"b","required":false},{"id":"a"}]', users='["y","x"]', code="[not json"))
    other = authz.policy(policy("p", "role", roles=["a", {"required": False, "id": "b"}], users=["x", "y"], code="[not json"))
    assert one == other
    assert differences(one, other, Authorization.rules) == []


def test_a_permission_in_its_plain_form_is_the_exported_one() -> None:
    plain = {"adminPermissions": {"permissions": [{"name": "p", "resourceType": "Users", "scopes": ["view"], "policies": ["q"]}]}}
    config = {"defaultResourceType": "Users", "resources": '["Users"]', "scopes": '["view"]', "applyPolicies": '["q"]'}
    exported = {"adminPermissionsClient": {"clientId": authz.ADMIN, "authorizationSettings": {"policies": [policy("p", "scope", **config)]}}}
    assert authz.entries(plain) == authz.entries(exported)
    (entry,) = authz.entries(plain)
    assert authz.typed(entry) == {"name": "p", "type": "scope", "resourceType": "Users", "scopes": ["view"], "policies": ["q"]}


def test_what_is_wrong() -> None:
    document = settings({"name": "p"}, {"type": "user"}, scopes=[{"displayName": "S"}]) | {"adminPermissions": {"permissions": [{"name": "x"}]}}
    assert [line.partition(":")[0] for line in authz.problems("authorization", authz.entries(document))] == [
        "authorization/c/d/scopes", "authorization/c/d/policies/p", "authorization/c/d/policies", "authorization/admin-permissions/policies/x",
    ]  # fmt: skip
