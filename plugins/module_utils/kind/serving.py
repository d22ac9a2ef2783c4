# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serving certificates of kubelets: which requests may be approved.

A kubelet asks the cluster's authority for its certificate, so that whoever reads metrics from it can verify it. Kubernetes has no
approver for these requests, for only who made the nodes knows their addresses. Here that is the platform.
"""

from __future__ import annotations

import typing as t

SIGNER = "kubernetes.io/kubelet-serving"
ALLOWED_USAGES = {"digital signature", "key encipherment", "server auth"}


class Request(t.NamedTuple):
    """A certificate signing request.

    :ivar user: who asks, as the API server knows it.
    :ivar common_name: of the certificate, and its organizations.
    :ivar names: DNS names and addresses that the certificate would be valid for.
    :ivar others: kinds of names besides these.
    """

    name: str
    signer: str
    user: str
    groups: frozenset[str]
    usages: frozenset[str]
    common_name: str
    organizations: frozenset[str]
    names: frozenset[str]
    others: int = 0


def refusal(request: Request, nodes: t.Mapping[str, t.Collection[str]]) -> str:
    """Why a request may not be approved; empty when it may.

    :param nodes: names and addresses of each node, as the API knows them.
    """
    node = request.user.removeprefix("system:node:")
    if request.signer != SIGNER:
        return "it is for another signer"
    if node == request.user or "system:nodes" not in request.groups or node not in nodes:
        return f"{request.user} is no node of this cluster"
    if request.common_name != request.user or request.organizations != {"system:nodes"}:
        return "its subject is not the node's"
    if "server auth" not in request.usages or not request.usages <= ALLOWED_USAGES:
        return "its usages are not a server's"
    foreign = sorted(request.names - set(nodes[node]))
    if foreign or request.others or not request.names:
        return f"it names what is not the node's: {', '.join(foreign) or 'nothing, or more than names and addresses'}"
    return ""


def parse(data: t.Any) -> Request:
    """A request from the API's object (of the kubernetes client)."""
    import base64

    from cryptography import x509

    spec = data.spec
    csr = x509.load_pem_x509_csr(base64.b64decode(spec.request))
    subject = {attribute.oid: attribute.value for attribute in csr.subject}
    organizations = frozenset(str(a.value) for a in csr.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME))
    names: set[str] = set()
    others = 0
    try:
        alternatives = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        alternatives = ()  # type: ignore[assignment]
    for alternative in alternatives:
        if isinstance(alternative, (x509.DNSName, x509.IPAddress)):
            names.add(str(alternative.value))
        else:
            others += 1
    return Request(
        data.metadata.name, spec.signer_name, spec.username or "", frozenset(spec.groups or []), frozenset(spec.usages or []),
        str(subject.get(x509.NameOID.COMMON_NAME, "")), organizations, frozenset(names), others,
    )
