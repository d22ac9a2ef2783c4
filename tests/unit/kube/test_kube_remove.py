# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a component, in which order it goes, and what is said when it does not."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube import remove as subject
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import KubeError, Resource
from ansible_collections.mlops.platform.plugins.module_utils.kube.labels import labels_of


def thing(kind, name, namespace=None, component="web", api_version="v1", **metadata):
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place, "labels": labels_of(component), **metadata}}


@pytest.fixture
def api(api_with):
    return api_with(
        thing("CustomResourceDefinition", "things.example.com", api_version="apiextensions.k8s.io/v1"),
        thing("ClusterRole", "web", api_version="rbac.authorization.k8s.io/v1"),
        thing("Namespace", "web"),
        thing("Namespace", "shared", component="other"),
        thing("Deployment", "web", "web", api_version="apps/v1"),
        thing("ConfigMap", "mine", "shared"),
        thing("ConfigMap", "theirs", "shared", component="other"),
        thing("ConfigMap", "elsewhere", "third"),
        thing("Pod", "owned", "web", ownerReferences=[{"controller": True}]),
        thing("Thing", "t", "web", api_version="example.com/v1"),
    )


def test_everything_of_the_component_and_nothing_else_custom_objects_first(api):
    found = subject.find(api.client, "web", ["web", "shared"])
    assert [item.title for item in found] == [
        "Thing web/t",
        "ConfigMap shared/mine",
        "Deployment web/web",
        "Namespace web",
        "ClusterRole web",
        "CustomResourceDefinition things.example.com",
    ]
    said = []
    subject.Remover(api.client, said.append, 5).remove(found)
    assert said[0] == "removed: Thing web/t"
    assert sorted(path.rpartition("/")[2] for path in api.objects) == ["elsewhere", "owned", "shared", "theirs"]
    assert subject.find(api.client, "web", ["web", "shared"]) == []


def test_what_stays_is_named_with_what_holds_it(api):
    held = api.objects["/apis/example.com/v1/namespaces/web/things/t"]
    held["metadata"].update(finalizers=["example.com/guard"], deletionTimestamp="now")
    api.hook = lambda method, path: (200, {}) if method == "DELETE" else None
    with pytest.raises(KubeError, match=r"still there after -1 s: Thing web/t \(held by example.com/guard\)"):
        subject.Remover(api.client, lambda line: None, -1).remove(subject.find(api.client, "web", ["web"]))
    assert not any("deployments" in line for line in api.writes()), "the next stage has not begun"


def test_a_class_of_gateways_goes_while_its_controller_can_let_go_of_it():
    def stage(group, kind):
        return subject.stage_of(Resource(f"{group}/v1", kind, kind.lower(), False, ("list", "delete")))

    assert stage("gateway.networking.k8s.io", "GatewayClass") == 0
    assert stage("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") == 3
