# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Keycloak in memory, and the module against it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1]))

from ansible_collections.mlops.platform.plugins.module_utils.engine import runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http, Settings
from ansible_collections.mlops.platform.plugins.module_utils.keycloak import families
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.session import Session
from ansible_collections.mlops.platform.plugins.module_utils.keycloak.tokens import Credentials, Tokens
from fake_keycloak import FakeKeycloak

Go = Callable[..., dict[str, Any]]


@pytest.fixture
def keycloak() -> Iterator[FakeKeycloak]:
    with FakeKeycloak() as fake:
        yield fake


@pytest.fixture
def go(keycloak: FakeKeycloak) -> Go:
    return runs(keycloak)


def runs(keycloak: FakeKeycloak) -> Go:
    """Applies documents to the realm `r`; raises runner.FailedError. Options are those of the planner and of the request;
    prune names the families whose undeclared objects go."""

    def go(document: dict[str, Any], *, prune: Sequence[str] = (), password: str = "admin-password", retries: int = 3, **more: Any) -> dict[str, Any]:
        http = Http(Settings(keycloak.url, timeout=10, retries=retries, retry_delay=0.01), sleep=lambda seconds: None)
        try:
            tokens = Tokens(http, Credentials(username="admin", password=password))
            policies = dict.fromkeys(prune, "owned")
            of_request = {key: more.pop(key) for key in ("check", "verify", "absent", "families", "fail_on_drift", "parallel") if key in more}
            chosen = runner.plan.Options(**{"prune": policies, "max_deletes": "100%"} | more)
            session = Session(http, tokens, "r", families.ALL, policies)
            return runner.run(session, runner.Request(document, chosen, **of_request), lambda line: None)
        finally:
            http.close()

    return go
