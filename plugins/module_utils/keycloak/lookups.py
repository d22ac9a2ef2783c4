# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several families ask of a session before they write: which providers are installed, which names exist or will."""

from __future__ import annotations

from ..engine.errors import RefusedError
from .session import Session

FLOWS = "authenticationFlows"


def installed(server: Session, spi: str) -> frozenset[str]:
    """Names of the providers of a kind; empty where this account may not know."""
    try:
        info = server.serverinfo()
    except RefusedError:
        return frozenset()
    return frozenset(((info.get("providers") or {}).get(spi) or {}).get("providers") or {})


def component_types(server: Session, kind: str) -> frozenset[str]:
    """As installed, for a type of component."""
    try:
        info = server.serverinfo()
    except RefusedError:
        return frozenset()
    return frozenset(str(found["id"]) for found in (info.get("componentTypes") or {}).get(kind) or [])


def flow_aliases(server: Session) -> set[str]:
    """Flows of the document and of the server; empty before there is a realm, for what it begins with is not known."""
    if not server.realm:
        return set()
    there = server.names(FLOWS) or {str(flow["alias"]) for flow in server.api.get("/authentication/flows") or []}
    return there | {str(flow.get("alias")) for flow in server.declared.get(FLOWS) or []}
