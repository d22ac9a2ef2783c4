# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What applying objects changes, says and refuses."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube import apply as subject
from ansible_collections.mlops.platform.plugins.module_utils.kube.client import UnreachableError

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "one"}}
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "one", "name": "c"}, "data": {"a": "1"}}
THING = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"namespace": "one", "name": "t"}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {"group": "example.com", "names": {"kind": "Thing"}, "versions": [{"name": "v1"}]},
}
THINGS = [("Thing", "things", True)]
WITHOUT_THINGS = {
    "v1": [("Namespace", "namespaces", False), ("ConfigMap", "configmaps", True)],
    "apiextensions.k8s.io/v1": [("CustomResourceDefinition", "customresourcedefinitions", False)],
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(subject, "_RETRY_SECONDS", 0.0)


def run(api, *objects, check=False, timeout=5.0):
    """Titles and actions, and the lines that were said."""
    said: list[str] = []
    changes = subject.Applier(api and api.client, "test", check, said.append, timeout).apply(list(objects))
    return [(change.title, change.action) for change in changes], said


def test_creates_what_is_missing_namespaces_first_and_is_then_content(api_with):
    api = api_with()
    changes, said = run(api, CONFIG, NAMESPACE)
    assert changes == [("Namespace one", "created"), ("ConfigMap one/c", "created")]
    assert said == ["created: Namespace one", "created: ConfigMap one/c"]
    assert run(api, CONFIG, NAMESPACE) == ([("Namespace one", "unchanged"), ("ConfigMap one/c", "unchanged")], [])


def test_says_what_changes_before_and_after(api_with):
    api = api_with(NAMESPACE, CONFIG)
    changes = subject.Applier(api.client, "test", False, lambda line: None).apply([{**CONFIG, "data": {"a": "2"}}])
    assert changes[0].action == "changed"
    assert (changes[0].before["data"], changes[0].after["data"]) == ({"a": "1"}, {"a": "2"})
    assert "resourceVersion" not in changes[0].after["metadata"]


def test_the_status_is_nobodys_change():
    there = {**CONFIG, "status": {"seen": 1}, "metadata": {**CONFIG["metadata"], "managedFields": [{"manager": "m"}], "generation": 3, "resourceVersion": "9"}}
    assert subject.essence(there) == CONFIG


def test_check_mode_only_asks(api_with):
    api = api_with(NAMESPACE, CONFIG)
    changes, said = run(api, {**CONFIG, "data": {"a": "2"}}, check=True)
    assert changes == [("ConfigMap one/c", "changed")]
    assert said == ["would be changed: ConfigMap one/c"]
    assert api.writes() == ["PATCH /api/v1/namespaces/one/configmaps/c (dry run)"]
    assert api.objects["/api/v1/namespaces/one/configmaps/c"]["data"] == {"a": "1"}


@pytest.mark.parametrize("there", [False, True], ids=["no API", "neither namespace nor kind"])
def test_check_mode_before_anything_is_there(api_with, there):
    api = api_with(kinds=WITHOUT_THINGS) if there else None
    assert run(api, NAMESPACE, CONFIG, THING, check=True)[0] == [("Namespace one", "created"), ("ConfigMap one/c", "created"), ("Thing one/t", "created")]


def test_a_kind_that_was_just_defined_is_waited_for(api_with):
    api = api_with(NAMESPACE, kinds=dict(WITHOUT_THINGS))
    asked = []

    def hook(method, path):
        if path == "/apis/example.com/v1":
            asked.append(path)
            if len(asked) == 3:
                api.kinds["example.com/v1"] = THINGS

    api.hook = hook
    changes, said = run(api, THING, DEFINITION)
    assert changes == [("CustomResourceDefinition things.example.com", "created"), ("Thing one/t", "created")]
    assert said[1].startswith("waiting to apply Thing one/t: the cluster has no kind Thing")


def test_a_webhook_that_starts_is_waited_for_but_not_for_ever(api_with):
    api = api_with(NAMESPACE)
    answers = [(500, {"reason": "InternalError", "message": 'failed calling webhook "x": connection refused'})] * 2
    api.hook = lambda method, path: answers.pop() if method == "PATCH" and answers else None
    assert run(api, CONFIG)[0] == [("ConfigMap one/c", "created")]
    api.hook = lambda method, path: (500, {"message": "failed calling webhook"}) if method == "PATCH" else None
    with pytest.raises(subject.RejectedError, match="ConfigMap one/c: failed calling webhook"):
        run(api, CONFIG, timeout=-1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((422, {"reason": "Invalid", "message": "spec.x: field is immutable"}), r"field is immutable \(422 Invalid\); this cannot be changed in place"),
        ((400, {"reason": "BadRequest", "message": "unknown field spec.x"}), "correct the template or the patch"),
        ((500, {"reason": "InternalError", "message": ".spec.x: field not declared in schema"}), "correct the template or the patch"),
        ((403, {"reason": "Forbidden", "message": "no"}), "lacks the right"),
    ],
)
def test_a_refusal_says_what_to_do(api_with, answer, words):
    api = api_with(NAMESPACE)
    api.hook = lambda method, path: answer if method == "PATCH" else None
    with pytest.raises(subject.RejectedError, match=words):
        run(api, CONFIG)


def test_all_refusals_are_reported_at_once_with_what_was_done(api_with):
    api = api_with(NAMESPACE, kinds=WITHOUT_THINGS)
    with pytest.raises(subject.RejectedError) as caught:
        run(api, THING, CONFIG, {**CONFIG, "metadata": {"namespace": "two", "name": "c"}})
    text = str(caught.value)
    assert "Thing one/t: the cluster has no kind Thing in example.com/v1; the operator that brings it is not installed" in text
    assert 'ConfigMap two/c: namespaces "two" not found' in text
    assert text.endswith("(before that, changed: ConfigMap one/c)")


def test_an_api_that_goes_away_is_an_error_of_its_own():
    def gone(method, path, body, headers):
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError):
        subject.Applier(subject.Client(gone), "test", True, lambda line: None).apply([CONFIG])


def test_secrets_are_compared_by_what_the_server_keeps_and_never_shown(api_with):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "one", "name": "s"}, "stringData": {"password": "hunter2"}, "data": {"u": "eA=="}}
    api = api_with(NAMESPACE)
    assert run(api, secret)[0] == [("Secret one/s", "created")]
    kept = api.objects["/api/v1/namespaces/one/secrets/s"]
    assert kept["data"] == {"password": base64.b64encode(b"hunter2").decode(), "u": "eA=="}
    assert run(api, secret)[0] == [("Secret one/s", "unchanged")]
    before, after = subject.redacted(kept, {**kept, "data": {**kept["data"], "password": "b3RoZXI="}})
    assert before["data"]["password"] != after["data"]["password"], "a change is seen"
    assert before["data"]["u"] == after["data"]["u"] == subject.HIDDEN
    assert "hunter2" not in str((before, after))
    assert kept["data"]["password"] not in str((before, after))
