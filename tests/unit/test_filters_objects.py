# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What labelled and patched make of Kubernetes objects."""

from __future__ import annotations

import copy

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.filter.objects import labelled, patched
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LABELS = {
    "app.kubernetes.io/part-of": "mlops-platform",
    "app.kubernetes.io/managed-by": "ansible",
    "mlops.platform/component": "mlflow",
}


def deployment(**spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "one"}, "spec": spec}


CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "one"}, "data": {"a": "1", "b": "2"}}


def test_labels_are_added_to_those_that_are_there():
    item = copy.deepcopy(CONFIG)
    item["metadata"]["labels"] = {"mine": "yes", "mlops.platform/component": "other"}
    assert labelled([item], "mlflow")[0]["metadata"]["labels"] == {"mine": "yes", **LABELS}


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (deployment(template={"metadata": {"labels": {"app": "web"}}, "spec": {}}), ["template"]),
        (deployment(template={"spec": {}}), ["template"]),
        (
            {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": {}}}}}},
            ["jobTemplate", "spec", "template"],
        ),
    ],
)
def test_pod_templates_are_labelled(item, path):
    before = copy.deepcopy(item)
    result = labelled([item], "mlflow")[0]["spec"]
    for key in path:
        result = result[key]
    assert LABELS.items() <= result["metadata"]["labels"].items()
    assert item == before, "the input is not touched"


def test_a_template_of_something_else_is_left_alone():
    certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "c"}, "spec": {"template": {"x": 1}}}
    assert labelled([certificate], "mlflow")[0]["spec"] == certificate["spec"]


def test_documents_and_lists_are_unpacked():
    assert [item["metadata"]["name"] for item in labelled([None, {}, {"kind": "List", "apiVersion": "v1", "items": [CONFIG]}], "mlflow")] == ["settings"]


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ("text", "expected a list of Kubernetes objects, not str"),
        ([["x"]], "object 1 is not a map but list"),
        ([CONFIG, {"kind": "Secret", "metadata": {"name": "x"}}], "object 2 needs apiVersion, kind and metadata.name; it has kind, metadata"),
    ],
)
def test_what_is_no_object_is_refused(objects, words):
    with pytest.raises(AnsibleFilterError, match=words):
        labelled(objects, "mlflow")


def patch(kind="Deployment", name="web", namespace=None, **rest):
    return {"kind": kind, "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **rest}


CONTAINERS = [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}], "args": ["1", "2"]}, {"name": "b", "image": "b:1"}]


@pytest.mark.parametrize(
    ("spec", "change", "expected"),
    [
        pytest.param({"replicas": 1, "x": {"y": 1}}, {"x": {"z": 2}}, {"replicas": 1, "x": {"y": 1, "z": 2}}, id="maps are merged"),
        pytest.param({"replicas": 1, "x": 2}, {"x": None}, {"replicas": 1}, id="null removes"),
        pytest.param({}, {"x": {"y": None, "z": 1}}, {"x": {"z": 1}}, id="null never appears"),
        pytest.param({"args": ["1", "2"]}, {"args": ["3"]}, {"args": ["3"]}, id="plain lists are replaced"),
        pytest.param({"c": CONTAINERS}, {"c": []}, {"c": []}, id="an empty list empties"),
        pytest.param(
            {"c": CONTAINERS},
            {"c": [{"name": "a", "env": [{"name": "Y", "value": "2"}], "args": ["3"]}]},
            {"c": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "args": ["3"]}, CONTAINERS[1]]},
            id="named items are merged by name",
        ),
        pytest.param({"c": CONTAINERS}, {"c": [{"name": "n", "x": 1}]}, {"c": [*CONTAINERS, {"name": "n", "x": 1}]}, id="new named items are added"),
        pytest.param({"c": CONTAINERS}, {"c": [{"name": "a", "$patch": "delete"}]}, {"c": [CONTAINERS[1]]}, id="named items can be removed"),
        pytest.param(
            {"c": CONTAINERS}, {"c": [{"name": "b", "$patch": "replace", "x": 1}]}, {"c": [CONTAINERS[0], {"name": "b", "x": 1}]}, id="or replaced"
        ),
        pytest.param({}, {"c": [{"name": "a", "$patch": "delete"}, {"name": "b"}]}, {"c": [{"name": "b"}]}, id="directives never appear"),
        pytest.param({"rules": [{"host": "x"}]}, {"rules": [{"host": "y"}]}, {"rules": [{"host": "y"}]}, id="unnamed maps are replaced"),
    ],
)
def test_merging(spec, change, expected):
    objects = [copy.deepcopy(CONFIG), deployment(**copy.deepcopy(spec))]
    before = copy.deepcopy(objects)
    result = patched(objects, [patch(spec=change)])
    assert result[1]["spec"] == expected
    assert result[0] == CONFIG
    assert objects == before, "the input is not touched"


def test_namespace_and_version_narrow_a_patch():
    two = copy.deepcopy(CONFIG)
    two["metadata"]["namespace"] = "two"
    change = {"data": {"a": "9"}}
    assert [item["data"]["a"] for item in patched([CONFIG, two], [patch("ConfigMap", "settings", **change)])] == ["9", "9"]
    assert [item["data"]["a"] for item in patched([CONFIG, two], [patch("ConfigMap", "settings", "two", **change)])] == ["1", "9"]
    with pytest.raises(AnsibleFilterError):
        patched([CONFIG], [patch("ConfigMap", "settings", apiVersion="v2", **change)])


@pytest.mark.parametrize(
    ("patches", "words"),
    [
        ([patch("ConfigMap", "setings")], r"patch 1 is for ConfigMap setings, which is not among the objects \(ConfigMap one/settings\)"),
        ([patch("Job", "x")], r"\(no object of that kind\)"),
        ([patch("ConfigMap", "settings"), {"kind": "ConfigMap"}], "patch 2 must say which object it is for"),
        (["x"], "patch 1 is not a map but str"),
        ("x", "must be a list of objects, not str"),
    ],
)
def test_a_patch_that_would_do_nothing_is_refused(patches, words):
    with pytest.raises(AnsibleFilterError, match=words):
        patched([CONFIG], patches)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b", "c"]), inner, max_size=4),
    max_leaves=12,
)
SPECS = st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES, max_size=3)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(SPECS, SPECS)
def test_a_patch_applied_twice_changes_nothing_more(spec, change):
    once = patched([deployment(**spec)], [patch(spec=change)])
    assert patched(once, [patch(spec=change)]) == once
