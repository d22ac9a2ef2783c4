# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which any server is reached; who logs in is each product's own. Documented in doc_fragments/connection.py."""

from __future__ import annotations

import typing as t

from ..kube import port_forward
from ..kube.client import KubeError
from .errors import UnreachableError
from .http import Settings

CONNECTION: dict[str, dict[str, t.Any]] = {
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "float", "default": 30.0},
    "retries": {"type": "int", "default": 3},
    "retry_delay": {"type": "float", "default": 0.5},
    "http_agent": {"type": "str", "default": "mlops.platform"},
    "extra_headers": {"type": "dict", "default": {}, "no_log": True},
    "proxy": {"type": "str", "no_log": True},  # it may hold a password
    "port_forward": {
        "type": "dict",
        "options": {
            "kubeconfig": {"type": "path"},
            "context": {"type": "str"},
            "namespace": {"type": "str", "required": True},
            "selector": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
        },
    },
}


def without_environment(spec: t.Mapping[str, t.Any], options: t.Collection[str]) -> dict[str, t.Any]:
    """An argument_spec in which the environment has no say in these options."""
    return {name: {key: value for key, value in option.items() if key != "fallback"} if name in options else option for name, option in spec.items()}


def settings_of(params: t.Mapping[str, t.Any], url: str) -> Settings:
    """How the server is reached, from a module's options."""
    headers = {"User-Agent": params.get("http_agent") or "mlops.platform", **(params.get("extra_headers") or {})}
    return Settings(
        url=url,
        timeout=params["timeout"],
        retries=params["retries"],
        retry_delay=params["retry_delay"],
        validate_certs=params["validate_certs"],
        ca_path=params.get("ca_path") or "",
        client_cert=params.get("client_cert") or "",
        client_key=params.get("client_key") or "",
        proxy=params.get("proxy") or "",
        headers=tuple((str(name), str(value)) for name, value in headers.items()),
        dial=_dial(params["port_forward"]) if params.get("port_forward") else None,
    )


def _dial(forward: t.Mapping[str, t.Any]) -> t.Callable[[float], t.Any]:
    target = port_forward.Target(forward.get("kubeconfig"), forward.get("context"), forward["namespace"], forward["selector"], forward["port"])

    def dial(timeout: float) -> port_forward.Forwarded:
        try:
            return port_forward.opened(target, timeout)
        except KubeError as exc:
            raise UnreachableError(f"no way to port {target.port} of the pods with {target.selector} in namespace {target.namespace}: {exc}") from exc

    return dial
