# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules of every product share, and what the engine makes of them. Documented in doc_fragments/engine.py."""

from __future__ import annotations

import copy
import re
import typing as t

from .door import Call, Params
from .errors import InvalidError
from .family import Entry, Family
from .plan import Options
from .runner import Request

# How objects are written: every module that writes has them, and `parallel` with its product's own default.
WRITING: dict[str, dict[str, t.Any]] = {
    "mode": {"type": "str", "choices": ["merge", "exact"], "default": "merge"},
    "adopt": {"type": "str", "choices": ["unmarked", "any"], "default": "unmarked"},
    "verify": {"type": "bool", "default": True},
    "diff_limit": {"type": "int", "default": 20000},
    "update_secret": {"type": "str", "choices": ["on_create", "if_changed", "always"], "default": "if_changed", "no_log": False},
    "secret_hash_key": {"type": "str", "no_log": True},
    "secret_paths": {"type": "list", "elements": "str", "default": [], "no_log": False},
}

# A document: everything that is declared, in one task.
DOCUMENT: dict[str, dict[str, t.Any]] = {
    "config": {"type": "dict"},
    "config_file": {"type": "path"},
    "owner": {"type": "str", "default": "mlops.platform"},
    "prune": {"type": "raw", "default": "none"},
    "protect": {"type": "list", "elements": "str", "default": []},
    "max_deletes": {"type": "str", "default": "20%"},
    "families": {"type": "list", "elements": "str", "default": []},
    "fail_on_drift": {"type": "bool", "default": False},
    **WRITING,
}
DOCUMENT_CONSTRAINTS: dict[str, t.Any] = {
    "mutually_exclusive": [("config", "config_file")],
    "required_one_of": [("config", "config_file")],
}
DOCUMENT_FILES = {"config_file": "config"}

_POLICIES = ("none", "owned", "all")
_LIMIT = re.compile(r"\d+|\d+(\.\d+)?%")


def prune_of(params: Params, families: t.Sequence[Family], document: Entry) -> dict[str, str]:
    """What to do with objects that are no longer declared, per family.

    One word counts for every family; `all` only for those that the document names, for a family that it does not mention says nothing.

    :raises InvalidError: for a word or a family that there is not.
    """
    given = params.get("prune") or "none"
    known = {family.name: family for family in families}
    if isinstance(given, str):
        named = known if given != "all" else {name: family for name, family in known.items() if family.entries(document)}
        given = dict.fromkeys(named, given)
    if not isinstance(given, dict):
        raise InvalidError(["prune is neither one word nor a map from families to one: give none, owned or all"])
    wrong = [f"prune: {name} is no family: known are {', '.join(sorted(known))}" for name in given if name not in known]
    wrong += [f"prune: {policy!r} is not one of {', '.join(_POLICIES)}" for policy in sorted({str(policy) for policy in given.values()} - set(_POLICIES))]
    if wrong:
        raise InvalidError(wrong)
    return {name: str(policy) for name, policy in given.items() if policy != "none"}


def options_of(params: Params, prune: t.Mapping[str, str] | None = None) -> Options:
    """Module options as the planner takes them.

    :raises InvalidError: for what is not a number where one is needed.
    """
    wrong = []
    limit = str(params.get("max_deletes") or "0").strip()
    if not _LIMIT.fullmatch(limit):
        wrong.append(f"max_deletes: {limit!r} is neither a number nor a percentage: write it as 5 or 20%")
    if params["parallel"] < 1:
        wrong.append("parallel: fewer than one object at a time cannot be written: give 1 or more")
    if wrong:
        raise InvalidError(wrong)
    return Options(
        mode=params["mode"],
        prune=dict(prune or {}),
        owner=params.get("owner") or "",
        adopt=params["adopt"],
        protect=tuple(params.get("protect") or ()),
        max_deletes=limit,
        update_secret=params["update_secret"],
        secret_key=params.get("secret_hash_key") or "",
    )


def with_secret_paths(families: t.Sequence[Family], paths: t.Sequence[str]) -> list[Family]:
    """The families, with more keys that are secret: of each path, its last step."""
    keys = {path.rpartition(".")[2] for path in paths}
    if not keys:
        return list(families)
    result = []
    for family in families:
        own = copy.copy(family)
        own.rules = family.rules._replace(secrets=family.rules.secrets | keys)  # type: ignore[misc]  # of this run alone
        result.append(own)
    return result


def secret_keys(families: t.Iterable[Family]) -> frozenset[str]:
    """Keys that are secret in any family: for Door.secret_keys."""
    return frozenset(key for family in families for key in family.rules.secrets)


def request(call: Call, document: Entry, *, prune: t.Mapping[str, str] | None = None, absent: t.Mapping[str, t.Collection[str]] | None = None) -> Request:
    """What a module asks of the engine."""
    params = call.params
    return Request(
        document,
        options_of(params, prune),
        absent or {},
        families=tuple(params.get("families") or ()),
        check=call.check,
        verify=params["verify"],
        fail_on_drift=bool(params.get("fail_on_drift")),
        parallel=params["parallel"],
        diff_limit=params["diff_limit"] if call.diff else None,
    )
