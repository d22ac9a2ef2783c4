# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorization services of clients, fine-grained admin permissions among them: settings, scopes, resources, policies and permissions."""

from __future__ import annotations

import re
import typing as t

from ...engine import marks
from ...engine.compare import Change, Rules
from ...engine.errors import EngineError
from ...engine.family import Entry
from ...engine.http import quote
from .. import authz
from ..authz import ADMIN
from ..authz_names import Names
from ..base import Base, plain
from ..session import Session

_CLIENT = re.compile(r"/(?=(?:settings|scopes|resources|policies)(?:/|$))")  # a client's name may have slashes too
_SERVER = "/clients/{}/authz/resource-server"


class Authorization(Base):
    """`authorizationSettings` of each client, and `adminPermissions`.

    One entry for each object, named `client/kind/name`, so that each has an owner and is pruned for itself.
    """

    name = "authorization"
    rules = Rules(
        ignored=frozenset({"id", "client", "kind", "name"}),
        sets=frozenset({"uris", "scopes"}),
        defaults={"logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "ownerManagedAccess": False, "allowRemoteResourceManagement": True,
                  "policyEnforcementMode": "ENFORCING"},
    )  # fmt: skip
    parallel = False
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        return authz.entries(document)

    def key(self, entry: Entry) -> str:
        return "/".join(filter(None, (str(entry["client"]), str(entry["kind"]), str(entry.get("name") or ""))))

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        return authz.problems(self.name, entries) + authz.unknown_keys(self.name, entries)

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        known = {*entries, *snapshot[self.name]}
        for key, entry in entries.items():
            for kind, name in authz.references(entry):
                if f"{entry['client']}/{kind}/{name}" not in known:
                    found.append(f"{self.name}/{key}: there is no {name} among the {kind} of {entry['client']}: declare it there")
        enabled = server.declared.get("adminPermissionsEnabled", server.realm.get("adminPermissionsEnabled"))
        if not enabled and any(entry["client"] == ADMIN for entry in entries.values()):
            found.append(f"{self.name}: realm {server.api.realm} has no fine-grained admin permissions: set adminPermissionsEnabled: true in the document")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        if not server.realm:
            return result
        # Also those that an earlier run made something for: it may have to go.
        names = [*(self.key(entry) for entry in self.entries(server.declared)), *keys, *server.registered(self.name)]
        for client in dict.fromkeys(_CLIENT.split(name)[0] for name in names):
            identifier = self._client(server, client)
            if identifier:
                found = self._admin(server, identifier, keys) if client == ADMIN else self._settings(server, client, identifier)
                result.update({self.key(entry): entry for entry in found})
        return result

    def builtin(self, current: Entry) -> bool:
        return current["kind"] == "settings"

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        self._write(server, plain(entry), None)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        if changes:
            self._write(server, plain(wanted), current)

    def delete(self, server: Session, current: Entry) -> None:
        root = self._root(server, str(current["client"]))
        identifier = self._find(server, root, current)
        if identifier:
            server.api.delete(f"{root}/{authz.PATHS[current['kind']]}/{identifier}")

    def _settings(self, server: Session, client: str, identifier: str) -> list[Entry]:
        """Everything of a client, by names, in one request."""
        found = server.api.find(f"{_SERVER.format(identifier)}/settings")
        return authz.of_settings(client, found) if found else []

    def _admin(self, server: Session, identifier: str, keys: t.Collection[str]) -> list[Entry]:
        """The policies and permissions of administrators, which Keycloak exports to nobody; by identifiers, which become names."""
        root = _SERVER.format(identifier)
        declared = {self.key(entry): entry for entry in self.entries(server.declared)}
        names = Names(server)
        result = []
        for policy in server.api.pages(f"{root}/policy"):
            entry: Entry = {"client": ADMIN, "kind": "policies", **authz.policy(policy), "id": policy["id"]}
            key = self.key(entry)
            if key in keys:
                if policy["type"] in ("scope", "resource"):
                    path = f"{root}/policy/{policy['id']}"
                    entry["config"]["applyPolicies"] = sorted(one["name"] for one in server.api.get(f"{path}/associatedPolicies") or [])
                    entry["config"]["scopes"] = sorted(one["name"] for one in server.api.get(f"{path}/scopes") or [])
                    there = server.api.get(f"{path}/resources") or []
                    wanted = (declared.get(key, {}).get("config") or {}).get("resources") or []
                    kind = entry["config"].get("defaultResourceType", "")
                    entry["config"]["resources"] = sorted(names.resource(kind, str(one["name"]), wanted) for one in there)
                elif policy["type"] == "aggregate":
                    there = server.api.get(f"{root}/policy/{policy['id']}/associatedPolicies") or []
                    entry["config"]["applyPolicies"] = sorted(one["name"] for one in there)
                entry["config"] = names.config(entry["config"])
            result.append(entry)
        return sorted(result, key=authz.last_first)

    def _write(self, server: Session, entry: Entry, current: Entry | None) -> None:
        root = self._root(server, str(entry["client"]))
        kind = entry["kind"]
        if kind == "settings":
            whole = server.api.get(root)
            server.api.put(root, {**whole, **{key: entry[key] for key in authz.SETTINGS if key in entry}})
            return
        identifier = self._find(server, root, entry) if current is not None else ""
        if kind == "policies":
            body = authz.typed(entry)
            if entry["client"] == ADMIN:
                body = Names(server).resolved(body)
            collection = f"{root}/{'permission' if entry['type'] in ('scope', 'resource') else 'policy'}/{quote(entry['type'])}"
        else:
            body = {key: value for key, value in entry.items() if key not in ("client", "kind", "id")}
            body["scopes"] = [{"name": name} for name in entry.get("scopes") or []]
            if kind == "scopes":
                del body["scopes"]
            collection = f"{root}/{authz.PATHS[kind]}"
        if identifier:
            server.api.put(f"{collection}/{identifier}", {**body, "_id" if kind == "resources" else "id": identifier})
        else:
            server.api.post(collection, body)

    def _find(self, server: Session, root: str, entry: Entry) -> str:
        found = server.api.find(f"{root}/{authz.PATHS[entry['kind']]}/search", name=entry["name"]) or {}
        return str(found.get("id") or found.get("_id") or "")

    def _root(self, server: Session, client: str) -> str:
        identifier = self._client(server, client)
        if not identifier:
            raise EngineError(f"client {client} is not there: declare it in clients, with authorizationServicesEnabled: true")
        return _SERVER.format(identifier)

    @staticmethod
    def _client(server: Session, client: str) -> str:
        known = server.id_of("clients", client)
        if known is None:
            found = server.api.get("/clients", clientId=client) or []
            known = str(found[0]["id"]) if found else ""
        return known
