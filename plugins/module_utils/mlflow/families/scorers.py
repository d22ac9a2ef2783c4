# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scorers of an experiment. Every registration makes a version, so that one is made only where the newest says something else."""

from __future__ import annotations

import functools
import json
import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.family import Entry
from .. import documents
from ..api import Api
from ..in_experiment import ExperimentFamily, Place, of_active
from .gateway import GatewayEndpoints

if t.TYPE_CHECKING:
    from ..session import Session

# What MLflow writes into every definition, and what it means where nobody said anything.
_USUAL: dict[str, Json] = {"aggregations": None, "description": None, "is_session_level_scorer": False, "timeout": None, "serialization_version": 1}
_JUDGE = "instructions_judge_pydantic_data"
_GATEWAY = "gateway:/"
_ONLINE = {"sample_rate": documents.NUMBER, "filter_string": documents.TEXT}


class Scorers(ExperimentFamily):
    """Scorers by their newest version.

    One whose model is an endpoint of the gateway is bound to it, which is how the server's own jobs may use the endpoint. Registering does
    that; `endpoint`, which nobody declares, is where it is seen that the binding is there.
    """

    name = "scorers"
    since = (3, 4)
    fields = {
        "experiment": documents.TEXT,
        "name": documents.TEXT,
        "instructions": documents.TEXT,
        "model": documents.TEXT,
        "description": documents.TEXT,
        "definition": documents.MAP,
        "online": documents.MAP,
    }
    rules = Rules(ignored=frozenset({"workspace", "experiment"}))
    _endpoints = GatewayEndpoints()

    def entries(self, document: Entry) -> list[Entry]:
        """With the short form of a judge written out as the definition it stands for."""
        found = []
        for entry in super().entries(document):
            definition: Entry = dict(entry["definition"]) if isinstance(entry.get("definition"), dict) else {}
            judge = {field: entry[field] for field in ("instructions", "model") if entry.get(field) is not None}
            if judge:
                definition[_JUDGE] = {**(definition.get(_JUDGE) or {}), **judge}
            if "description" in entry:
                definition["description"] = entry["description"]
            kept: Entry = {field: entry[field] for field in ("workspace", "experiment", "name", "online") if field in entry}
            if isinstance(kept.get("online"), dict):
                kept["online"] = {field: float(value) if isinstance(value, int) else value for field, value in kept["online"].items()}
            model = _model(definition)
            if model.startswith(_GATEWAY):
                kept["endpoint"] = model.removeprefix(_GATEWAY)
            found.append({**kept, "definition": definition})
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in documents.within(document, self.path):
            label = self.label(entry)
            if not entry.get("definition") and not entry.get("instructions"):
                found.append(f"{label}: instructions (of a judge) or definition (as MLflow serialises a scorer) is missing")
            if entry.get("model") and not entry.get("instructions"):
                found.append(f"{label}: model belongs to instructions: give both, or put the model into the definition")
            if isinstance(entry.get("definition"), dict) and entry["definition"].get("call_source"):
                found.append(f"{label}: the definition holds program code (call_source), which servers refuse to run: register that scorer from where it runs")
            if isinstance(entry.get("online"), dict):
                found += documents.entry_problems(f"{label}: online", entry["online"], _ONLINE, ("sample_rate",))
                rate = entry["online"].get("sample_rate")
                if isinstance(rate, (int, float)) and not 0 <= rate <= 1:
                    found.append(f"{label}: online.sample_rate is a share of the traces, between 0 and 1")
        for entry in entries:
            online = entry.get("online")
            if isinstance(online, dict) and online.get("sample_rate") and "endpoint" not in entry:
                found.append(f"{self.label(entry)}: the server itself runs only scorers with a model of its gateway: declare model as gateway:/ENDPOINT")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = super().problems_there(entries, snapshot, server)
        for key, entry in entries.items():
            if "online" in entry and not server.since(3, 9):
                found.append(f"{self.name}/{key}: online is known since MLflow 3.9: leave it out, or upgrade the server")
            line = self._endpoints.missing(server, entry, entry["endpoint"]) if entry.get("endpoint") else ""
            if line:
                found.append(f"{self.name}/{key} uses {line}")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        declared: dict[str, Entry] = server.declared(self)
        watched: dict[str, str] = {}
        bound: dict[str, str] = {}
        for (workspace, experiment, _number), item in self._listed(server, self.places(server, keys)):
            entry = {"workspace": workspace, "experiment": experiment, "name": item["scorer_name"]}
            key = self.key(entry)
            server.learn(self.name, key, item["scorer_id"], item)
            wanted = declared.get(key, {})
            entry["definition"] = _definition(item, wanted.get("definition") or {})
            if server.tells and (not entry["definition"] or "call_source" in entry["definition"]):
                continue  # no document can declare it
            result[key] = entry
            if "online" in wanted or (server.tells and server.since(3, 9)):
                watched[item["scorer_id"]] = key
            if "endpoint" in wanted:
                bound[item["scorer_id"]] = key
        for identifier, config in self._online(server, result, watched).items():
            result[watched[identifier]]["online"] = config
        for identifier, endpoints in self._bindings(server, result, bound).items():
            wanted = declared[bound[identifier]]["endpoint"]
            result[bound[identifier]]["endpoint"] = wanted if wanted in endpoints else endpoints[0]
        return result

    def _listed(self, server: Session, places: t.Sequence[Place]) -> t.Iterator[tuple[Place, Json]]:
        for workspace in sorted({place[0] for place in places}):
            here = {place[2]: place for place in places if place[0] == workspace}
            api = server.at(workspace)
            # Before 3.17 a server lists one experiment at a time.
            many = server.since(3, 17) and len(here) > 1
            asked: list[dict[str, Json]] = [{"experiment_ids": part} for part in _parts(list(here))] if many else [{"experiment_id": n} for n in here]
            for query in asked:
                for item in of_active(functools.partial(_scorers, api, query)):
                    yield here[str(item["experiment_id"])], item

    def _online(self, server: Session, result: t.Mapping[str, Entry], watched: t.Mapping[str, str]) -> dict[str, Entry]:
        found = {}
        for workspace in sorted({result[key]["workspace"] for key in watched.values()}):
            asked = [number for number, key in watched.items() if result[key]["workspace"] == workspace]
            for part in _parts(asked):
                for config in server.at(workspace).get("3.0/scorers/online-configs", scorer_ids=part).get("configs") or []:
                    found[config["scorer_id"]] = {"sample_rate": float(config["sample_rate"]), "filter_string": config.get("filter_string") or ""}
        return found

    def _bindings(self, server: Session, result: t.Mapping[str, Entry], bound: t.Mapping[str, str]) -> dict[str, list[str]]:
        """Endpoints that scorers are bound to, by the scorers' identifiers."""
        found: dict[str, list[str]] = {}
        for workspace in sorted({result[key]["workspace"] for key in bound.values()}):
            names = {item["endpoint_id"]: item["name"] for item in self._endpoints.listing(server, workspace)}
            for item in server.at(workspace).get("3.0/gateway/endpoints/bindings/list", resource_type="scorer").get("bindings") or []:
                if item["resource_id"] in bound:
                    found.setdefault(item["resource_id"], []).append(names.get(item["endpoint_id"], ""))
        return found

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        self._register(server, entry)
        if entry.get("online"):
            self._watch(server, entry)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        fields = {change.path[0] for change in changes}
        if "definition" in fields:
            self._register(server, wanted)
        elif "endpoint" in fields and wanted.get("endpoint"):
            self._bind(server, wanted)
        if "online" in fields:
            self._watch(server, wanted)

    def _register(self, server: Session, entry: Entry) -> None:
        whole = {**_USUAL, "mlflow_version": server.facts()["version"], **entry["definition"], "name": entry["name"]}
        made = server.at(entry["workspace"]).post(
            "3.0/scorers/register", experiment_id=self.experiment(server, entry), name=entry["name"], serialized_scorer=json.dumps(whole)
        )
        server.learn(self.name, self.key(entry), made["scorer_id"])

    def _bind(self, server: Session, entry: Entry) -> None:
        endpoint = self._endpoints.sure(server, entry["workspace"], entry["endpoint"])
        body = {"endpoint_id": endpoint, "resource_type": "scorer", "resource_id": server.id_of(self.name, self.key(entry))}
        server.at(entry["workspace"]).post("3.0/gateway/endpoints/bindings/create", **body)

    def _watch(self, server: Session, entry: Entry) -> None:
        online = entry.get("online") or {}
        body = {
            "experiment_id": self.experiment(server, entry),
            "name": entry["name"],
            "sample_rate": online.get("sample_rate", 0),
            "filter_string": online.get("filter_string") or None,
        }
        server.at(entry["workspace"]).call("PUT", "3.0/scorers/online-config", body)

    def delete(self, server: Session, current: Entry) -> None:
        server.at(current["workspace"]).delete("3.0/scorers/delete", experiment_id=self.experiment(server, current), name=current["name"])


def _parts(numbers: list[str]) -> list[list[str]]:
    """So many at once as fit into an address."""
    return [numbers[at : at + 50] for at in range(0, len(numbers), 50)]


def _scorers(api: Api, query: dict[str, Json]) -> list[Json]:
    return api.get("3.0/scorers/list", **query).get("scorers") or []


def _model(definition: Entry) -> str:
    """The model of a scorer, of whatever kind it is; empty where it has none."""
    for kind in (_JUDGE, "builtin_scorer_pydantic_data", "third_party_scorer_data"):
        if isinstance(definition.get(kind), dict):
            return str(definition[kind].get("model") or "")
    return ""


def _definition(item: Json, declared: Entry) -> Entry:
    """What a version says, without what every one says."""
    try:
        found = json.loads(item["serialized_scorer"])
    except ValueError:
        return {}
    usual = {**_USUAL, "name": item["scorer_name"], "mlflow_version": found.get("mlflow_version")}
    return {key: value for key, value in found.items() if key in declared or (value is not None and not (key in usual and value == usual[key]))}
