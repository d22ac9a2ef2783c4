# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The object modules of MLflow: which options describe an object, and where it stands in a document."""

from __future__ import annotations

import functools
import typing as t

from ..engine import options, runner
from ..engine.door import Call, Door, Result
from ..engine.family import Entry, Family
from ..engine.objects import FLAG, MAP, MAPS, SECRET, TEXT, TEXTS, WHOLE, Kind, both, names, one_list, voice
from .aliases import ModelAliases
from .arguments import CONNECTION, CONSTRAINTS, CONTENT, WRITING, overridden, placed, session
from .families import everything
from .permissions.model import LEVELS

GATEWAY = ("secret", "model_definition", "endpoint", "budget", "guardrail")


def _gateway(entries: list[Entry]) -> Entry:
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        parts.setdefault(f"{entry['kind']}s", []).append({key: value for key, value in entry.items() if key != "kind"})
    return {"gateway": parts} if parts else {}


def _gateway_lacks(entry: Entry) -> list[str]:
    """A budget has no name: what it limits, and for how long, tells it apart."""
    if entry.get("kind") != "budget":
        return [] if entry.get("name") else ["name"]
    needed = ["target_scope"] + (["target_value"] if entry.get("target_scope") in ("ENDPOINT", "USER") else [])
    duration = entry.get("duration")
    missing = [key for key in needed if not entry.get(key)]
    missing += [f"duration.{key}" for key in ("value", "unit") if not (isinstance(duration, dict) and duration.get(key))]
    return [f"settings.{key}" for key in missing]


def _grant_lacks(entry: Entry) -> list[str]:
    return [] if entry.get("user") or entry.get("role") else ["user or role"]


# An object may name its workspace in its settings.
_PLACED = ("workspace",)

KINDS: dict[str, Kind] = {
    "mlflow_workspace": Kind(
        one_list("workspaces"),
        ("name",),
        {"name": TEXT, "description": TEXT, "default_artifact_root": TEXT, "trace_archival_config": MAP},
    ),
    "mlflow_experiment": Kind(
        one_list("experiments"),
        ("name",),
        {"name": TEXT, "rename_from": TEXT, "description": TEXT, "tags": MAP, "artifact_location": TEXT},
        keys=_PLACED,
    ),
    "mlflow_registered_model": Kind(
        one_list("registered_models"),
        ("name",),
        {"name": TEXT, "rename_from": TEXT, "description": TEXT, "tags": MAP, "aliases": MAP, "versions": MAPS},
        keys=_PLACED,
    ),
    "mlflow_model_alias": Kind(
        one_list(ModelAliases.name),
        ("name", "model"),
        {"name": TEXT, "model": TEXT, "version": TEXT},
        keys=_PLACED,
        lacks=lambda entry: [] if entry.get("model") else ["model"],
    ),
    "mlflow_prompt": Kind(
        one_list("prompts"),
        ("name",),
        {"name": TEXT, "template": {"type": "raw"}, "commit_message": TEXT, "description": TEXT, "tags": MAP, "version_tags": MAP, "aliases": MAP},
        keys=_PLACED,
    ),
    "mlflow_webhook": Kind(
        one_list("webhooks"),
        ("name",),
        {
            "name": TEXT,
            "target_url": TEXT,
            "events": TEXTS,
            "description": TEXT,
            "status": {"type": "str", "choices": ["ACTIVE", "DISABLED"]},
            "secret": SECRET,
        },
        {"target_url": "url"},
        keys=_PLACED,
    ),
    "mlflow_gateway": Kind(
        _gateway,
        ("kind", "name"),
        {"kind": {"type": "str", "choices": list(GATEWAY)}, "name": TEXT},
        keys=(*_PLACED, "target_scope", "target_value", "duration", "budget_unit"),
        lacks=_gateway_lacks,
    ),
    "mlflow_user": Kind(
        one_list("users"),
        ("name",),
        {"name": TEXT, "user_password": SECRET, "is_admin": FLAG, "display_name": TEXT, "is_service_account": FLAG, "active": FLAG},
        {"name": "username", "user_password": "password"},
    ),
    "mlflow_role": Kind(
        one_list("roles"),
        ("name",),
        {"name": TEXT, "description": TEXT, "members": TEXTS, "permissions": MAPS},
        keys=_PLACED,
    ),
    "mlflow_grant": Kind(
        one_list("grants"),
        ("resource_type", "user", "role", "resource", "regex"),
        {
            "user": TEXT,
            "role": TEXT,
            "resource_type": TEXT,
            "resource": TEXT,
            "regex": TEXT,
            "priority": WHOLE,
            "permission": {"type": "str", "choices": list(LEVELS)},
        },
        keys=_PLACED,
        lacks=_grant_lacks,
    ),
}


def _families() -> list[Family[t.Any]]:
    return [*everything(), ModelAliases()]


def _run(kind: Kind, call: Call) -> Result:
    params = call.params
    present, absent = kind.declared(params)
    families = options.with_secret_paths(_families(), params["secret_paths"])
    gone = names(families, placed(params, kind.place(absent)))
    server = session(params, families, in_loop=call.in_loop)
    return runner.run(server, options.request(call, placed(params, kind.place(present)), absent=gone), voice(call, present + absent))


def door(name: str) -> Door:
    """The door of an object module."""
    kind = KINDS[name]
    content = CONTENT if name == "mlflow_workspace" else {}
    return Door(
        name,
        kind.spec({**CONNECTION, **WRITING, **content}),
        functools.partial(_run, kind),
        both(CONSTRAINTS, kind.constraints()),
        secret_keys=options.secret_keys(_families()),
        overridden=overridden,
    )
