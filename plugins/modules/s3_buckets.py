#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: s3_buckets
short_description: Make buckets in an object store that runs in the cluster
version_added: 0.1.0
description:
  - Makes the buckets that are missing. Buckets that are there, and what is in them, are left alone, and none is ever removed.
  - Reaches the object store by a port forwarded through the API server, so that no port of it need be open to the outside and
    no NetworkPolicy need admit it.
author: The mlops.platform authors (@mlops-platform)
requirements:
  - kubernetes
options:
  kubeconfig:
    description: Kubeconfig of the cluster.
    type: path
    required: true
  context:
    description: Context in O(kubeconfig).
    type: str
    required: true
  namespace:
    description: Namespace of the pod.
    type: str
    required: true
  pod:
    description: Pod of the object store.
    type: str
    required: true
  port:
    description: The pod's S3 port.
    type: int
    default: 8333
  access_key:
    description: Access key of an identity that may make buckets.
    type: str
    required: true
  secret_key:
    description: Its secret key.
    type: str
    required: true
  region:
    description: Region that requests are signed for.
    type: str
    default: us-east-1
  buckets:
    description: Names of the buckets.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait for each answer.
    type: float
    default: 20
attributes:
  check_mode:
    support: full
    description: Buckets are looked for. Where the pod does not run yet, all of them count as missing.
  diff_mode:
    support: none
    description: A bucket has nothing to compare; RV(created) lists what was missing.
"""

EXAMPLES = r"""
- name: Make the buckets that are missing
  mlops.platform.s3_buckets:
    kubeconfig: "{{ platform_kubeconfig }}"
    context: "{{ platform_context }}"
    namespace: platform-storage
    pod: seaweedfs-0
    access_key: "{{ credentials.AWS_ACCESS_KEY_ID }}"
    secret_key: "{{ credentials.AWS_SECRET_ACCESS_KEY }}"
    buckets: [mlflow]
"""

RETURN = r"""
created:
  description: Buckets that were missing.
  returned: success
  type: list
  elements: str
"""

import contextlib
import http.client
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.mlops.platform.plugins.module_utils.s3 import S3, Credentials, S3Error, ensure_buckets

try:
    import kubernetes.client
    import kubernetes.config
    import kubernetes.stream

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()


class ForwardedConnection(http.client.HTTPConnection):
    """HTTP over a port of a pod; each connection is forwarded on its own."""

    def __init__(self, open_socket: t.Callable[[], t.Any], timeout: float) -> None:
        super().__init__("pod", timeout=timeout)
        self._open_socket, self._seconds = open_socket, timeout

    def connect(self) -> None:
        self.sock = self._open_socket()
        self.sock.settimeout(self._seconds)


def forwarder(api: t.Any, options: dict[str, t.Any]) -> t.Callable[[], t.Any]:
    """Opens the pod's port through the API server."""

    def open_socket() -> t.Any:
        forward = kubernetes.stream.portforward(
            api.connect_get_namespaced_pod_portforward,
            options["pod"],
            options["namespace"],
            ports=str(options["port"]),
            _request_timeout=options["timeout"],
        )
        return forward.socket(options["port"])

    return open_socket


def pod_runs(api: t.Any, options: dict[str, t.Any]) -> bool:
    """Whether the pod is there and runs."""
    try:
        pod = api.read_namespaced_pod(options["pod"], options["namespace"], _request_timeout=options["timeout"])
    except kubernetes.client.ApiException as exc:
        if exc.status == 404:
            return False
        raise
    return pod.status.phase == "Running"


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "required": True},
            "context": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "pod": {"type": "str", "required": True},
            "port": {"type": "int", "default": 8333},
            "access_key": {"type": "str", "required": True, "no_log": True},
            "secret_key": {"type": "str", "required": True, "no_log": True},
            "region": {"type": "str", "default": "us-east-1"},
            "buckets": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 20},
        },
        supports_check_mode=True,
    )
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("kubernetes"), exception=IMPORT_ERROR)
    options = module.params
    where = f"{options['namespace']}/{options['pod']} port {options['port']}"
    credentials = Credentials(options["access_key"], options["secret_key"], options["region"])
    missing = list(options["buckets"])
    try:
        api = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(options["kubeconfig"], context=options["context"]))
        if not module.check_mode or pod_runs(api, options):
            with contextlib.closing(ForwardedConnection(forwarder(api, options), options["timeout"])) as connection:
                missing = ensure_buckets(S3(connection, options["pod"], credentials), options["buckets"], module.check_mode)
    except S3Error as exc:
        module.fail_json(msg=f"Buckets of {where}: {exc}. See the pod's log: kubectl -n {options['namespace']} logs {options['pod']}")
    except (kubernetes.client.ApiException, kubernetes.config.ConfigException, OSError) as exc:
        reason = str(getattr(exc, "reason", None) or exc).strip().splitlines()[0]
        module.fail_json(msg=f"Buckets of {where}: the port cannot be forwarded through the API server ({reason}). Is the pod running?")
    module.exit_json(changed=bool(missing), created=missing)


if __name__ == "__main__":
    main()
