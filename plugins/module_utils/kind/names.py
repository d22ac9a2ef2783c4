# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and labels by which the platform knows its own things on a machine."""

from __future__ import annotations

import re

CLUSTER_LABEL = "mlops.platform/cluster"  # on a container network: the cluster of that name is the platform's
KIND_CLUSTER_LABEL = "io.x-k8s.kind.cluster"
KIND_ROLE_LABEL = "io.x-k8s.kind.role"
IMAGE_PREFIX = "localhost/mlops-platform/"
NETWORK_PREFIX = "mlops-"
GUARD_TABLE = "mlops_platform"  # nftables
CREATED_MARK = "/kind/mlops-platform-created"  # in the control plane's node: creation ran to its end
ANY_ADDRESS = "0.0.0.0"  # what an engine says of a port that is open on every address
PROVIDERS = ("podman", "docker")
NAME_RULE = "a cluster's name is up to 40 lower-case letters, digits and dashes, with a letter or digit at both ends"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def network_of(name: str) -> str:
    """The container network of a cluster."""
    return NETWORK_PREFIX + name


def valid(name: str) -> bool:
    """Whether kind, both engines and a host name take this name of a cluster."""
    return _NAME.fullmatch(name) is not None


def is_node_of(container: str, name: str) -> bool:
    """Whether kind gives this name to a node of the cluster."""
    return re.fullmatch(rf"{re.escape(name)}-(control-plane|worker)\d*", container) is not None
