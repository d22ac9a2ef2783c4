# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API in memory: enough of it for what the modules ask."""

from __future__ import annotations

import copy
import json
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import Client

KINDS = {
    "v1": [
        ("Namespace", "namespaces", False),
        ("ConfigMap", "configmaps", True),
        ("Secret", "secrets", True),
        ("Pod", "pods", True),
        ("Event", "events", True),
    ],
    "apps/v1": [("Deployment", "deployments", True), ("ReplicaSet", "replicasets", True)],
    "rbac.authorization.k8s.io/v1": [("ClusterRole", "clusterroles", False)],
    "apiextensions.k8s.io/v1": [("CustomResourceDefinition", "customresourcedefinitions", False)],
    "example.com/v1": [("Thing", "things", True)],
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_PATH = re.compile(r"^/(?:api|apis)/(?P<version>v1|[^/]+/v1)(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?$")


def merge(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return copy.deepcopy(new)
    return {key: merge(old.get(key), new[key]) if key in new else old[key] for key in {**old, **new}}


class FakeApi:
    """The transport of a Client. `objects` is what it holds, `log` what it was asked, `hook` may answer in its place."""

    def __init__(self, *objects: dict[str, Any], kinds: dict[str, Any] | None = None) -> None:
        self.kinds = kinds or KINDS
        self.objects: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        self.hook: Callable[[str, str], tuple[int, Any] | None] = lambda method, path: None
        self.version = 1
        for item in objects:
            self.objects[self.client.resource(item["apiVersion"], item["kind"]).path(item["metadata"].get("namespace"), item["metadata"]["name"])] = item
        self.log.clear()

    @property
    def client(self) -> Client:
        return Client(self)

    def writes(self) -> list[str]:
        return [line for line in self.log if not line.startswith("GET")]

    def __call__(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        where, _mark, query = path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        self.log.append(f"{method} {where}" + (" (dry run)" if asked.get("dryRun") else ""))
        status, answer = self.hook(method, where) or self._answer(method, where, asked, json.loads(body) if body else None, headers)
        return status, json.dumps(answer).encode()

    def _answer(self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        if path in ("/api", "/apis"):
            return 200, self._discovery(path)
        api_version = path.split("/", 2)[2]
        if api_version in self.kinds:
            listed = [{"kind": kind, "name": plural, "namespaced": spaced, "verbs": VERBS} for kind, plural, spaced in self.kinds[api_version]]
            return 200, {"resources": listed}
        found = _PATH.match(path)
        if not found or (found["version"], found["plural"]) not in [(version, entry[1]) for version, kinds in self.kinds.items() for entry in kinds]:
            return 404, {"reason": "NotFound", "message": "the server could not find the requested resource"}
        kind = next(entry[0] for entry in self.kinds[found["version"]] if entry[1] == found["plural"])
        if not found["name"] and method == "GET":
            return 200, {"kind": f"{kind}List", "apiVersion": found["version"], "items": self._list(path, found, query.get("labelSelector", ""))}
        return self._object(method, path, found, query, body, headers)

    def _object(self, method: str, path: str, found: Any, query: dict[str, str], body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        if method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                return 409, {"reason": "AlreadyExists", "message": "already exists"}
        there = self.objects.get(path)
        if there is None and (method in ("GET", "DELETE") or headers.get("Content-Type") == "application/merge-patch+json"):
            return 404, {"reason": "NotFound", "message": f'{found["plural"]} "{found["name"]}" not found'}
        if method == "GET":
            return 200, there
        if method == "DELETE":
            return 200, self.objects.pop(path)
        if found["namespace"] and f"/api/v1/namespaces/{found['namespace']}" not in self.objects:
            return 404, {"reason": "NotFound", "message": f'namespaces "{found["namespace"]}" not found'}
        wanted = body["metadata"].get("resourceVersion")
        if there and wanted and wanted != there["metadata"].get("resourceVersion"):
            return 409, {"reason": "Conflict", "message": "the object has been modified"}
        result = merge(there or {}, body)
        if result != there:
            self.version += 1
            result["metadata"]["resourceVersion"] = str(self.version)
        result["metadata"].setdefault("uid", "made by the server")
        if not query.get("dryRun"):
            self.objects[path] = result
        return (200 if there else 201), result

    def _list(self, path: str, found: Any, selector: str) -> list[dict[str, Any]]:
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        root = f"/api/{found['version']}" if found["version"] == "v1" else f"/apis/{found['version']}"
        result = []
        for where, item in sorted(self.objects.items()):
            inside = where.startswith(path + "/") or (not found["namespace"] and where.startswith(root + "/") and where.split("/")[-2] == found["plural"])
            if inside and wanted.items() <= (item["metadata"].get("labels") or {}).items():
                result.append({key: value for key, value in item.items() if key not in ("apiVersion", "kind")})
        return result

    def _discovery(self, path: str) -> dict[str, Any]:
        items = []
        for api_version, kinds in self.kinds.items():
            group, _slash, version = api_version.rpartition("/")
            if (path == "/api") == (group == ""):
                listed = [
                    {"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced" if spaced else "Cluster", "verbs": VERBS}
                    for kind, plural, spaced in kinds
                ]
                items.append({"metadata": {"name": group} if group else {}, "versions": [{"version": version, "resources": listed}]})
        return {"items": items}


@pytest.fixture
def api_with() -> type[FakeApi]:
    """The class, for tests that fill it themselves."""
    return FakeApi
