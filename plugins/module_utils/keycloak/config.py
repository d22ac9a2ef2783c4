# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document module of Keycloak."""

from __future__ import annotations

from ..engine import options, runner
from ..engine.door import Call, Door, Result
from . import arguments
from .families import ALL


def _run(call: Call) -> Result:
    params = call.params
    families = options.with_secret_paths(ALL, params["secret_paths"])
    document = params["config"]
    realm = params.get("realm") or str(document.get("realm") or "")
    prune = options.prune_of(params, families, document)
    session = arguments.session_of(params, realm, families, prune)
    session.tells_version = True
    return runner.run(session, options.request(call, document, prune=prune), call.say)


def door() -> Door:
    """The door of keycloak_config."""
    return Door(
        "keycloak_config",
        {**arguments.COMMON, **arguments.REALM, **arguments.WRITING, **options.DOCUMENT},
        _run,
        options.DOCUMENT_CONSTRAINTS,
        secret_keys=options.secret_keys(ALL),
        files=options.DOCUMENT_FILES,
        overridden=arguments.overridden,
    )
