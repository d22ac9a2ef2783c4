# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a NetworkPolicy from addresses of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.filter.network import egress_to


def rule(port: int, namespace: str = "") -> dict[str, Any]:
    to = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}]} if namespace else {}
    return {"ports": [{"protocol": "TCP", "port": port}], **to}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://seaweedfs.platform-storage.svc:8333", rule(8333, "platform-storage")),
        ("http://seaweedfs.platform-storage.svc.cluster.local.:8333/", rule(8333, "platform-storage")),
        ({"host": "postgres-rw.platform-storage.svc", "port": 5432}, rule(5432, "platform-storage")),
        ({"host": "pod-0.postgres.platform-storage.svc", "port": "5432"}, rule(5432, "platform-storage")),
        ("https://s3.eu-central-1.amazonaws.com", rule(443)),
        ("http://svc.example.org", rule(80)),
        ({"host": "10.0.0.7", "port": 5432}, rule(5432)),
    ],
)
def test_a_service_is_reached_in_its_namespace_and_anything_else_anywhere(address: Any, expected: dict[str, Any]) -> None:
    assert egress_to(address) == expected


@pytest.mark.parametrize("address", ["", "seaweedfs:8333", "http://host:nonsense", {"host": "db"}, None])
def test_what_is_no_address_is_refused(address: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="egress_to"):
        egress_to(address)
