# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components: user federation with its mappers, keys, policies of client registration."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import Change, Json, Rules
from ...engine.family import Entry
from ..base import Base, doubles, plain
from ..documents import unknown_here, words
from ..lookups import component_types
from ..secret_keys import SECRETS
from ..session import Session

USER_PROFILE = "org.keycloak.userprofile.UserProfileProvider"
# Other families have what is in these; of workflows, exports hold the shells alone.
_OTHERS = frozenset({USER_PROFILE, "org.keycloak.models.workflow.WorkflowProvider"})
_TYPE, _SUB = "providerType", "subComponents"
_UNFINISHED = " (ansible.unfinished)"
_FIELDS = words(f"id name parentId providerId {_TYPE} subType config {_SUB}")
# The server sets these where nobody does.
_FILLED = frozenset({"krbPrincipalAttribute", "lastSync"})
# A realm is born with these, or makes them when it needs them; taken out of a document they stay.
_KEYS = "org.keycloak.keys.KeyProvider"
# Of providers that make their keys, Keycloak takes these with a new component only, and never shows them: `kc.sh export` does.
_MAKES_KEYS = "-generated"
_MADE = words("certificate kid keyUse privateKey secret ecdsaPrivateKey ecdsaPublicKey ecdhPrivateKey ecdhPublicKey eddsaPrivateKey eddsaPublicKey")
_REGISTRATION = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"
_BORN = {
    _KEYS: frozenset({"aes-generated", "hmac-generated", "hmac-generated-hs512", "rsa-enc-generated", "rsa-generated"})
    | {f"fallback-{name}" for name in ("RS256", "HS256", "HS512", "AES", "ES256", "RSA-OAEP")},
    _REGISTRATION: frozenset(
        {"Allowed Client Scopes", "Allowed Protocol Mapper Types", "Allowed Registration Web Origins", "Consent Required", "Full Scope Disabled",
         "Max Clients Limit", "Trusted Hosts"}
    ),
}  # fmt: skip


class Components(Base):
    """`components`: a map from type to components, each with those below it in `subComponents`.

    A component is named `type/name`, with its sub-type between where it has one; those below it by their name alone.
    """

    name = "components"
    rules = Rules(
        ignored=frozenset({"id", "parentId", _TYPE, "subType"}),
        string_lists=frozenset({"config"}),
        keyed={_SUB: "name"},
        secrets=SECRETS,
        masked=True,
    )
    registered = True

    def entries(self, document: Entry) -> list[Entry]:
        found = document.get(self.name) or {}
        return [entry for entry in _flat(found) if entry[_TYPE] not in _OTHERS]

    def key(self, entry: Entry) -> str:
        middle = f"{entry['subType']}/" if entry.get("subType") else ""
        return f"{entry[_TYPE]}/{middle}{entry.get('name')}"  # that of a user profile has none

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = []
        for entry in entries:
            for one in [entry, *(entry.get(_SUB) or [])]:
                label = f"{self.name}/{entry[_TYPE]}/{entry.get('name')}"
                found += unknown_here(f"{label}: " if one is entry else f"{label}: {one.get('name')}: ", one, _FIELDS)
                if not one.get("name"):
                    found.append(f"{label}: a component has no name: give it one")
                if not one.get("providerId"):
                    found.append(f"{label}: {one.get('name')} has no providerId: name its provider")
            found += [f"{label}: {name} is declared twice below it: merge the two" for name in doubles(entry.get(_SUB), "name")]
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for key, entry in entries.items():
            current = snapshot[self.name].get(key)
            if current is not None and current.get("providerId") != entry["providerId"]:
                found.append(
                    f"{self.name}: {key} is of {current.get('providerId')} and cannot become one of {entry['providerId']}: declare it under another name"
                )
            elif current is None:
                known = component_types(server, entry[_TYPE])
                if known and entry["providerId"] not in known:
                    found.append(f"{self.name}: {key}: providerId {entry['providerId']} is not installed; there are {', '.join(sorted(known))}")
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        declared = self.declared(server)
        every = server.api.get("/components") or []
        below: dict[str, list[Entry]] = {}
        for one in every:
            one["config"] = _sorted(one.get("config"))
            below.setdefault(str(one.get("parentId")), []).append(one)
        result: dict[str, Entry] = {}
        for one in below.get(str(server.realm["id"]), []):
            if one[_TYPE] in _OTHERS:
                continue
            if below.get(one["id"]):
                one[_SUB] = below[one["id"]]
            key = self.key(one)
            number = 2
            while key in result:  # names need not be unique
                key, number = f"{self.key(one)}#{number}", number + 1
            server.learn(self.name, key, one["id"])
            for name in _FILLED.difference(declared.get(key, {}).get("config") or {}):
                one["config"].pop(name, None)
            one["config"].update(_made(declared.get(key, {})))
            result[key] = one
        return result

    def builtin(self, current: Entry) -> bool:
        return current["name"] in _BORN.get(current[_TYPE], ())

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        body = {"parentId": server.realm["id"], **{key: value for key, value in entry.items() if key != _SUB}}
        if not entry.get(_SUB):
            server.learn(self.name, self.key(entry), server.api.post("/components", body))
            return
        # Federation is born with mappers for its vendor; declared ones take their place. Until they have, it has another name: what a run
        # that was killed left under that one is made anew, for nobody could tell which of its mappers are meant to be there.
        unfinished = {**body, "name": f"{entry['name']}{_UNFINISHED}"}
        left = server.id_of(self.name, self.key(unfinished))
        if left:
            self.delete(server, {"id": left})
        identifier = server.api.post("/components", unfinished)
        server.learn(self.name, self.key(unfinished), identifier)
        born = {str(one["name"]): one for one in server.api.get("/components", parent=identifier) or []}
        for name in sorted(born.keys() - {str(one["name"]) for one in entry[_SUB]}):
            server.api.delete(f"/components/{born[name]['id']}")
        for one in entry[_SUB]:
            there = born.get(str(one["name"]))
            if there is None:
                server.api.post("/components", {**one, "parentId": identifier})
            else:
                server.api.put(f"/components/{there['id']}", {**there, **one, "id": there["id"], "parentId": identifier})
        server.api.put(f"/components/{identifier}", {**body, "id": identifier})
        server.forget(self.name, self.key(unfinished))
        server.learn(self.name, self.key(entry), identifier)

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        identifier = str(current["id"])
        if any(change.path[0] != _SUB for change in changes):
            config = {key: value for key, value in wanted["config"].items() if key not in _made(wanted)}
            server.api.put(f"/components/{identifier}", plain({**{key: value for key, value in wanted.items() if key != _SUB}, "config": config}))
        there = {str(one["name"]): one for one in current.get(_SUB) or []}
        after = {str(one["name"]): one for one in wanted.get(_SUB) or []}
        for name in dict.fromkeys(change.path[1] for change in changes if change.path[0] == _SUB):
            if name not in after:
                server.api.delete(f"/components/{there[name]['id']}")
            elif name in there:
                server.api.put(f"/components/{there[name]['id']}", {**plain(after[name]), "id": there[name]["id"], "parentId": identifier})
            else:
                server.api.post("/components", {**plain(after[name]), "parentId": identifier})

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"/components/{current['id']}")


def _flat(components: Json) -> list[Entry]:
    """A map from type to components as a list of components that know their type."""
    result = []
    for kind, entries in (components or {}).items():
        for entry in entries or []:
            one = {key: value for key, value in entry.items() if key not in ("id", _SUB)}
            one[_TYPE] = kind
            if "config" in one:
                one["config"] = _sorted(one["config"])
            below = _flat(entry.get(_SUB))
            if below:
                one[_SUB] = below
            result.append(one)
    return result


def _sorted(config: Json) -> Json:
    """Lists of values in one order: theirs means nothing."""
    return {key: sorted(value, key=str) if isinstance(value, list) else value for key, value in (config or {}).items()}


def _made(declared: Entry) -> dict[str, Json]:
    """The declared keys of a component that is there: what it made itself stays, whatever an export of another server says."""
    if declared.get(_TYPE) != _KEYS or not str(declared.get("providerId")).endswith(_MAKES_KEYS):
        return {}
    return {key: value if isinstance(value, list) else [value] for key, value in (declared.get("config") or {}).items() if key in _MADE}
