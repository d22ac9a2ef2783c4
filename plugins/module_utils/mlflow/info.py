# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an MLflow server holds, in the format of a document."""

from __future__ import annotations

import difflib
import fnmatch
import typing as t

from ..engine.compare import MASK
from ..engine.door import Call, Door, Result
from ..engine.errors import EngineError, InvalidError
from ..engine.family import Entry, Family
from . import model_versions, versions
from .arguments import CONNECTION, CONSTRAINTS, overridden, session
from .families import everything
from .permissions import model
from .scoped import plain_tags, tags_of
from .session import Session

SPEC: dict[str, dict[str, t.Any]] = {
    "families": {"type": "list", "elements": "str", "default": []},
    "names": {"type": "list", "elements": "str", "default": []},
    "versions": {"type": "bool", "default": False},
}
# What of these is worth a request of its own is read only where a document declares it.
_DETAILS: dict[str, Entry] = {"registered_models": {"aliases": {}}, "prompts": {"aliases": {}}}


def _run(call: Call) -> Result:
    params = call.params
    families = everything()
    asked = set(params["families"])
    unknown = sorted(asked - {family.name for family in families})
    if unknown:
        names = [family.name for family in families]
        raise InvalidError([f"families: {name} is not known: {_hint(name, names)}" for name in unknown])
    server = session(params, families, {family.name for family in families})
    server.tells = True
    before = server.counts()["total"]
    place = {"workspace": params["workspace"]} if params.get("workspace") else {}
    server.open(dict(place))
    config: Entry = dict(place)
    owners: dict[str, str] = {}
    warnings: list[str] = []
    for family in families:
        if asked and family.name not in asked:
            continue
        try:
            found = _read(family, server, place, params)
        except EngineError as exc:
            if asked:
                raise
            warnings.append(f"{family.name} are left out: {exc}")
            continue
        owners.update({f"{family.name}/{key}": mark.owner for key, mark in ((key, server.mark_of(family, key, entry)) for key, entry in found.items()) if mark})
        if found:
            _put(config, getattr(family, "path", (family.name,)), [_declared(family, entry) for entry in found.values()])
    return {
        "changed": False,
        "config": config,
        "owners": owners,
        "server": server.facts(),
        "warnings": warnings,
        "requests": {"total": server.counts()["total"] - before},
    }


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _read(family: Family[t.Any], server: Session, place: Entry, params: t.Mapping[str, t.Any]) -> dict[str, Entry]:
    server.document = dict(place)
    found = _matching(family.read(server, ()), family, params["names"])
    if family.name in _DETAILS and found:
        stubs = [{"name": entry["name"], "workspace": entry.get("workspace", ""), **_DETAILS[family.name]} for entry in found.values()]
        server.document = {**place, family.name: stubs}
        found = _matching(family.read(server, list(found)), family, params["names"])
    if family.name == "registered_models" and params["versions"]:
        for entry in found.values():
            entry["versions"] = _versions(server, entry)
    return found


def _versions(server: Session, entry: Entry) -> list[Entry]:
    """The versions of a model, oldest first; of several that a document could not tell apart, the newest."""
    listed = model_versions.listed(server.at(entry.get("workspace", "")), entry["name"])
    found: dict[str, Entry] = {}
    for item in sorted(listed, key=lambda item: int(item["version"])):
        tags = tags_of(item.get("tags"))
        one = {key: item[key] for key in ("source", "run_id", "model_id", "description") if item.get(key)}
        one.update({key: value for key, value in (("label", tags.pop(versions.LABEL, "")), ("tags", plain_tags(tags))) if value})
        found.pop(versions.key(one), None)
        found[versions.key(one)] = one
    return list(found.values())


def _matching(found: dict[str, Entry], family: Family[t.Any], patterns: list[str]) -> dict[str, Entry]:
    if not patterns:
        return found
    return {key: entry for key, entry in found.items() if any(fnmatch.fnmatchcase(text, one) for one in patterns for text in (key, f"{family.name}/{key}"))}


def _put(config: Entry, path: t.Sequence[str], entries: list[Entry]) -> None:
    for step in path[:-1]:
        config = config.setdefault(step, {})
    config[path[-1]] = entries


def _declared(family: Family[t.Any], entry: Entry) -> Entry:
    """An object as a document would declare it; of a secret only that there is one."""
    fields = getattr(family, "fields", {})
    kept = {key: value for key, value in entry.items() if (key in fields or key == "workspace") and value not in (None, "", [], {})}
    for key in family.rules.secrets & set(getattr(family, "required", ())):
        kept[key] = MASK
    kept.pop("lifecycle_stage", None)
    if family.name == "roles":
        kept["permissions"] = [_permission(one) for one in kept.get("permissions") or []]
    return {key: MASK if key in family.rules.secrets else value for key, value in kept.items()}


def _permission(one: Entry) -> Entry:
    found = model.address("", "role", "", str(one["on"]))
    return {"resource_type": found.type, "regex" if found.regex else "resource": found.resource, "permission": one["permission"]}


def door() -> Door:
    """The door of mlflow_info."""
    return Door("mlflow_info", {**CONNECTION, **SPEC}, _run, CONSTRAINTS, overridden=overridden)
