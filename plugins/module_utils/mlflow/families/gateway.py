# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AI gateway: secrets, model definitions that use them, and endpoints that offer those. All refer to each other by name."""

from __future__ import annotations

import json
import re
import typing as t

from ...engine import marks
from ...engine.compare import MASK, Change, Rules
from ...engine.errors import EngineError
from ...engine.family import Entry
from ...engine.plan import Plan
from .. import documents
from ..api import Api
from ..scoped import ScopedFamily, mark_changes, plain_tags, tag_changes, tags_of
from ..session import Session

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class GatewayFamily(ScopedFamily):
    """What the families of the gateway share.

    :cvar folder: where they are in the API, and in the document.
    :cvar listed: key of their list in an answer.
    :cvar made: key of one of them in an answer.
    :cvar identifier: key of their identifier.
    :cvar title: key of their name.
    """

    gateway = True
    registered = True
    folder: t.ClassVar[str]
    listed: t.ClassVar[str]
    made: t.ClassVar[str]
    identifier: t.ClassVar[str]
    title: t.ClassVar[str] = "name"

    def listing(self, server: Session, workspace: str) -> list[Entry]:
        """The server's objects in a workspace, each remembered."""
        found: list[Entry] = server.at(workspace).get(f"3.0/gateway/{self.folder}/list").get(self.listed) or []
        for item in found:
            server.learn(self.name, self.found_key(item, workspace), str(item[self.identifier]), item)
        return found

    def found_key(self, item: Entry, workspace: str) -> str:
        return documents.key(str(item.get(self.title, "")), workspace)

    def find(self, server: Session, workspace: str, name: str) -> str | None:
        """The identifier of an object of this name; None where there is none (yet)."""
        key = documents.key(name, workspace)
        if server.id_of(self.name, key) is None and server.is_there(workspace) and server.knows(self):
            self.listing(server, workspace)
        return server.id_of(self.name, key)

    def sure(self, server: Session, workspace: str, name: str) -> str:
        """As find.

        :raises EngineError: when there is none any more.
        """
        found = self.find(server, workspace, name)
        if found is None:
            raise EngineError(f"{self.name}/{documents.key(name, workspace)} is not there any more: did another run delete it? Run again")
        return found

    def missing(self, server: Session, entry: Entry, name: t.Any) -> str:
        """What to say when an object that an entry refers to is neither declared nor there; empty when it is."""
        workspace = str(entry.get("workspace") or "")
        key = documents.key(str(name), workspace)
        if key in server.declared(self) or self.find(server, workspace, str(name)) is not None:
            return ""
        return f"{self.name}/{key}, which is neither declared nor on the server: declare it under {'.'.join(self.path)}, or correct the name"

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result = {}
        declared = server.declared(self)
        for workspace in server.scopes(self, keys):
            for item in self.listing(server, workspace):
                key = self.found_key(item, workspace)
                result[key] = {"name": item.get(self.title, ""), "workspace": workspace, **self.entry(server, item, declared.get(key, {}))}
        return result

    def entry(self, server: Session, item: Entry, declared: Entry) -> Entry:
        """An object of the server in the document's format, without its name."""
        raise NotImplementedError

    def in_use(self, server: Session, made: Plan, users: GatewayFamily, field: str, uses: t.Callable[[Entry, str], bool]) -> list[str]:
        """Problems with objects that would be deleted although others, which stay as they are, use them.

        :param users: the family of those others.
        :param field: where they name what they use.
        :param uses: whether one of them, as the server has it, uses the object with this identifier.
        """
        gone = [action for action in made.actions if action.family.name == self.name and action.verb == "delete"]
        freed = {
            action.name
            for action in made.actions
            if action.family.name == users.name and (action.verb == "delete" or any(change.path[0] == field for change in action.changes))
        }
        found = []
        for action in gone:
            workspace, identifier = str((action.current or {}).get("workspace") or ""), str(server.id_of(self.name, action.name))
            keys = {users.found_key(item, workspace) for item in users.listing(server, workspace) if uses(item, identifier)} - freed
            if keys:
                found.append(f"{self.name}/{action.name} cannot go, for {users.name} use it ({', '.join(sorted(keys))}): change or delete those too")
        return found

    def write(self, server: Session, entry: Entry, verb: str, body: Entry) -> str:
        """Creates or updates, and remembers the answer; returns the identifier."""
        answer = server.at(str(entry.get("workspace") or "")).post(f"3.0/gateway/{self.folder}/{verb}", **body)[self.made]
        server.learn(self.name, self.key(entry), str(answer[self.identifier]), answer)
        return str(answer[self.identifier])

    def delete(self, server: Session, current: Entry) -> None:
        api = server.at(current["workspace"])
        api.delete(f"3.0/gateway/{self.folder}/delete", **{self.identifier: server.id_of(self.name, self.key(current))})


class GatewaySecrets(GatewayFamily):
    """Credentials of providers. The server never returns them; it returns how they begin and end, which is not enough to compare."""

    name = "gateway_secrets"
    path = ("gateway", "secrets")
    folder, listed, made, identifier, title = "secrets", "secrets", "secret", "secret_id", "secret_name"
    fields = {
        "name": documents.TEXT,
        "provider": documents.TEXT,
        "secret_value": documents.Kind((str, dict)),
        "auth_config": documents.MAP,
    }
    required = ("name", "secret_value")
    rules = Rules(ignored=frozenset({"workspace", "provider"}), strings=frozenset({"auth_config"}), secrets=frozenset({"secret_value"}))

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            value = entry.get("secret_value")
            if isinstance(value, dict):  # one text, so that it is compared and hidden as a whole
                entry["secret_value"] = json.dumps(value, sort_keys=True)
            elif isinstance(value, str) and value != MASK and not value.startswith("{"):
                entry["secret_value"] = json.dumps({"api_key": value})
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        if set(entries) - set(snapshot[self.name]):  # about to be written for the first time
            config = Api(server.http, root="ajax-api").find("3.0/gateway/secrets/config") or {}
            if config.get("using_default_passphrase"):
                server.note("the server encrypts gateway secrets with MLflow's public default: start it with MLFLOW_CRYPTO_KEK_PASSPHRASE set")
        for key, entry in entries.items():
            there = snapshot[self.name].get(key, {}).get("provider")
            if entry.get("provider") and there and entry["provider"] != there:
                found.append(f"{self.name}/{key}: its provider is {there} and cannot be changed: declare the secret under another name")
        return found

    def problems_planned(self, made: Plan, server: Session) -> list[str]:
        # The server would leave the definitions behind, without a secret.
        return self.in_use(server, made, GatewayModelDefinitions(), "secret_name", lambda item, identifier: item.get("secret_id") == identifier)

    def entry(self, server: Session, item: Entry, declared: Entry) -> Entry:
        return {"provider": item.get("provider", ""), "auth_config": item.get("auth_config") or {}, "secret_value": MASK}

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = {"secret_name": entry["name"], "secret_value": json.loads(entry["secret_value"])}
        given = {field: entry[field] for field in ("provider", "auth_config") if entry.get(field)}
        self.write(server, entry, "create", {**body, **given})

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        body: Entry = {}
        touched = {change.path[0] for change in changes}
        if "secret_value" in touched and wanted["secret_value"] != MASK:
            body["secret_value"] = json.loads(wanted["secret_value"])
        if "auth_config" in touched:
            body["auth_config"] = wanted.get("auth_config") or {"api_base": ""}  # an empty map would mean: leave it
        if body:
            self.write(server, current, "update", {"secret_id": server.id_of(self.name, self.key(current)), **body})


class GatewayModelDefinitions(GatewayFamily):
    """Models of providers, each with the secret it is called with."""

    name = "gateway_model_definitions"
    path = ("gateway", "model_definitions")
    folder, listed, made, identifier = "model-definitions", "model_definitions", "model_definition", "model_definition_id"
    fields = {"name": documents.TEXT, "secret_name": documents.TEXT, "provider": documents.TEXT, "model_name": documents.TEXT}
    required = ("name", "secret_name", "provider", "model_name")
    rules = Rules(ignored=frozenset({"workspace"}))
    _secrets = GatewaySecrets()

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        lines = ((key, self._secrets.missing(server, entry, entry["secret_name"])) for key, entry in entries.items())
        return [f"{self.name}/{key} refers to {line}" for key, line in lines if line]

    def problems_planned(self, made: Plan, server: Session) -> list[str]:
        return self.in_use(
            server,
            made,
            GatewayEndpoints(),
            "model_configs",
            lambda item, identifier: any(one.get("model_definition_id") == identifier for one in item.get("model_mappings") or []),
        )

    def entry(self, server: Session, item: Entry, declared: Entry) -> Entry:
        return {field: item.get(field, "") for field in ("secret_name", "provider", "model_name")}

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        self.write(server, entry, "create", self._body(server, entry, ("name", "provider", "model_name", "secret_name")))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        body = self._body(server, wanted, sorted({change.path[0] for change in changes}))
        if body:
            self.write(server, current, "update", {"model_definition_id": server.id_of(self.name, self.key(current)), **body})

    def _body(self, server: Session, entry: Entry, fields: t.Sequence[str]) -> Entry:
        body = {field: entry[field] for field in fields if field != "secret_name" and field in entry}
        if "secret_name" in fields:
            body["secret_id"] = self._secrets.sure(server, str(entry.get("workspace") or ""), entry["secret_name"])
        return body


class GatewayEndpoints(GatewayFamily):
    """Names under which applications call models, with traffic split and fallbacks. Their marks are among their tags."""

    name = "gateway_endpoints"
    path = ("gateway", "endpoints")
    folder, listed, made, identifier = "endpoints", "endpoints", "endpoint", "endpoint_id"
    registered = False
    fields = {
        "name": documents.TEXT,
        "model_configs": documents.LIST,
        "routing_strategy": documents.TEXT,
        "fallback_config": documents.MAP,
        "experiment": documents.TEXT,
        "usage_tracking": documents.FLAG,
        "tags": documents.MAP,
    }
    required = ("name", "model_configs")
    rules = Rules(
        ignored=frozenset({"workspace"}),
        strings=frozenset({"tags"}),
        sets=frozenset({"model_configs"}),
        defaults={"usage_tracking": True},
    )
    _definitions = GatewayModelDefinitions()
    _config = {
        "model_definition": documents.TEXT,
        "linkage_type": documents.Kind((str,), ("PRIMARY", "FALLBACK")),
        "weight": documents.NUMBER,
        "fallback_order": documents.WHOLE,
    }

    def entries(self, document: Entry) -> list[Entry]:
        found = super().entries(document)
        for entry in found:
            if isinstance(entry.get("model_configs"), list):
                entry["model_configs"] = [_config(one) if isinstance(one, dict) else one for one in entry["model_configs"]]
        return found

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            label = self.label(entry)
            if entry.get("name") and not _NAME.fullmatch(str(entry["name"])):
                found.append(f"{label}: the name of an endpoint holds letters, digits, '_', '-' and '.' only")
            configs = entry.get("model_configs") if isinstance(entry.get("model_configs"), list) else []
            for one in configs or []:
                if not isinstance(one, dict):
                    found.append(f"{label}: model_configs: expected maps, each with a model_definition")
                    continue
                found += documents.entry_problems(f"{label}: model_configs", one, self._config, ("model_definition",))
            if configs and not any(isinstance(one, dict) and one.get("linkage_type") == "PRIMARY" for one in configs):
                found.append(f"{label}: none of its model_configs is PRIMARY: one has to answer first")
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            for one in entry["model_configs"]:
                line = self._definitions.missing(server, entry, one["model_definition"])
                if line:
                    found.append(f"{self.name}/{key} refers to {line}")
            name, workspace = entry.get("experiment"), str(entry.get("workspace") or "")
            declared = {(one.get("name"), one.get("workspace")) for one in documents.within(server.document, ("experiments",))}
            if name and (name, workspace) not in declared and server.experiment_id(workspace, name) is None:
                found.append(f"{self.name}/{key} refers to experiment {name}, which is neither declared nor on the server: declare it, or correct the name")
        return found

    def entry(self, server: Session, item: Entry, declared: Entry) -> Entry:
        tags = tags_of(item.get("tags"))
        result = {
            "model_configs": [
                _config({**mapping, "model_definition": (mapping.get("model_definition") or {}).get("name", mapping.get("model_definition_id"))})
                for mapping in item.get("model_mappings") or []
            ],
            "routing_strategy": item.get("routing_strategy", ""),
            "fallback_config": {field: value for field, value in (item.get("fallback_config") or {}).items() if field in ("strategy", "max_attempts")},
            "usage_tracking": item.get("usage_tracking", True),
            "tags": plain_tags(tags, declared.get("tags") or {}),
        }
        told = server.told_experiment(item.get("experiment_id"))
        if told:
            result["experiment"] = told
        elif declared.get("experiment"):
            known = server.experiment_id(str(declared.get("workspace") or ""), declared["experiment"])
            result["experiment"] = declared["experiment"] if known == item.get("experiment_id") else f"(experiment {item.get('experiment_id')})"
        return result

    def create(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        identifier = self.write(server, entry, "create", {"name": entry["name"], **self._body(server, entry, set(entry))})
        for name, value in {**(entry.get("tags") or {}), **(mark.texts() if mark else {})}.items():
            if value is not None:
                self._tag(server, entry, identifier, name, str(value))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        key = self.key(current)
        identifier = str(server.id_of(self.name, key))
        texts, gone = tag_changes(changes, wanted)
        body = self._body(server, wanted, {change.path[0] for change in changes})
        if body:
            self.write(server, current, "update", {"endpoint_id": identifier, **body})
        for name in gone:
            server.at(current["workspace"]).delete("3.0/gateway/endpoints/delete-tag", endpoint_id=identifier, key=name)
        for name, value in {**texts, **mark_changes(mark, tags_of(server.raw(self.name, key).get("tags")))}.items():
            self._tag(server, current, identifier, name, value)

    def _tag(self, server: Session, entry: Entry, identifier: str, name: str, value: str) -> None:
        server.at(entry["workspace"]).set("3.0/gateway/endpoints/set-tag", endpoint_id=identifier, key=name, value=value)

    def _body(self, server: Session, entry: Entry, touched: t.Collection[str]) -> Entry:
        workspace = str(entry.get("workspace") or "")
        body: Entry = {field: entry[field] for field in ("routing_strategy", "usage_tracking") if field in touched and entry.get(field) is not None}
        if set(touched) & {"model_configs", "fallback_config"}:
            # The server takes the fallbacks back when it gets the models without them.
            body["model_configs"] = [
                {
                    **{field: value for field, value in one.items() if field != "model_definition"},
                    "model_definition_id": self._definitions.sure(server, workspace, one["model_definition"]),
                }
                for one in entry["model_configs"]
            ]
            if entry.get("fallback_config"):
                body["fallback_config"] = entry["fallback_config"]
        if "experiment" in touched and entry.get("experiment"):
            body["experiment_id"] = server.experiment_id(workspace, entry["experiment"])
        return body


def _config(one: Entry) -> Entry:
    """A model of an endpoint with the server's defaults in it, and with nothing of its own."""
    found = {**one, "linkage_type": one.get("linkage_type") or "PRIMARY", "weight": one.get("weight", 1.0)}
    if isinstance(found["weight"], int) and not isinstance(found["weight"], bool):
        found["weight"] = float(found["weight"])
    for field in ("mapping_id", "endpoint_id", "model_definition_id", "created_at", "created_by"):
        found.pop(field, None)
    return {field: value for field, value in found.items() if value is not None}
