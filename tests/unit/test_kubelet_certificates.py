# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests for kubelet serving certificates are approved."""

from __future__ import annotations

import base64
import ipaddress

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import kubelet_certificates as certificates
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NODES = {"mlops-worker": {"mlops-worker", "10.89.0.5"}}


def csr(user: str = "system:node:mlops-worker", **changes: object) -> dict:
    spec = {"signerName": certificates.SIGNER, "username": user, "usages": ["digital signature", "server auth"], **changes}
    return {"metadata": {"name": "csr-1"}, "spec": spec}


def request(common_name: str = "system:node:mlops-worker", organizations: tuple[str, ...] = ("system:nodes",), names: set[str] | None = None):
    return certificates.Request(common_name, list(organizations), {"mlops-worker", "10.89.0.5"} if names is None else names)


@pytest.mark.parametrize(
    ("asked", "wanted", "words"),
    [
        (csr(), request(), ""),
        (csr("system:node:stranger"), request("system:node:stranger"), "no node of this cluster"),
        (csr("somebody"), request("somebody"), "no node of this cluster"),
        (csr(), request("system:node:other"), "not its own"),
        (csr(), request(organizations=("system:masters",)), "not its own"),
        (csr(usages=["server auth", "client auth"]), request(), "more than serving"),
        (csr(), request(names={"mlops-worker", "kubernetes.default.svc"}), "kubernetes.default.svc"),
        (csr(), request(names=set()), "no names"),
    ],
)
def test_only_a_nodes_own_names(asked: dict, wanted: certificates.Request, words: str) -> None:
    why_not = certificates.objection(asked, wanted, NODES)
    assert words in why_not and bool(words) == bool(why_not)


def test_only_requests_for_serving_certificates_count() -> None:
    other = csr(signerName="kubernetes.io/kube-apiserver-client-kubelet")
    assert certificates.serving([csr(), other]) == [csr()]
    assert certificates.judge([other], NODES) == ([], [], [])


OLD = {"mlops-worker", "10.89.0.4"}  # before the node was started anew


@pytest.mark.parametrize(("first", "later", "expected"), [
    # (names asked for, decision) of an older and a newer request; which of them are approved, outdated, refused
    ((OLD, ""), (None, ""), (["2"], ["1"], [])),
    ((OLD, ""), (None, "Approved"), ([], ["1"], [])),
    ((OLD, ""), (None, "Denied"), ([], [], ["1"])),
    ((OLD, ""), (OLD, ""), ([], [], ["2", "1"])),
    ((None, ""), (OLD, ""), (["1"], [], ["2"])),
    ((None, "Approved"), (OLD, ""), ([], [], ["2"])),
    ((None, ""), (None, ""), (["2", "1"], [], [])),
])
def test_what_a_node_asked_for_before_is_passed_over(first: tuple, later: tuple, expected: tuple) -> None:
    made = []
    for name, (_names, decision) in (("2", later), ("1", first)):
        conditions = [{"type": decision}] if decision else []
        made.append({**csr(), "metadata": {"name": name, "creationTimestamp": f"2026-01-01T00:00:0{name}Z"}, "status": {"conditions": conditions}})
    asked = {"1": request(names=first[0]), "2": request(names=later[0])}
    verdict = certificates.judge(made, NODES, lambda made: asked[made["metadata"]["name"]])

    def names(csrs: list) -> list[str]:
        return [made["metadata"]["name"] for made in csrs]

    assert (names(verdict.approve), names([one for one, _why in verdict.outdated]), names([one for one, _why in verdict.refuse])) == expected


def test_another_ones_request_excuses_nothing() -> None:
    made = [
        {**csr(user), "metadata": {"name": user, "creationTimestamp": time}}
        for user, time in (("mlops-worker", "2026-01-01T00:00:01Z"), ("system:node:mlops-worker", "2026-01-01T00:00:02Z"))
    ]
    assert [why for _csr, why in certificates.judge(made, NODES, lambda _csr: request()).refuse] == ["asked by mlops-worker, which is no node of this cluster"]


def test_a_real_request_is_read() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"), x509.NameAttribute(NameOID.COMMON_NAME, "system:node:n")])
    names = x509.SubjectAlternativeName([x509.DNSName("n"), x509.IPAddress(ipaddress.ip_address("10.89.0.5"))])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
    assert certificates.parse({"spec": {"request": pem}}) == certificates.Request("system:node:n", ["system:nodes"], {"n", "10.89.0.5"})
