# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets: generated once, kept in step, copied, never overwritten by a second run at the same time."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube import secret as subject
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import KubeError

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "one"}}
LABELS = {"mlops.platform/component": "storage"}


def item(**what):
    return {"namespace": "one", "name": "s", "type": "Opaque", "labels": LABELS, **what}


def stored(**values):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "one", "name": "s", "labels": LABELS, "resourceVersion": "1"},
        "data": {key: subject.encode(value) for key, value in values.items()},
    }


def test_a_generated_value_is_made_once(api_with):
    api = api_with(NAMESPACE)
    first = subject.ensure(api.client, item(data={"user": {"value": "bob"}, "password": {"generate": {"length": 20}}}), False)
    assert (first["changed"], first["created"], first["data"]["user"]) == (True, ["password", "user"], "bob")
    assert len(first["data"]["password"]) == 20
    assert api.objects["/api/v1/namespaces/one/secrets/s"]["metadata"]["labels"] == LABELS
    again = subject.ensure(api.client, item(data={"user": {"value": "bob"}, "password": {"generate": {"length": 99}}}), False)
    assert (again["changed"], again["data"]) == (False, first["data"])


def test_missing_keys_are_added_given_ones_kept_in_step_others_left_alone(api_with):
    api = api_with(NAMESPACE, stored(user="bob", mine="x"))
    result = subject.ensure(api.client, item(data={"user": {"value": "eve"}, "token": {"generate": {}}}), False)
    assert (result["created"], result["updated"]) == (["token"], ["user"])
    assert (result["data"]["user"], result["data"]["mine"], len(result["data"]["token"])) == ("eve", "x", 32)
    assert subject.decoded(api.objects["/api/v1/namespaces/one/secrets/s"]["data"]) == result["data"]


def test_labels_alone_are_a_change(api_with):
    there = stored(a="1")
    there["metadata"]["labels"] = {"other": "kept"}
    api = api_with(NAMESPACE, there)
    assert subject.ensure(api.client, item(data={"a": {"value": "1"}}), False)["changed"]
    assert api.objects["/api/v1/namespaces/one/secrets/s"]["metadata"]["labels"] == {"other": "kept", **LABELS}


COPY = {"copy": {"namespace": "two", "name": "origin", "keys": {"password": "PGPASSWORD"}}}
KEYS = {"keys": [{"key": "PGPASSWORD", "from": {"namespace": "two", "name": "origin", "key": "password"}, "value": None, "generate": None}]}


@pytest.mark.parametrize("how", [COPY, KEYS], ids=["copy", "keys"])
def test_a_copy_follows_its_origin(api_with, how):
    origin = stored(password="old", other="no")
    origin["metadata"] = {"namespace": "two", "name": "origin"}
    api = api_with(NAMESPACE, origin)
    assert subject.ensure(api.client, item(**how), False)["data"] == {"PGPASSWORD": "old"}
    origin["data"]["password"] = subject.encode("new")
    result = subject.ensure(api.client, item(**how), False)
    assert (result["updated"], result["data"]) == (["PGPASSWORD"], {"PGPASSWORD": "new"})
    assert not subject.ensure(api.client, item(**how), False)["changed"]


def test_a_missing_origin_is_an_error_with_a_way_out_and_no_value(api_with):
    api = api_with(NAMESPACE)
    with pytest.raises(KubeError, match="Secret two/origin does not exist: install what makes it first"):
        subject.ensure(api.client, item(**COPY), False)
    origin = stored(user="bob")
    origin["metadata"] = {"namespace": "two", "name": "origin"}
    with pytest.raises(KubeError, match="has no password, only user"):
        subject.ensure(api_with(NAMESPACE, origin).client, item(**COPY), False)


def test_check_mode_writes_nothing_and_invents_no_value(api_with):
    api = api_with(NAMESPACE)
    result = subject.ensure(api.client, item(data={"a": {"generate": {}}, "b": {"value": "x"}}, **COPY), True)
    assert result["changed"]
    assert result["data"] == {"a": subject.PLACEHOLDER, "b": "x", "PGPASSWORD": subject.PLACEHOLDER}
    assert api.writes() == []
    assert subject.ensure(None, item(data={"a": {"generate": {}}}), True)["data"] == {"a": subject.PLACEHOLDER}


def test_two_first_runs_at_the_same_time_end_with_the_same_value(api_with):
    api = api_with(NAMESPACE)

    def other(method, path):
        if method == "POST":
            api.objects.setdefault("/api/v1/namespaces/one/secrets/s", stored(password="theirs"))

    api.hook = other
    assert subject.ensure(api.client, item(data={"password": {"generate": {}}}), False)["data"] == {"password": "theirs"}


def test_a_change_in_between_is_not_overwritten(api_with):
    api = api_with(NAMESPACE, stored(a="1"))

    def other(method, path):
        there = api.objects[path]
        if method == "PATCH" and there["metadata"]["resourceVersion"] == "1":
            there["metadata"]["resourceVersion"] = "2"
            there["data"]["password"] = subject.encode("theirs")

    api.hook = other
    assert subject.ensure(api.client, item(data={"password": {"generate": {}}, "b": {"value": "2"}}), False)["data"] == {
        "a": "1",
        "b": "2",
        "password": "theirs",
    }


@pytest.mark.parametrize(
    ("name", "length", "check"),
    [
        ("alphanumeric", 40, lambda text: len(text) == 40 and text.isalnum()),
        ("hex", 15, lambda text: len(text) == 15 and int(text, 16) >= 0),
        ("base64", 32, lambda text: len(base64.b64decode(text)) == 32),
        ("base64url", 32, lambda text: len(text) == 44 and len(base64.urlsafe_b64decode(text)) == 32),
    ],
)
def test_formats(name, length, check):
    values = {subject.FORMATS[name](length) for _unused in range(20)}
    assert len(values) == 20
    assert all(map(check, values))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x", "say one of"),
        ({"generate": {}, "value": "x"}, "say one of"),
        ({"value": ["x"]}, "the value must be text"),
        ({"generate": {"size": 3}}, "takes length and format only"),
        ({"generate": {"format": "rot13"}}, "format is one of alphanumeric"),
        ({"generate": {"length": 4}}, "a number from 8 to 1024"),
        ({"generate": {"length": "many"}}, "a number from 8 to 1024"),
    ],
)
def test_a_wrong_declaration_is_told(source, words):
    assert words in subject.problems({"k": source})[0]


@pytest.mark.parametrize("source", [{"generate": {}}, {"generate": None}, {"generate": {"length": "40", "format": "hex"}}, {"value": ""}, {"value": 5432}])
def test_a_right_one_is_not(source):
    assert subject.problems({"k": source}) == []
    subject.plan({"k": source}, {}, {})
