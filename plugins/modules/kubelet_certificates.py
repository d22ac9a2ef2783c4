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
    and refuses to go on with any other. Only what a node asked for before a request that is in order is passed over, with a warning -
    its address was another one then.
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
GRACE = 20.0  # seconds in which a node that was started anew tells its new address, and asks for a certificate for it


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
        verdict = wait(module, api)
        approved = [certificates.node_of(csr) for csr in verdict.approve]
        for csr in [] if module.check_mode else verdict.approve:
            csr.setdefault("status", {})["conditions"] = [
                {"type": "Approved", "status": "True", "reason": "OwnNames", "message": "names and addresses are the node's own"}
            ]
            api.request("PUT", f"{CSRS}/{csr['metadata']['name']}/approval", csr)
    except KubeError as exc:
        module.fail_json(msg=f"kubelet_certificates: {exc}: check that the cluster's nodes run, then run again")
    for csr, why in verdict.outdated:
        module.warn(f"request {csr['metadata']['name']} {why}; the node has made a newer one that is in order, so this one is left to expire")
    module.exit_json(changed=bool(approved), approved=sorted(approved))


def wait(module: AnsibleModule, api: Client) -> certificates.Verdict:
    """Waits until every node has asked for a certificate, or has one, and for none that it may not have."""
    began = time.monotonic()
    while True:
        nodes = {
            node["metadata"]["name"]: {node["metadata"]["name"], *(entry["address"] for entry in node["status"].get("addresses", []))}
            for node in api.get("/api/v1/nodes")["items"]
        }
        csrs = certificates.serving(api.get(CSRS)["items"])
        verdict = certificates.judge(csrs, nodes)
        silent = nodes.keys() - {certificates.node_of(csr) for csr in csrs}
        silent = {name for name in silent if not serves(api, name)}  # requests are forgotten an hour after they were answered
        waited = time.monotonic() - began
        if verdict.refuse and (module.check_mode or waited > min(GRACE, module.params["timeout"])):
            csr, why_not = verdict.refuse[0]
            name = csr["metadata"]["name"]
            module.fail_json(msg=f"kubelet_certificates: request {name} {why_not}: deny it and find out who made it (kubectl certificate deny {name})")
        if module.check_mode or not (silent or verdict.refuse):
            return verdict
        if waited > module.params["timeout"]:
            module.fail_json(
                msg=f"kubelet_certificates: {', '.join(sorted(silent))} asked for no serving certificate within {module.params['timeout']} s: "
                "look at the kubelet's log on that node (journalctl -u kubelet)"
            )
        time.sleep(0.5)


if __name__ == "__main__":
    main()
