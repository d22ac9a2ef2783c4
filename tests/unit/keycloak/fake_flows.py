# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of Keycloak's Admin API that authentication flows need, in memory, as Keycloak 26.7.3 was seen to behave."""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any
from urllib.parse import unquote

from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import MASK
from ansible_collections.mlops.platform.plugins.module_utils.engine.errors import EngineError, RefusedError

Json = dict[str, Any]


class BrokenOffError(EngineError):
    """The run ends here."""


class FakeFlows:
    """Stands in for Api.

    :ivar flows: all flows by identifier, each with its executions.
    :ivar left: writes that are still carried out; None for no limit.
    """

    realm = "r"

    def __init__(self) -> None:
        self.flows: dict[str, Json] = {}
        self.configs: dict[str, Json] = {}
        self.bound: Json = {"realm": "r", "browserFlow": ""}
        self.providers: list[Json] = []
        self.clients: list[Json] = []
        self.left: int | None = None
        self.writes = 0
        self._numbers = itertools.count()

    # What the code under test calls

    def get(self, path: str, **query: Any) -> Any:
        if path == "":
            return dict(self.bound, browserFlow=self._alias(self.bound["browserFlow"]))
        if path == "/authentication/flows":
            return [self._shown(flow) for flow in self.flows.values() if flow["topLevel"]]
        if path.startswith("/authentication/config/"):
            found = copy.deepcopy(self.configs[path.rpartition("/")[2]])
            found["config"].update({key: MASK for key in found["config"] if key.startswith("secret")})
            return found
        match = re.fullmatch(r"/authentication/flows/(.*)/executions", path)
        assert match, path
        return list(self._rows(self._by_alias(unquote(match.group(1))), 0))

    find = get

    def pages(self, path: str, **query: Any) -> list[Json]:
        if path == "/clients":
            return copy.deepcopy(self.clients)
        return [dict(provider, postBrokerLoginFlowAlias=self._alias(provider["flow"])) for provider in self.providers]

    def post(self, path: str, body: Json, **query: Any) -> str:
        self._count()
        if path == "/authentication/flows":
            return self._new_flow(body["alias"], body["providerId"], body["description"], top=True)
        if path == "/authentication/executions":
            parent = self.flows[body["parentFlow"]]
            return self._new_execution(parent, body["priority"], requirement=body["requirement"], authenticator=body["authenticator"])
        found = re.fullmatch(r"/authentication/flows/(.*)/executions/flow", path)
        if found:
            parent = self._by_alias(unquote(found.group(1)))
            flow = self._new_flow(body["alias"], body["type"], body["description"], top=False)
            self._new_execution(parent, body["priority"], requirement="DISABLED", authenticator=body["provider"], flow=flow)
            return flow
        execution = self._execution(path.split("/")[3])
        if body["alias"] in [config["alias"] for config in self.configs.values()]:
            raise RefusedError(f"{body['alias']} already exists", status=409)
        execution["config"] = f"c{next(self._numbers)}"
        self.configs[execution["config"]] = {"id": execution["config"], **copy.deepcopy(body)}
        return str(execution["config"])

    def put(self, path: str, body: Any = None) -> None:
        self._count()
        if path == "":
            self.bound["browserFlow"] = self._by_alias(body["browserFlow"])["id"]
        elif path.startswith("/authentication/config/"):
            self.configs[body["id"]] = copy.deepcopy(body)  # a mask in it, too
        elif path.startswith("/identity-provider/"):
            (provider,) = [one for one in self.providers if one["alias"] == body["alias"]]
            provider["flow"] = self._by_alias(body["postBrokerLoginFlowAlias"])["id"]
        elif path.startswith("/clients/"):
            self.clients[:] = [copy.deepcopy(body) if one["id"] == body["id"] else one for one in self.clients]
        elif path.endswith("/executions"):
            execution = self._execution(body["id"])
            execution.update(requirement=body["requirement"], priority=body["priority"])
            if execution["flow"]:
                self._rename(self.flows[execution["flow"]], body["displayName"])
                self.flows[execution["flow"]]["description"] = body["description"]
        else:
            flow = self.flows[path.rpartition("/")[2]]
            self._rename(flow, body["alias"])
            flow["description"] = body["description"]

    def delete(self, path: str, body: Any = None) -> None:
        self._count()
        *_rest, kind, identifier = path.split("/")
        if kind == "flows":
            assert identifier not in [self.bound["browserFlow"], *(one["flow"] for one in self.providers)], "a flow that is used must never go"
            assert identifier not in [value for client in self.clients for value in client["authenticationFlowBindingOverrides"].values()]
            self._drop(self.flows[identifier])
        elif kind == "executions":
            for flow in list(self.flows.values()):
                for execution in [one for one in flow["executions"] if one["id"] == identifier]:
                    flow["executions"].remove(execution)
                    self._drop_execution(execution)
        else:
            del self.configs[identifier]
            for flow in self.flows.values():
                for execution in flow["executions"]:
                    execution["config"] = "" if execution["config"] == identifier else execution["config"]

    # How it keeps things

    def _count(self) -> None:
        if self.left is not None:
            if not self.left:
                raise BrokenOffError("broken off")
            self.left -= 1
        self.writes += 1

    def _alias(self, identifier: str) -> str:
        return str(self.flows[identifier]["alias"]) if identifier else ""

    def _by_alias(self, alias: str) -> Json:
        for flow in self.flows.values():
            if flow["alias"] == alias:
                return flow
        raise RefusedError(f"no flow {alias}", status=404)

    def _new_flow(self, alias: str, kind: str, description: str, *, top: bool) -> str:
        identifier = f"f{next(self._numbers)}"
        self._rename({"alias": ""}, alias)
        self.flows[identifier] = {
            "id": identifier, "alias": alias, "providerId": kind, "description": description, "topLevel": top, "builtIn": False, "executions": [],
        }  # fmt: skip
        return identifier

    def _new_execution(self, parent: Json, priority: int, *, requirement: str, authenticator: str, flow: str = "") -> str:
        identifier = f"e{next(self._numbers)}"
        parent["executions"].append(
            {"id": identifier, "requirement": requirement, "priority": priority, "authenticator": authenticator, "flow": flow, "config": ""}
        )
        return identifier

    def _rename(self, flow: Json, alias: str) -> None:
        if alias != flow["alias"] and alias in [other["alias"] for other in self.flows.values()]:
            raise RefusedError(f"flow {alias} already exists", status=409)
        flow["alias"] = alias

    def _execution(self, identifier: str) -> Json:
        return next(execution for flow in self.flows.values() for execution in flow["executions"] if execution["id"] == identifier)

    def _drop(self, flow: Json) -> None:
        for execution in flow["executions"]:
            self._drop_execution(execution)
        del self.flows[flow["id"]]

    def _drop_execution(self, execution: Json) -> None:
        self.configs.pop(execution["config"], None)
        if execution["flow"]:
            self._drop(self.flows[execution["flow"]])

    @staticmethod
    def _shown(flow: Json) -> Json:
        return {key: value for key, value in flow.items() if key != "executions"} | {"authenticationExecutions": []}

    def _rows(self, flow: Json, level: int) -> Any:
        for execution in sorted(flow["executions"], key=lambda one: one["priority"]):
            row = {key: execution[key] for key in ("id", "requirement", "priority")} | {"level": level, "providerId": execution["authenticator"]}
            inner = self.flows.get(execution["flow"])
            if inner is not None:
                choices = {"basic-flow": ["REQUIRED", "ALTERNATIVE", "DISABLED", "CONDITIONAL"], "form-flow": ["REQUIRED", "DISABLED"]}[inner["providerId"]]
                row |= {"authenticationFlow": True, "displayName": inner["alias"], "description": inner["description"], "flowId": inner["id"],
                        "requirementChoices": choices}  # fmt: skip
            if execution["config"]:
                row["authenticationConfig"] = execution["config"]
                if execution["authenticator"] != "z":  # one that says of itself that it cannot be configured
                    row["alias"] = self.configs[execution["config"]]["alias"]
            yield row
            if inner is not None:
                yield from self._rows(inner, level + 1)
