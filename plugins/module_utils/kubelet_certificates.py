# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests for kubelet serving certificates may be approved.

Kubernetes approves client certificates of kubelets by itself, never serving certificates: somebody has to check the names
(https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#certificate-rotation).
"""

from __future__ import annotations

import base64
import typing as t

SIGNER = "kubernetes.io/kubelet-serving"
USAGES = {"digital signature", "key encipherment", "server auth"}


Csr = dict[str, t.Any]


class Request(t.NamedTuple):
    """What a certificate request asks for.

    :ivar common_name: the subject's CN.
    :ivar organizations: the subject's O.
    :ivar names: DNS names and IP addresses.
    """

    common_name: str
    organizations: list[str]
    names: set[str]


class Verdict(t.NamedTuple):
    """What becomes of the requests that nobody has decided on.

    :ivar approve: they name what is the node's own.
    :ivar outdated: they do not, but a newer one of the same node does; each with why.
    :ivar refuse: they do not, and nothing excuses them; each with why.
    """

    approve: list[Csr]
    outdated: list[tuple[Csr, str]]
    refuse: list[tuple[Csr, str]]


def node_of(csr: Csr) -> str:
    """The node that made a request."""
    return csr["spec"].get("username", "").removeprefix("system:node:")


def serving(csrs: list[Csr]) -> list[Csr]:
    """Requests for serving certificates, the oldest first."""
    return sorted((csr for csr in csrs if csr["spec"]["signerName"] == SIGNER), key=lambda csr: csr["metadata"].get("creationTimestamp", ""))


def judge(csrs: list[Csr], nodes: dict[str, set[str]], read: t.Callable[[Csr], Request] | None = None) -> Verdict:
    """Decides on each request that is pending; pure.

    A node that was started anew may have another address: what it asked for before is never answered, and never withdrawn either.

    :param nodes: names and addresses of each node, by node.
    :param read: reads the request's own content.
    """
    verdict = Verdict([], [], [])
    in_order: set[str] = set()  # who has a later request that is
    for csr in reversed(serving(csrs)):
        user = csr["spec"].get("username", "")
        decided = {entry["type"] for entry in csr.get("status", {}).get("conditions") or []}
        why_not = "" if decided else objection(csr, (read or parse)(csr), nodes)
        if why_not:
            (verdict.outdated if user in in_order else verdict.refuse).append((csr, why_not))
        elif not decided:
            verdict.approve.append(csr)
        if "Approved" in decided or not (decided or why_not):
            in_order.add(user)
    return verdict


def parse(csr: Csr) -> Request:
    """Reads the PKCS #10 request of a CertificateSigningRequest."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    request = x509.load_pem_x509_csr(base64.b64decode(csr["spec"]["request"]))
    names: set[str] = set()
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            for entry in extension.value:
                names.add(str(entry.value) if isinstance(entry, (x509.DNSName, x509.IPAddress)) else f"unexpected {entry!r}")
    (common_name,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = [str(part.value) for part in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return Request(str(common_name.value), organizations, names)


def objection(csr: Csr, request: Request, nodes: dict[str, set[str]]) -> str:
    """Why a request may not be approved, or an empty string; pure.

    :param nodes: names and addresses of each node, by node.
    """
    user = csr["spec"].get("username", "")
    node = node_of(csr)
    if not user.startswith("system:node:") or node not in nodes:
        return f"asked by {user}, which is no node of this cluster"
    if request.common_name != user or request.organizations != ["system:nodes"]:
        return f"asks for the subject {request.common_name}, not its own"
    if set(csr["spec"].get("usages", [])) - USAGES:
        return "asks for more than serving"
    strange = request.names - nodes[node]
    if strange or not request.names:
        return f"asks for {', '.join(sorted(strange)) or 'no names'}, which node {node} does not have"
    return ""
