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


def test_pending_are_undecided_serving_requests() -> None:
    decided = {**csr(), "status": {"conditions": [{"type": "Approved"}]}}
    assert certificates.pending([csr(), decided, csr(signerName="kubernetes.io/kube-apiserver-client-kubelet")]) == [csr()]


def test_a_real_request_is_read() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"), x509.NameAttribute(NameOID.COMMON_NAME, "system:node:n")])
    names = x509.SubjectAlternativeName([x509.DNSName("n"), x509.IPAddress(ipaddress.ip_address("10.89.0.5"))])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
    assert certificates.parse({"spec": {"request": pem}}) == certificates.Request("system:node:n", ["system:nodes"], {"n", "10.89.0.5"})
