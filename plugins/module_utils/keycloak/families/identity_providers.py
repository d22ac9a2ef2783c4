# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity providers with their mappers."""

from __future__ import annotations

import typing as t

from ...engine import marks
from ...engine.compare import MASK, Change, Rules, differences, is_mask
from ...engine.family import Entry
from ...engine.http import quote
from ..base import Base
from ..documents import unknown_here, words
from ..lookups import flow_aliases, installed
from ..secret_keys import SECRETS
from ..session import Session

_PATH = "/identity-provider/instances"
_IDS = "mapperIds"
_MAPPER_KEYS = words("config id identityProviderAlias identityProviderMapper name")
_OTHERS = frozenset({"internalId", "organizationId", "types", "updateProfileFirstLoginMode"})  # the last one no release since 24 keeps
# With one of these another, the server could be made to send the old secret elsewhere; it refuses, or forgets the secret.
_SENSITIVE = frozenset({"tokenUrl", "clientId", "clientAuthMethod"})


class IdentityProviders(Base):
    """`identityProviders`, each with its part of `identityProviderMappers`."""

    name = "identityProviders"
    named = "alias"
    known = words(
        """addReadTokenRoleOnCreate alias authenticateByDefault config displayName enabled firstBrokerLoginFlowAlias hideOnLogin internalId linkOnly mappers
        organizationId postBrokerLoginFlowAlias providerId storeToken trustEmail types updateProfileFirstLogin updateProfileFirstLoginMode"""
    )
    rules = Rules(
        ignored=_OTHERS | {_IDS},
        strings=frozenset({"config"}),
        keyed={"mappers": "name"},
        secrets=SECRETS,
        masked=True,
        defaults={"enabled": True, "trustEmail": False, "storeToken": False, "linkOnly": False, "addReadTokenRoleOnCreate": False,
                  "authenticateByDefault": False, "hideOnLogin": False},
    )  # fmt: skip

    def entries(self, document: Entry) -> list[Entry]:
        mappers: dict[str, list[Entry]] = {}
        for mapper in document.get("identityProviderMappers") or []:
            mappers.setdefault(str(mapper.get("identityProviderAlias")), []).append(_bare(mapper))
        result = []
        for provider in document.get(self.name) or []:
            own = [_bare(mapper) for mapper in provider.get("mappers") or []] + mappers.pop(str(provider.get("alias")), [])
            bare = {key: value for key, value in provider.items() if key not in _OTHERS}  # identifiers of the server an export comes from
            result.append({**bare, "mappers": own} if own else bare)
        return result + [{"alias": alias, "mappers": own} for alias, own in mappers.items()]

    def problems(self, entries: t.Sequence[Entry], document: Entry) -> list[str]:
        found = super().problems(entries, document)
        for entry in entries:
            names = [str(mapper.get("name")) for mapper in entry.get("mappers") or []]
            for mapper in entry.get("mappers") or []:
                found += unknown_here(f"{self.name}/{entry.get('alias')}: mapper {mapper.get('name')}: ", mapper, _MAPPER_KEYS)
            found += [
                f"{self.name}: {entry.get('alias')}: mapper {name} is declared twice: merge the two" for name in sorted(set(names)) if names.count(name) > 1
            ]
        return found

    def problems_there(self, entries: t.Mapping[str, Entry], snapshot: t.Mapping[str, t.Mapping[str, Entry]], server: Session) -> list[str]:
        found = []
        for alias, entry in entries.items():
            current = snapshot[self.name].get(alias)
            found += [f"{self.name}: {alias}{problem}" for problem in _wrong_provider(server, entry, current)]
            for key in ("firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"):
                flow = entry.get(key)
                flows = flow_aliases(server) if flow and flow != (current or {}).get(key) else set()
                if flows and flow not in flows:
                    found.append(f"{self.name}: {alias}: {key}: there is no flow {flow}: declare it in authenticationFlows")
            there = {mapper.get("identityProviderMapper") for mapper in (current or {}).get("mappers") or []}
            for mapper in entry.get("mappers") or []:
                kind = mapper.get("identityProviderMapper")
                kinds = installed(server, "identity-provider-mapper") if kind and kind not in there else frozenset()
                if kinds and kind not in kinds:
                    found.append(f"{self.name}: {alias}: mapper {mapper.get('name')}: {kind} is not installed; there are {', '.join(sorted(kinds))}")
            found += _secret_at_risk(self, alias, entry, current)
        return found

    def read(self, server: Session, keys: t.Collection[str]) -> dict[str, Entry]:
        if not server.realm:
            return {}
        result = {}
        for provider in server.api.pages(_PATH, briefRepresentation=False):
            alias = str(provider["alias"])
            if alias in keys:
                mappers = server.api.get(f"{_PATH}/{quote(alias)}/mappers") or []
                provider[_IDS] = {str(mapper["name"]): mapper["id"] for mapper in mappers}
                provider["mappers"] = [_bare(mapper) for mapper in mappers]
            server.learn(self.name, alias, provider.get("internalId") or alias)
            result[alias] = provider
        return result

    def mark(self, server: Session, key: str, current: Entry) -> marks.Mark | None:
        return marks.read(current.get("config"))

    def make(self, server: Session, entry: Entry, mark: marks.Mark | None) -> None:
        first = marks.first(mark, entry, "mappers")
        server.api.post(_PATH, _marked(entry, first))
        alias = self.key(entry)
        found = server.api.get(f"{_PATH}/{quote(alias)}")
        server.learn(self.name, alias, found.get("internalId") or alias)
        for mapper in entry.get("mappers") or []:
            server.api.post(f"{_PATH}/{quote(alias)}/mappers", {"identityProviderAlias": alias, **mapper})
        if first is not mark:
            server.api.put(f"{_PATH}/{quote(alias)}", _marked(found, mark))

    def update(self, server: Session, current: Entry, wanted: Entry, changes: t.Sequence[Change], mark: marks.Mark | None) -> None:
        alias = self.key(wanted)
        path = f"{_PATH}/{quote(alias)}"
        there = current.get(_IDS) or {}
        after = {str(mapper["name"]): mapper for mapper in wanted.get("mappers") or []}
        for name in dict.fromkeys(change.path[1] for change in changes if change.path[0] == "mappers"):
            if name not in after:
                server.api.delete(f"{path}/mappers/{there[name]}")
            elif name in there:
                server.api.put(f"{path}/mappers/{there[name]}", {"identityProviderAlias": alias, **after[name], "id": there[name]})
            else:
                server.api.post(f"{path}/mappers", {"identityProviderAlias": alias, **after[name]})
        if mark is not None or any(change.path[0] != "mappers" for change in changes):
            # What is missing is cleared, and a mask keeps what is there; so the whole goes back.
            server.api.put(path, _marked(wanted, mark))

    def delete(self, server: Session, current: Entry) -> None:
        server.api.delete(f"{_PATH}/{quote(str(current['alias']))}")
        server.forget(self.name, str(current["alias"]))


def _wrong_provider(server: Session, entry: Entry, current: Entry | None) -> list[str]:
    provider, there = entry.get("providerId"), (current or {}).get("providerId")
    if there and provider in (None, there):
        return []
    if there:
        return [f" is of {there} and cannot become one of {provider}: declare it under another alias"]
    known = installed(server, "identity_provider") | installed(server, "social")
    if not provider:
        return [f" has no providerId: name one of {', '.join(sorted(known)) or 'oidc, saml, …'}"]
    return [f": providerId {provider} is not installed; there are {', '.join(sorted(known))}"] if known and provider not in known else []


def _bare(mapper: Entry) -> Entry:
    return {key: value for key, value in mapper.items() if key not in ("id", "identityProviderAlias")}


def _marked(entry: Entry, mark: marks.Mark | None) -> Entry:
    config = {key: value for key, value in (entry.get("config") or {}).items() if value is not None}
    if mark is not None:
        config.update(mark.texts())
    return {**{key: value for key, value in entry.items() if key not in ("mappers", _IDS)}, "config": config}


def _secret_at_risk(family: IdentityProviders, alias: str, entry: Entry, current: Entry | None) -> list[str]:
    there = (current or {}).get("config") or {}
    if current is None or not is_mask(there.get("clientSecret")) or (entry.get("config") or {}).get("clientSecret", MASK) != MASK:
        return []
    moved = sorted({change.path[-1] for change in differences(entry, current, family.rules) if change.path[0] == "config"} & _SENSITIVE)
    if not moved:
        return []
    return [
        f"{family.name}: {alias}: {', '.join(moved)} changes, and the server keeps the client's secret for the old one only: declare config.clientSecret too"
    ]
