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
from .arguments import CONNECTION, CONSTRAINTS, CONTENT, placed, session
from .families import everything
from .permissions.model import LEVELS

GATEWAY = ("secret", "model_definition", "endpoint", "budget", "guardrail")


def _gateway(entries: list[Entry]) -> Entry:
    parts: dict[str, list[Entry]] = {}
    for entry in entries:
        parts.setdefault(f"{entry['kind']}s", []).append({key: value for key, value in entry.items() if key != "kind"})
    return {"gateway": parts} if parts else {}


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
    ),
    "mlflow_registered_model": Kind(
        one_list("registered_models"),
        ("name",),
        {"name": TEXT, "rename_from": TEXT, "description": TEXT, "tags": MAP, "aliases": MAP, "versions": MAPS},
    ),
    "mlflow_model_alias": Kind(
        one_list(ModelAliases.name),
        ("name", "model"),
        {"name": TEXT, "model": TEXT, "version": TEXT},
    ),
    "mlflow_prompt": Kind(
        one_list("prompts"),
        ("name",),
        {"name": TEXT, "template": {"type": "raw"}, "commit_message": TEXT, "description": TEXT, "tags": MAP, "version_tags": MAP, "aliases": MAP},
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
    ),
    "mlflow_gateway": Kind(
        _gateway,
        ("kind", "name"),
        {"kind": {"type": "str", "choices": list(GATEWAY)}, "name": TEXT},
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
    ),
}


def _families() -> list[Family[t.Any]]:
    return [*everything(), ModelAliases()]


def _run(kind: Kind, call: Call) -> Result:
    params = call.params
    present, absent = kind.declared(params)
    families = options.with_secret_paths(_families(), params["secret_paths"])
    gone = names(families, placed(params, kind.place(absent)))
    return runner.run(session(params, families), options.request(call, placed(params, kind.place(present)), absent=gone), voice(call, present + absent))


def door(name: str) -> Door:
    """The door of an object module."""
    kind = KINDS[name]
    content = CONTENT if name == "mlflow_workspace" else {}
    return Door(
        name,
        kind.spec({**CONNECTION, **content}),
        functools.partial(_run, kind),
        both(CONSTRAINTS, kind.constraints()),
        secret_keys=options.secret_keys(_families()),
    )
