# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a flow in the place of one that logins go through.

The new flow is built beside the old one under a name of its own, then everything that uses the old one is told to use the new one, one
write each, and then the old one goes and the new one takes its name. Logins find a whole flow at every moment, and whatever moment a
run breaks off at, what is there tells the next run how to go on.
"""

from __future__ import annotations

import typing as t

from ..engine.compare import is_mask
from ..engine.errors import EngineError
from ..engine.http import quote
from . import flow_edit, flow_tree
from .api import Api
from .flow_tree import NEW, Entry

# What the realm uses which flow for, and what a new realm uses.
REALM_BINDINGS = {
    "browserFlow": "browser",
    "registrationFlow": "registration",
    "directGrantFlow": "direct grant",
    "resetCredentialsFlow": "reset credentials",
    "clientAuthenticationFlow": "clients",
    "dockerAuthenticationFlow": "docker auth",
    "firstBrokerLoginFlow": "first broker login",
}
_PROVIDER_BINDINGS = ("firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias")
_PROVIDERS = "/identity-provider/instances"


class Uses:
    """What uses which flow: the realm, its identity providers, its clients. Read once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._realm = api.get("")
        self._providers = api.pages(_PROVIDERS)
        self._clients = [client for client in api.pages("/clients") if client.get("authenticationFlowBindingOverrides")]

    def any(self, flow: Entry) -> bool:
        """Whether anything uses a flow."""
        return any(True for _use in self._of(flow))

    def _of(self, flow: Entry) -> t.Iterator[tuple[str, Entry, list[str]]]:
        keys = [key for key in REALM_BINDINGS if self._realm.get(key) == flow["alias"]]
        if keys:
            yield "realm", self._realm, keys
        for provider in self._providers:
            keys = [key for key in _PROVIDER_BINDINGS if provider.get(key) == flow["alias"]]
            if keys:
                yield "provider", provider, keys
        for client in self._clients:
            keys = [key for key, value in client["authenticationFlowBindingOverrides"].items() if value == flow["id"]]
            if keys:
                yield "client", client, keys

    def move(self, old: Entry, new: Entry) -> None:
        """Makes everything that uses one flow use another."""
        for kind, user, keys in list(self._of(old)):
            if kind == "realm":
                for key in keys:
                    user[key] = new["alias"]
                self._api.put("", {"realm": user["realm"], **dict.fromkeys(keys, new["alias"])})
            elif kind == "provider":
                user.update(dict.fromkeys(keys, new["alias"]))
                self._api.put(f"{_PROVIDERS}/{quote(user['alias'])}", user)
            else:
                user["authenticationFlowBindingOverrides"].update(dict.fromkeys(keys, new["id"]))
                self._api.put(f"/clients/{user['id']}", user)


def update(api: Api, alias: str, wanted: Entry) -> str:
    """Makes a flow as wanted without a moment in which it is half of it; returns its identifier.

    :param wanted: the flow as flow_tree shows it, with everything in it but for what stays: executions it does not name, its own or of a flow in it.
    """
    configs = wanted.get("authenticatorConfig") or {}
    old = settled(api, alias, configs)
    if "authenticationExecutions" not in wanted:
        _describe(api, old, wanted)
        return str(old["id"])
    there, nodes = flow_edit.tree(api, alias), flow_tree.parsed(wanted["authenticationExecutions"])
    if flow_tree.kept_flows(nodes):
        nodes, configs = flow_tree.filled(nodes, there), {**flow_edit.configs_of(api, there), **configs}
    structure, values = flow_tree.edits(there, nodes)
    if old.get("builtIn") or (not structure and values <= 1):
        # One write is never half done.
        flow_edit.edit(api, alias, old["id"], nodes, configs)
    else:
        uses = Uses(api)
        if uses.any(old):
            old = _swapped(api, uses, old, {**wanted, "authenticationExecutions": flow_tree.shown(nodes)}, configs)
        else:
            flow_edit.edit(api, alias, old["id"], nodes, configs)
    _describe(api, old, wanted)
    return str(old["id"])


def _describe(api: Api, flow: Entry, wanted: Entry) -> None:
    description = wanted.get("description")
    if description is not None and description != (flow.get("description") or ""):
        api.put(f"{flow_edit.FLOWS}/{flow['id']}", {**flow, "description": description})


def _swapped(api: Api, uses: Uses, old: Entry, wanted: Entry, configs: flow_edit.Configs) -> Entry:
    alias = str(old["alias"])
    new = {**wanted, "alias": alias + NEW}
    new["id"] = flow_edit.create(api, alias, wanted, configs, NEW)
    uses.move(old, new)
    api.delete(f"{flow_edit.FLOWS}/{old['id']}")
    return _renamed(api, alias, configs)


def settled(api: Api, alias: str, configs: flow_edit.Configs) -> Entry:
    """The flow of a name, after whatever an earlier run left of a swap is ended.

    :raises EngineError: when there is none.
    """
    flows = flow_edit.top_level(api)
    old, new = flows.get(alias), flows.get(alias + NEW)
    if new is not None:
        if old is None:
            return _renamed(api, alias, configs)
        uses = Uses(api)
        if uses.any(new):
            # It was whole before anything used it.
            uses.move(old, new)
            api.delete(f"{flow_edit.FLOWS}/{old['id']}")
            return _renamed(api, alias, configs)
        api.delete(f"{flow_edit.FLOWS}/{new['id']}")
    if old is None:
        raise EngineError(f"flow {alias} is gone: somebody deleted it in this moment; run again")
    return old


def _renamed(api: Api, alias: str, configs: flow_edit.Configs) -> Entry:
    """Gives a new flow, and what is in it, the names without the ending; the flow itself last, for its name says that it is not done.

    :param configs: the declared configurations: what they hold may be masked by now, and each is written whole.
    """
    for node in flow_tree.walk(flow_edit.tree(api, alias + NEW)):
        if node.flow.endswith(NEW):
            row = {**node.row, "displayName": node.flow[: -len(NEW)]}
            api.put(f"{flow_edit.FLOWS}/{quote(alias + NEW)}/executions", row)
        elif node.config.endswith(NEW):
            name = node.config[: -len(NEW)]
            there = api.get(f"/authentication/config/{node.config_id}").get("config") or {}
            declared = {key: value for key, value in configs.get(name, {}).items() if value is not None}
            if name in configs or not any(map(is_mask, there.values())):
                flow_edit.write_config(api, node.config_id, name, {**there, **declared})
    flow = flow_edit.top_level(api)[alias + NEW]
    api.put(f"{flow_edit.FLOWS}/{flow['id']}", {**flow, "alias": alias})
    return {**flow, "alias": alias}
