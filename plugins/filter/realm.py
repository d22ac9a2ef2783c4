# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters over Keycloak's realm documents: what an inventory adds, and the secrets of clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

# By what the objects in a list are known; the first key that all of them have counts.
NAMES = ("clientId", "username", "alias", "name", "client", "clientScope")


def realm_merged(document: Any, extra: Any) -> dict[str, Any]:
    """Returns a realm with another merged into it: maps by key, lists of named objects by name, everything else replaced."""
    for what in (document, extra):
        if not isinstance(what, Mapping):
            raise AnsibleFilterError(f"realm_merged: a realm is a map of settings, not {type(what).__name__}; see keycloak_realm_config")
    merged: dict[str, Any] = _merged(document, extra)
    return merged


def realm_secrets(document: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Returns a realm in which the clients named in secrets have theirs, unless they say one themselves."""
    clients = [{"secret": secrets[client["clientId"]], **client} if client.get("clientId") in secrets else client for client in document.get("clients") or []]
    return {**document, "clients": clients} if clients else dict(document)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    name = _name(old, new)
    if not name:
        return new
    added = {item[name]: item for item in new}
    kept = [_merged(item, added.pop(item[name], {})) for item in old]
    return [*kept, *added.values()]


def _name(old: Any, new: Any) -> str:
    """The key by which two lists are merged; none where they are no lists of named objects."""
    if not all(isinstance(value, (list, tuple)) and value and all(isinstance(item, Mapping) for item in value) for value in (old, new)):
        return ""
    return next((key for key in NAMES if all(key in item for item in (*old, *new))), "")


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"realm_merged": realm_merged, "realm_secrets": realm_secrets}
