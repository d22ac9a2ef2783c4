# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes authentication flows: where they stand, or anew beside the one whose place they take."""

from __future__ import annotations

import typing as t

from ..engine.compare import is_mask
from ..engine.errors import EngineError
from ..engine.http import quote
from . import flow_tree
from .api import Api
from .flow_tree import Entry, Node

FLOWS = "/authentication/flows"
Configs = t.Mapping[str, Entry]


def rows(api: Api, alias: str) -> list[Entry]:
    """Every execution of a flow and of the flows in it."""
    return list(api.get(f"{FLOWS}/{quote(alias)}/executions") or [])


def tree(api: Api, alias: str) -> list[Node]:
    """What is in a flow."""
    nodes = flow_tree.from_rows(rows(api, alias))
    for node in flow_tree.walk(nodes):
        if node.config_id and not node.config:  # the rows name configurations of those alone that ask for one
            node.config = str((api.find(f"/authentication/config/{node.config_id}") or {}).get("alias") or "")
    return nodes


def top_level(api: Api) -> dict[str, Entry]:
    """The top-level flows by alias."""
    return {str(flow["alias"]): flow for flow in api.get(FLOWS) or []}


def configs_of(api: Api, nodes: t.Sequence[Node]) -> dict[str, Entry]:
    """The configurations in a tree, by alias."""
    result = {}
    for node in flow_tree.walk(nodes):
        if node.config_id:
            found = api.find(f"/authentication/config/{node.config_id}") or {}
            node.config = str(found.get("alias") or node.config)
            result[node.config] = dict(found.get("config") or {})
    return result


def create(api: Api, alias: str, entry: Entry, configs: Configs, suffix: str = "") -> str:
    """Creates a top-level flow with all that is in it; returns its identifier.

    :param suffix: put behind its name and those of the flows in it.
    """
    body = {"alias": alias + suffix, "providerId": entry["providerId"], "description": entry.get("description") or "", "topLevel": True, "builtIn": False}
    identifier = api.post(FLOWS, body)
    edit(api, alias + suffix, identifier, flow_tree.parsed(entry.get("authenticationExecutions") or []), configs, suffix)
    return identifier


def edit(api: Api, alias: str, identifier: str, wanted: t.Sequence[Node], configs: Configs, suffix: str = "") -> None:
    """Makes what is in a flow as wanted, where it stands. What is equal already is not written, so it also ends what was broken off."""
    for node in flow_tree.walk(wanted):
        node.flow += suffix if node.flow else ""
        node.config += suffix if node.config else ""
    there = tree(api, alias)
    # A flow that moves within its tree keeps its name, so it goes before it comes.
    changed = _remove(api, there, wanted)
    changed = _add(api, alias, identifier, there, wanted) or changed
    if changed:
        there = tree(api, alias)
    _release(api, there, wanted)
    _set(api, alias, there, wanted, {name + suffix: config for name, config in configs.items()})


def _remove(api: Api, there: t.Sequence[Node], wanted: t.Sequence[Node]) -> bool:
    changed = False
    for old, new in flow_tree.pairs(there, wanted):
        if old is not None and new is None:
            api.delete(f"/authentication/executions/{old.identifier}")
            changed = True
        elif old is not None and new is not None:
            changed = _remove(api, old.children, new.children) or changed
    return changed


def _add(api: Api, parent: str, parent_id: str, there: t.Sequence[Node], wanted: t.Sequence[Node]) -> bool:
    changed = False
    for old, new in flow_tree.pairs(there, wanted):
        if new is None:
            continue
        if not new.flow:
            if old is None:
                body = {"parentFlow": parent_id, "authenticator": new.authenticator, "authenticatorFlow": False}
                # What has a configuration starts without effect: it would run without it for a moment.
                api.post("/authentication/executions", {**body, "requirement": "DISABLED" if new.config else new.requirement, "priority": new.priority})
                changed = True
            continue
        flow_id = old.flow_id if old is not None else ""
        if old is None:
            body = {"alias": new.flow, "type": new.flow_type, "description": new.description, "provider": new.authenticator, "priority": new.priority}
            flow_id = api.post(f"{FLOWS}/{quote(parent)}/executions/flow", body)
            changed = True
        changed = _add(api, new.flow, flow_id, old.children if old is not None else [], new.children) or changed
    return changed


def _release(api: Api, there: t.Sequence[Node], wanted: t.Sequence[Node]) -> None:
    """Removes the configurations whose names go to other executions: no two may have the same, not even for a moment."""
    names = {node.config for node in flow_tree.walk(there)}, {node.config for node in flow_tree.walk(wanted)}
    for old, new in flow_tree.all_pairs(there, wanted):
        if old.config_id and old.config != new.config and (not new.config or new.config in names[0] or old.config in names[1]):
            api.delete(f"/authentication/config/{old.config_id}")
            old.config_id = ""


def _set(api: Api, alias: str, there: t.Sequence[Node], wanted: t.Sequence[Node], configs: Configs) -> None:
    for old, new in flow_tree.pairs(there, wanted):
        if old is None or new is None:
            continue  # somebody else is writing too; the look afterwards tells
        _set(api, alias, old.children, new.children, configs)
        _configure(api, old, new, configs)
        if (old.requirement, old.priority, old.description) != (new.requirement, new.priority, new.description if new.flow else old.description):
            body = {**old.row, "requirement": new.requirement, "priority": new.priority}
            if new.flow:
                body.update(displayName=new.flow, description=new.description)
            api.put(f"{FLOWS}/{quote(alias)}/executions", body)


def _configure(api: Api, old: Node, new: Node, configs: Configs) -> None:
    if new.flow:
        return
    config = {key: value for key, value in configs.get(new.config, {}).items() if value is not None}
    if not new.config:
        return
    if not old.config_id:
        _refuse_masks(new.config, config)
        api.post(f"/authentication/executions/{old.identifier}/config", {"alias": new.config, "config": config})
    else:
        there = api.find(f"/authentication/config/{old.config_id}") or {}
        if (there.get("alias"), there.get("config") or {}) != (new.config, config):
            write_config(api, old.config_id, new.config, config)


def write_config(api: Api, identifier: str, alias: str, config: Entry) -> None:
    """Writes a configuration as a whole.

    :raises EngineError: when it holds a mask: Keycloak would take that for the value.
    """
    _refuse_masks(alias, config)
    api.put(f"/authentication/config/{identifier}", {"id": identifier, "alias": alias, "config": config})


def _refuse_masks(alias: str, config: Entry) -> None:
    masked = [key for key, value in config.items() if is_mask(value)]
    if masked:
        raise EngineError(f"config {alias} holds {', '.join(masked)}, which the server does not return, and has to be written whole: declare that value too")
