# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MLflow, and what stands in front of it, answers, and what people are told of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Reply
from ansible_collections.mlops.platform.plugins.module_utils.mlflow.api import Api, refusal


class Canned:
    """A connection that answers from a list, and remembers what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, str, Any, dict[str, Any], dict[str, str]]] = []

    def request(self, method: str, path: str, *, body: Any = None, query: Any = None, headers: Any = None, prefixed: bool = True) -> Reply:
        self.asked.append((method, path, body, dict(query or {}), dict(headers or {})))
        return self.replies.pop(0)


def reply(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, headers, body.encode() if isinstance(body, str) else json.dumps(body).encode())


SQL = "(sqlite3.IntegrityError) UNIQUE [SQL: INSERT INTO users VALUES (?)] [parameters: ('scrypt:hash')]"


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (401, "You are not authenticated.", {}, "check username and password"),
        (401, "<html>login</html>", {}, "a login in front of MLflow answers"),
        (302, "", {"Location": "https://sso.example.com/auth?state=x"}, "redirects to https://sso.example.com/auth: "),
        (403, "Invalid Host header - possible DNS rebinding attack detected", {}, "--allowed-hosts"),
        (403, "Cross-origin request blocked", {}, "--cors-allowed-origins"),
        (403, "Permission denied", {}, "no permission for this in workspace team"),
        (404, "<html>Not Found</html>", {}, "check url and static_prefix"),
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Workspace 'team' not found"}, {}, "declare team under workspaces"),
        (500, {"error_code": "FEATURE_DISABLED", "message": "Workspace APIs are not available"}, {}, "--enable-workspaces"),
        (503, "Endpoint: /x disabled because the server is running without workspaces support.", {}, "--enable-workspaces"),
    ],
)
def test_refusals(status: int, body: Any, headers: dict[str, str], expected: str) -> None:
    message = str(refusal(reply(status, body, **headers), "GET", "/api/2.0/mlflow/experiments/get", "team"))
    assert expected in message
    assert "\n" not in message and "<html" not in message and "state=x" not in message


def test_a_servers_message_is_cut_before_it_echoes_its_database() -> None:
    message = str(refusal(reply(400, {"error_code": "BAD_REQUEST", "message": SQL}), "POST", "/x"))
    assert "UNIQUE" in message and "scrypt" not in message and "INSERT" not in message


def test_a_page_where_json_was_expected() -> None:
    with pytest.raises(EngineError, match="the answer is no JSON: is url MLflow's own address"):
        Api(Canned(reply(200, "<html>welcome</html>"))).get("2.0/experiments/get")  # type: ignore[arg-type]


def test_paths_workspaces_and_pages() -> None:
    http = Canned(reply(200, {"experiments": [{"n": 1}], "next_page_token": "t"}), reply(200, {"experiments": [{"n": 2}]}))
    assert Api(http, "team").pages("2.0/experiments/search", "experiments", 7, view_type="ALL") == [{"n": 1}, {"n": 2}]  # type: ignore[arg-type]
    assert http.asked == [
        ("GET", "/api/2.0/mlflow/experiments/search", None, {"view_type": "ALL", "max_results": 7}, {"X-MLFLOW-WORKSPACE": "team"}),
        ("GET", "/api/2.0/mlflow/experiments/search", None, {"view_type": "ALL", "max_results": 7, "page_token": "t"}, {"X-MLFLOW-WORKSPACE": "team"}),
    ]


def test_nothing_there_is_not_a_wrong_path() -> None:
    there_is_none = reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"})
    assert Api(Canned(there_is_none)).find("2.0/experiments/get") is None  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="static_prefix"):
        Api(Canned(reply(404, "not found"))).find("2.0/experiments/get")  # type: ignore[arg-type]
