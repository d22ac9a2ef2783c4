# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a kubeconfig leads to an API, and what becomes of a connection that breaks."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.kube import client as subject


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.client_address[1], self.path, self.headers.get("Authorization")))
        status, body = self.server.answers.get(self.path, (200, {"path": self.path}))
        data = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        # Closed without a word, as an API server does with a connection that has been idle.
        self.close_connection = self.path in self.server.hang_up

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as there:
        there.seen, there.answers, there.hang_up = [], {}, set()
        threading.Thread(target=there.serve_forever, args=[0.01], daemon=True).start()
        yield there
        there.shutdown()


@pytest.fixture
def kubeconfig(tmp_path):
    def write(server, **user):
        path = tmp_path / "kubeconfig"
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}, {"name": "half", "context": {"cluster": "c", "user": "nobody"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "u", "user": user}],
        }
        path.write_text(json.dumps(config))
        return str(path)

    return write


def test_one_connection_serves_all_requests_and_carries_the_token(server, kubeconfig):
    client = subject.connect(kubeconfig(server, token="t0ken"), None)
    assert client.get("/version") == {"path": "/version"}
    assert client.get("/api", limit=1, nothing=None) == {"path": "/api?limit=1"}
    assert len({port for port, _path, _token in server.seen}) == 1
    assert {token for _port, _path, token in server.seen} == {"Bearer t0ken"}
    assert client.requests == 2


def test_a_kept_connection_that_was_closed_is_opened_anew(server, kubeconfig):
    client = subject.connect(kubeconfig(server), "here")
    server.hang_up.add("/one")
    assert client.get("/one")
    assert client.get("/two") == {"path": "/two"}
    assert len({port for port, _path, _token in server.seen}) == 2


def test_an_api_that_is_gone_is_said_to_be(server, kubeconfig):
    path = kubeconfig(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(subject.UnreachableError, match=r"the Kubernetes API at http://127.0.0.1:\d+ does not answer: .*refused"):
        subject.connect(path, None).get("/version")


def test_reach_in_check_mode_only_tells(server, kubeconfig, tmp_path):
    said = []
    assert subject.reach(kubeconfig(server), None, False, said.append)
    assert subject.reach(str(tmp_path / "none"), None, True, said.append) is None
    assert said == []
    path = kubeconfig(server)
    server.shutdown()
    server.server_close()
    assert subject.reach(path, None, True, said.append) is None
    assert said[0].startswith("nothing to compare with, shown is what would be created: the Kubernetes API")
    for gone in (path, str(tmp_path / "none")):
        with pytest.raises(subject.UnreachableError):
            subject.reach(gone, None, False, said.append)


def test_refusals_carry_the_servers_message_on_one_line(server, kubeconfig):
    client = subject.connect(kubeconfig(server), None)
    server.answers["/x"] = (403, {"reason": "Forbidden", "message": "you\n  may not"})
    with pytest.raises(subject.ApiError, match=r"^you may not \(403 Forbidden\)$") as caught:
        client.get("/x")
    assert caught.value.status == 403
    server.answers["/y"] = (502, b"<html>bad gateway</html>")
    with pytest.raises(subject.ApiError, match="bad gateway"):
        client.get("/y")
    server.answers["/z"] = (404, {})
    assert client.find("/z") is None


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        (None, None, "No such file or directory; the cluster has not been created yet"),
        ("a: b: c", None, "is not YAML"),
        ("{}", None, "has no complete context None"),
        ("{}", "mine", "has no complete context 'mine'"),
    ],
)
def test_a_kubeconfig_that_leads_nowhere(tmp_path, text, context, words):
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(subject.UnreachableError, match=words):
        subject.connect(str(path), context)


def test_a_context_whose_user_is_missing(server, kubeconfig):
    with pytest.raises(subject.UnreachableError, match="has no complete context 'half'"):
        subject.connect(kubeconfig(server), "half")


def test_kinds_are_asked_for_once_per_group_and_found_when_they_come(api_with):
    api = api_with()
    client = api.client
    assert client.resource("apps/v1", "Deployment").path("one", "web") == "/apis/apps/v1/namespaces/one/deployments/web"
    assert client.resource("apps/v1", "ReplicaSet").path("one") == "/apis/apps/v1/namespaces/one/replicasets"
    assert client.resource("v1", "Namespace").path(None, "one") == "/api/v1/namespaces/one"
    assert api.log == ["GET /apis/apps/v1", "GET /api/v1"]
    with pytest.raises(subject.UnknownKindError, match="the cluster has no kind Cat in apps/v1"):
        client.resource("apps/v1", "Cat")
    api.kinds = {"apps/v1": [("Cat", "cats", True)]}
    assert client.resource("apps/v1", "Cat").plural == "cats"
