# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn addresses of the contract into rules of a NetworkPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleFilterError

DEFAULT_PORTS = {"http": 80, "https": 443}


def egress_to(address: Any) -> dict[str, Any]:
    """Returns the egress rule that lets a pod reach an address: a URL, or a map with host and port.

    A Service of the cluster (``name.namespace.svc…``) is reached in its namespace only; any other host may be anywhere.
    """
    host, port = _host_and_port(address)
    rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": port}]}
    namespace = _namespace_of(host)
    if namespace:
        rule["to"] = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}]
    return rule


def _namespace_of(host: str) -> str:
    parts = host.rstrip(".").split(".")
    return parts[-parts[::-1].index("svc") - 2] if "svc" in parts[2:] else ""


def _host_and_port(address: Any) -> tuple[str, int]:
    if isinstance(address, Mapping):
        host, port = address.get("host"), address.get("port")
    else:
        try:
            parts = urlsplit(str(address))
            host, port = parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
        except ValueError as exc:
            raise AnsibleFilterError(f"egress_to: {address!r} is no address: {exc}") from exc
    if not host or not port:
        raise AnsibleFilterError(f"egress_to: {address!r} has no host and port; give a URL, or a map with host and port")
    return str(host), int(port)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"egress_to": egress_to}
