# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document module of MLflow."""

from __future__ import annotations

import typing as t

from ..engine import options, runner
from ..engine.door import Call, Door, Result
from . import arguments
from .families import everything


def _run(call: Call) -> Result:
    params = call.params
    families = options.with_secret_paths(everything(), params["secret_paths"])
    document = arguments.placed(params, params["config"])
    prune = options.prune_of(params, families, document)
    return runner.run(arguments.session(params, families, prune), options.request(call, document, prune=prune), call.say)


def door() -> Door:
    """The door of mlflow_config."""
    constraints: dict[str, t.Any] = {key: list(value) for key, value in arguments.CONSTRAINTS.items() if key != "required_by"}
    for key, value in options.DOCUMENT_CONSTRAINTS.items():
        constraints[key] = [*constraints.get(key, []), *value]
    return Door(
        "mlflow_config",
        {**arguments.CONNECTION, **arguments.CONTENT, **arguments.WRITING, **options.DOCUMENT},
        _run,
        {**constraints, "required_by": arguments.CONSTRAINTS["required_by"]},
        secret_keys=options.secret_keys(everything()),
        files=options.DOCUMENT_FILES,
        overridden=arguments.overridden,
    )
