# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as people read it: changed fields only, as YAML, without a secret."""

from __future__ import annotations

import json
import typing as t

from .compare import Change, Json
from .plan import Action, Plan
from .secrets import HIDDEN, redacted


def _dump(document: Json) -> str:
    try:
        import yaml
    except ImportError:  # a bare target; JSON is YAML too
        return json.dumps(document, indent=2, sort_keys=True, default=str) + "\n"
    return yaml.safe_dump(document, default_flow_style=False, allow_unicode=True, width=160)


def _side(changes: t.Sequence[Change], before: bool, keys: t.Collection[str]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for change in changes:
        value = change.before if before else change.after
        if change.secret:
            value = None if value is None and not (before and change.unknown) else HIDDEN + ("" if before else " (new)")
        else:
            value = redacted(value, keys, change.path[-1])
        if value is None:
            continue
        target = result
        for step in change.path[:-1]:
            target = target.setdefault(step, {})
        target[change.path[-1]] = value
    return result


def diff(plan: Plan, limit: int) -> dict[str, str]:
    """Ansible's diff of a plan: one document with an entry per object.

    :param limit: length of either side, in characters; what is longer is cut and says so.
    """
    sides = []
    for before in (True, False):
        document: dict[str, Json] = {}
        for action in plan.actions:
            title = f"{action.family.name}/{action.name}"
            if action.verb == "delete":
                if before:
                    document[title] = "present"
            elif action.verb != "create" or not before:
                document[title] = _side(action.changes, before, action.family.rules.secrets) or (None if before else {"ansible.owner": _owner(action)})
        text = _dump({key: value for key, value in document.items() if value is not None}) if document else ""
        sides.append(text if len(text) <= limit else text[:limit] + f"# … {len(text) - limit} more characters: raise diff_limit to see them\n")
    return {"before": sides[0], "after": sides[1], "before_header": "server", "after_header": "declared"}


def _owner(action: Action) -> str:
    return action.mark.owner if action.mark else ""
