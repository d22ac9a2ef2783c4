# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grants as the document has them: their names, and what is wrong with them before any server is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.families.grants import Grants
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.families.roles import Roles
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.permissions import model
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.text("abz-._@", min_size=1, max_size=8)


@given(st.sampled_from(["", "team"]), st.sampled_from(["user", "role"]), NAMES, st.sampled_from(sorted(model.NAMED)), st.text("ab/@:~*.", min_size=1))
def test_a_grant_is_found_again_by_its_key(workspace: str, subject: str, name: str, kind: str, resource: str) -> None:
    resource = resource.lstrip("~") or "x"
    grant = model.Grant(workspace, subject, name, kind, resource)
    assert model.parsed(grant.key) == grant
    pattern = grant._replace(regex=True)
    assert model.parsed(pattern.key) == pattern and pattern.key != grant.key


def test_what_is_granted_as_a_whole_needs_no_resource() -> None:
    entry = {"user": "ann", "resource_type": "run", "permission": "READ"}
    assert model.of(entry).key == "user:ann/run:*" == model.of({**entry, "resource": "*"}).key


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"resource_type": "run", "resource": "4", "permission": "READ"}, "run is granted as a whole: '4' would never match"),
        ({"resource_type": "experiments", "resource": "a", "permission": "READ"}, "did you mean experiment?"),
        ({"resource_type": "experiment", "permission": "READ"}, "resource is missing"),
        ({"resource_type": "experiment", "resource": "a", "permission": "WRITE"}, "'WRITE' is not known"),
        ({"resource_type": "experiment", "resource": "a", "permission": "NO_PERMISSIONS"}, "write DENY"),
        ({"resource_type": "workspace", "permission": "EDIT"}, "not EDIT"),
        ({"resource_type": "scorer", "resource": "quality", "permission": "READ"}, "experiment/scorer"),
        ({"resource_type": "experiment", "resource": "a", "regex": "a.*", "permission": "READ"}, "keep one"),
        ({"resource_type": "experiment", "resource": "a", "priority": 3, "permission": "READ"}, "it needs regex"),
    ],
)
def test_what_no_server_would_heed_is_refused(entry: dict[str, Any], line: str) -> None:
    found = model.problems("here", entry)
    assert len(found) == 1 and found[0].startswith("here: ") and line in found[0]


def test_a_pattern_that_never_matches_is_told_from_a_wrong_name() -> None:
    assert "no patterns" in model.dead("here", "experiment", "prod-*")
    assert "there is no experiment 'prod'" in model.dead("here", "experiment", "prod")


def test_permissions_of_a_role_are_told_apart_by_what_they_are_on() -> None:
    permission = {"resource_type": "experiment", "resource": "a", "permission": "READ"}
    document = {"roles": [{"name": "r", "permissions": [permission, {**permission, "permission": "EDIT"}]}]}
    roles = Roles()
    entries = roles.entries(document)
    assert entries[0]["permissions"][0] == {"on": "experiment:a", "permission": "READ"}
    assert roles.problems(entries, document) == ["roles/r: permissions: experiment:a is declared twice: keep one"]


def test_one_permission_is_declared_in_one_place() -> None:
    permission = {"resource_type": "experiment", "resource": "a", "permission": "READ"}
    document = {"roles": [{"name": "r", "permissions": [permission]}], "grants": [{"role": "r", **permission}]}
    assert Roles().problems(Roles().entries(document), document) == ["roles/r: permissions: experiment:a is declared under grants too: keep one"]
    assert Grants().problems(Grants().entries(document), document) == []


def test_a_grant_is_for_somebody() -> None:
    for people in ({}, {"user": "a", "role": "b"}):
        document = {"grants": [{**people, "resource_type": "run", "permission": "READ"}]}
        assert "a user or a role" in Grants().problems(Grants().entries(document), document)[0]
