#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_certificates
short_description: Approve the serving certificates of a cluster's own kubelets
version_added: 0.1.0
description:
  - Approves each pending request for a kubelet serving certificate that a node of the cluster made for its own names and addresses,
    and refuses to go on with any other.
  - With these certificates, metrics-server and others can verify a kubelet instead of trusting whatever answers.
author: The mlops.platform authors (@mlops-platform)
options:
  kubeconfig:
    description: Kubeconfig of an administrator of the cluster.
    type: path
    required: true
  context:
    description: Context in O(kubeconfig).
    type: str
    required: true
  timeout:
    description: Seconds to wait until every node has asked at least once.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    description: Says what would be approved.
  diff_mode:
    support: none
    description: A request is approved or not.
requirements: [cryptography]
"""

EXAMPLES = r"""
- name: Let the kubelets serve with certificates of the cluster
  mlops.platform.kubelet_certificates:
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
"""

RETURN = r"""
approved:
  description: Nodes whose requests were approved, or would be.
  returned: success
  type: list
  elements: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.platform.plugins.module_utils import kubelet_certificates as certificates
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import ApiError, Client, KubeError, connect

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


def serves(api: Client, node: str) -> bool:
    """Whether a kubelet answers the API server, so has a certificate already."""
    try:
        api.text(f"/api/v1/nodes/{node}/proxy/healthz")
    except ApiError:
        return False
    return True


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "required": True},
            "context": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        api = connect(module.params["kubeconfig"], module.params["context"])
        deadline = time.monotonic() + module.params["timeout"]
        while True:
            nodes = {
                node["metadata"]["name"]: {node["metadata"]["name"], *(entry["address"] for entry in node["status"].get("addresses", []))}
                for node in api.get("/api/v1/nodes")["items"]
            }
            csrs = api.get(CSRS)["items"]
            asked = {csr["spec"].get("username", "").removeprefix("system:node:") for csr in csrs if csr["spec"]["signerName"] == certificates.SIGNER}
            served = nodes.keys() - asked  # requests are forgotten an hour after they were answered
            served = {name for name in served if serves(api, name)}
            if nodes.keys() <= asked | served or module.check_mode:
                break
            if time.monotonic() > deadline:
                module.fail_json(
                    msg=f"kubelet_certificates: {', '.join(sorted(nodes.keys() - asked - served))} asked for no serving certificate within "
                    f"{module.params['timeout']} s: look at the kubelet's log on that node (journalctl -u kubelet)"
                )
            time.sleep(0.5)
        approved = []
        for csr in certificates.pending(csrs):
            name = csr["metadata"]["name"]
            why_not = certificates.objection(csr, certificates.parse(csr), nodes)
            if why_not:
                module.fail_json(msg=f"kubelet_certificates: request {name} {why_not}: deny it and find out who made it (kubectl certificate deny {name})")
            approved.append(csr["spec"]["username"].removeprefix("system:node:"))
            if not module.check_mode:
                csr.setdefault("status", {})["conditions"] = [
                    {"type": "Approved", "status": "True", "reason": "OwnNames", "message": "names and addresses are the node's own"}
                ]
                api.request("PUT", f"{CSRS}/{name}/approval", csr)
    except KubeError as exc:
        module.fail_json(msg=f"kubelet_certificates: {exc}: check that the cluster's nodes run, then run again")
    module.exit_json(changed=bool(approved), approved=sorted(approved))


if __name__ == "__main__":
    main()
