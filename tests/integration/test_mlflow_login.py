# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow behind the platform's login: real processes configured by the roles mlflow and keycloak, a real browser, and the official client."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import re
import secrets
import signal
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import debian
import mlflow_login
import pytest
import role_settings
from ansible_collections.mlops.platform.plugins.module_utils import chromium
from ansible_collections.mlops.platform.plugins.module_utils.chromium import Chromium
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from mlflow_login import PASSWORD, Platform
from mlflow_servers import Server

API = "/api/2.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
GATEWAY = "/ajax-api/3.0/mlflow/gateway"
COOKIE = "__Host-mlflow"
DOCUMENTED = "https://mlflow.mlops.localhost:8443"  # where the guide's MLflow is

# What the server does for whoever it knows, without asking for a permission; and whose answers hold only what the asker may see.
EVERYBODY = {"/", "/version", "/build/<path:filename>", "/server-info", "/ui-telemetry"}
FILTERED = {"/graphql", "/mlflow/experiments/search", "/mlflow/model-versions/search", "/mlflow/registered-models/search", "/mlflow/logged-models/search",
            "/mlflow/gateway/endpoints/list", "/mlflow/gateway/model-definitions/list", "/mlflow/gateway/secrets/list"}  # fmt: skip
NOT_OURS = {"/mlflow/get-online-trace-details", "/mlflow/unified-traces"}  # Databricks' own, which MLflow's stores do not have

CLIENT = """
import json, os, sys, mlflow
from mlflow import MlflowClient
name = sys.argv[1]
mlflow.set_experiment(name)
with mlflow.start_run() as run:
    mlflow.log_metric("m", 1.0)
    mlflow.log_text("content", "file.txt")
    mlflow.log_param("p", "1")
    with mlflow.start_span("span") as span:
        span.set_inputs({"question": "canary"})
client = MlflowClient()
model = name.replace("/", "-")
client.create_registered_model(model)
version = client.create_model_version(model, f"runs:/{run.info.run_id}/file.txt", run.info.run_id)
client.set_registered_model_alias(model, "champion", version.version)
mlflow.flush_trace_async_logging()
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/file.txt") == "content"
trace = client.search_traces(locations=[run.info.experiment_id])[0].info.trace_id
print(json.dumps({"experiment": run.info.experiment_id, "run": run.info.run_id, "model": model, "trace": trace}))
"""

# Goes on after CLIENT, in a process that renews its token.
RENEWED = """
import time
known, limit = os.environ["MLFLOW_TRACKING_TOKEN"], time.monotonic() + 120
while os.environ["MLFLOW_TRACKING_TOKEN"] == known:
    assert time.monotonic() < limit, "the token was not renewed"
    time.sleep(0.2)
assert client.get_run(run.info.run_id).data.metrics == {"m": 1.0}
made = []
for name in sys.argv[2:]:
    try:
        client.create_experiment(name)
        made.append(name)
    except mlflow.exceptions.RestException as exc:
        assert "Permission denied" in str(exc), exc
print(json.dumps(made))
"""


@pytest.fixture(scope="module")
def platform(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with mlflow_login.running(mlflow_python, tmp_path_factory.mktemp("login")) as found:
        permissions(found)
        yield found


def permissions(platform: Platform, *, check: bool = False) -> dict[str, Any]:
    """The result of the role's document."""
    options = {"url": platform.url, "token": platform.token("mlflow-config"), "ca_path": str(platform.certificates.ca)}
    server = Server("", options, None, Path())  # type: ignore[arg-type]
    document = role_settings.render("mlflow", "__mlflow_permissions", **platform.settings)
    return server.declare(document, owner="role-mlflow", prune={"roles": "owned"}, check=check)


@pytest.fixture(scope="module")
def churn(platform: Platform, mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a member of the team churn makes with the official client and a token."""
    folder = tmp_path_factory.mktemp("client")
    done = client(platform, mlflow_python, folder, platform.token("tim"), CLIENT, "churn/first")
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def client(platform: Platform, python: Path, folder: Path, token: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script with the official client and nothing of the machine's."""
    environment = {
        **of_a_client(platform, python, folder),
        "MLFLOW_TRACKING_URI": platform.url,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_TRACKING_SERVER_CERT_PATH": str(platform.certificates.ca),
    }
    return subprocess.run([python, "-c", script, *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def of_a_client(platform: Platform, python: Path, folder: Path) -> dict[str, str]:
    """Environment of a program that has the official client, and is not logged in."""
    return {
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "REQUESTS_CA_BUNDLE": str(platform.certificates.ca),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }


@pytest.fixture
def browser(platform: Platform) -> Iterator[Chromium]:
    debian.install(debian.programs(chromium.PROGRAM, chromium.CERTIFICATES), "chromium", "libnss3-tools")
    with chromium.running(120, str(platform.certificates.ca)) as found:
        yield found


def enter(browser: Chromium, platform: Platform, who: str) -> str:
    """Logs in; returns the cookie of the session."""
    browser.open(platform.url)
    browser.log_in(who, PASSWORD)
    browser.wait(f"location.href.startsWith({json.dumps(platform.url)}) && document.body.innerText.includes('Experiments')")
    return session(browser)


def session(browser: Chromium) -> str:
    """MLflow's cookie."""
    return f"{COOKIE}=" + next(cookie["value"] for cookie in browser.cookies() if cookie["name"] == COOKIE)


def fetched(browser: Chromium, path: str, body: Any = None) -> int:
    """Status of a request that the page itself makes."""
    how = {"method": "GET"} if body is None else {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
    return int(browser.run(f"fetch({json.dumps(path)}, {json.dumps(how)}).then(reply => reply.status)"))


def test_the_permissions_are_as_declared_and_stay(platform: Platform) -> None:
    assert not permissions(platform)["changed"]
    assert not permissions(platform, check=True)["changed"]


def test_people_come_through_their_browser_with_pkce_and_leave(platform: Platform, browser: Chromium, tmp_path: Path) -> None:
    cookie = enter(browser, platform, "tim")
    browser.screenshot(str(tmp_path / "mlflow.png"))
    (asked,) = [url for url in browser.requests if "/protocol/openid-connect/auth?" in url]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked).query))
    assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
    assert (query["response_type"], query["client_id"], query["redirect_uri"]) == ("code", "mlflow", f"{platform.url}/callback")
    kept = next(entry for entry in browser.cookies() if entry["name"] == COOKIE)
    assert kept["httpOnly"] and kept["secure"] and kept["sameSite"] == "Lax"

    assert fetched(browser, f"{AJAX}/experiments/search", {"max_results": 5}) == 200
    assert fetched(browser, f"{AJAX}/experiments/create", {"name": "churn/by-hand"}) == 200
    assert fetched(browser, f"{AJAX}/experiments/create", {"name": "fraud/by-hand"}) == 403
    stolen = [platform.send("POST", f"{url}{AJAX}/experiments/search", {"max_results": 5}, Cookie=cookie).status for url in platform.urls]
    assert stolen == [200, 200], "a session holds on every server"

    browser.open(f"{platform.url}/logout")
    browser.wait("location.pathname.endsWith('/oidc/ui/auth') || document.querySelector('#kc-logout')")
    assert "/oidc/ui/auth" in browser.run("location.href"), "Keycloak asks nothing and leads back"
    again = [platform.send("POST", f"{url}{AJAX}/experiments/search", {"max_results": 5}, Cookie=cookie).status for url in platform.urls]
    assert again == [401, 401], "a session that was copied before the log-out is worth nothing after it"
    browser.open(platform.url)
    browser.wait("!!document.querySelector('input[type=password]')")  # Keycloak asks for it again: it has no session any more either


def test_a_viewer_sees_everything_and_writes_nothing(platform: Platform, browser: Chromium, churn: dict[str, str]) -> None:
    enter(browser, platform, "vic")
    assert fetched(browser, f"{AJAX}/runs/get?run_id={churn['run']}") == 200
    assert fetched(browser, f"{AJAX}/experiments/create", {"name": "vic"}) == 403
    assert fetched(browser, f"{AJAX}/runs/log-metric", {"run_id": churn["run"], "key": "m", "value": 2, "timestamp": 1}) == 403
    assert fetched(browser, f"{AJAX}/experiments/delete", {"experiment_id": churn["experiment"]}) == 403
    assert fetched(browser, f"{AJAX}/registered-models/create", {"name": "vic"}) == 403
    assert fetched(browser, f"{GATEWAY}/secrets/create", {"secret_name": "vic", "provider": "openai", "secret_value": {"api_key": "x"}}) == 403


def test_who_is_in_no_group_is_told_so(platform: Platform, browser: Chromium) -> None:
    browser.open(platform.url)
    browser.log_in("nob", PASSWORD)
    browser.wait("location.pathname.includes('/oidc/ui') && /not allowed|access denied|denied|group/i.test(document.body.innerText)")
    assert platform.ask(platform.token("nob"), "POST", f"{API}/experiments/search", {"max_results": 5}).status == 401


READS = [
    ("GET", API + "/experiments/get?experiment_id={experiment}", None),
    ("GET", API + "/experiments/get-by-name?experiment_name=churn/first", None),
    ("GET", API + "/runs/get?run_id={run}", None),
    ("GET", AJAX + "/runs/get?run_id={run}", None),
    ("POST", API + "/runs/search", {"experiment_ids": ["{experiment}"]}),
    ("GET", API + "/metrics/get-history?run_id={run}&metric_key=m", None),
    ("GET", AJAX + "/metrics/get-history-bulk?run_id={run}&metric_key=m", None),
    ("GET", API + "/artifacts/list?run_id={run}", None),
    ("GET", "/get-artifact?run_id={run}&path=file.txt", None),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/file.txt", None),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts?path={experiment}/{run}/artifacts", None),
    ("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/file.txt", None),
    ("GET", API + "/registered-models/get?name={model}", None),
    ("GET", API + "/registered-models/alias?name={model}&alias=champion", None),
    ("GET", API + "/model-versions/get?name={model}&version=1", None),
    ("GET", API + "/model-versions/get-download-uri?name={model}&version=1", None),
    ("GET", "/model-versions/get-artifact?name={model}&version=1&path=", None),
    ("GET", "/api/3.0/mlflow/traces/{trace}", None),
    ("GET", "/api/3.0/mlflow/traces/get?trace_id={trace}", None),
    ("GET", "/ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace}", None),
    ("POST", "/api/3.0/mlflow/traces/search", {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{experiment}"}}]}),
    ("GET", API + "/traces?experiment_ids={experiment}", None),
]
WRITES = [
    ("POST", API + "/runs/create", {"experiment_id": "{experiment}"}),
    ("POST", API + "/runs/log-metric", {"run_id": "{run}", "key": "m", "value": 2, "timestamp": 1}),
    ("POST", API + "/runs/set-tag", {"run_id": "{run}", "key": "a", "value": "b"}),
    ("POST", API + "/experiments/set-experiment-tag", {"experiment_id": "{experiment}", "key": "a", "value": "b"}),
    ("POST", API + "/registered-models/set-tag", {"name": "{model}", "key": "a", "value": "b"}),
    ("POST", API + "/registered-models/alias", {"name": "{model}", "alias": "stolen", "version": "1"}),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/other.txt", b"x"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/file.txt", None),
    ("POST", API + "/experiments/delete", {"experiment_id": "{experiment}"}),
]  # fmt: skip


def filled(value: Any, names: dict[str, str]) -> Any:
    """A path or a body with what the names stand for."""
    if isinstance(value, bytes) or value is None:
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    for name, found in names.items():
        text = text.replace("{" + name + "}", found)
    return text if isinstance(value, str) else json.loads(text)


@pytest.mark.parametrize(
    ("who", "reads", "writes"),
    [
        ("tim", True, True),
        ("eve", True, True),
        ("pipelines", True, True),
        ("ada", True, True),
        ("vic", True, False),
        ("tom", False, False),
        ("dan", False, False),
    ],
)
def test_what_a_team_makes_is_the_teams(platform: Platform, churn: dict[str, str], who: str, reads: bool, writes: bool) -> None:
    token = platform.token(who)

    def refused(requests: list[tuple[str, str, Any]]) -> list[str]:
        answers = {path: platform.ask(token, method, filled(path, churn), filled(body, churn)).status for method, path, body in requests}
        return [path for path, status in answers.items() if status in (401, 403)]

    assert (refused(READS) == []) if reads else (set(refused(READS)) == {path for _method, path, _body in READS})
    if not writes:
        assert set(refused(WRITES)) == {path for _method, path, _body in WRITES}
    else:
        assert refused(WRITES[:6]) == []


def test_the_ai_gateway_takes_what_one_has_a_grant_for(platform: Platform) -> None:
    def made(who: str, path: str, body: Any) -> Any:
        return platform.ask(platform.token(who), "POST", f"/api/3.0/mlflow/gateway/{path}/create", body)

    key = {"provider": "openai", "secret_value": {"api_key": "only-for-tests"}}
    refused = [
        made(who, "secrets", {"secret_name": name, **key}).status for who, name in (("vic", "vic"), ("vic", "churn-key"), ("tom", "churn-key"), ("tim", "key"))
    ]
    assert refused == [403] * 4
    secret = made("tim", "secrets", {"secret_name": "churn-key", **key})
    assert secret.status == 200, secret.body
    model = {"provider": "openai", "model_name": "gpt-4o", "secret_id": secret.json["secret"]["secret_id"]}
    refused = [made(who, "model-definitions", {"name": name, **model}).status for who, name in (("vic", "vic"), ("tom", "fraud-model"), ("tim", "model"))]
    assert refused == [403] * 3, "a name of one's own, and a secret that one may use"
    definition = made("tim", "model-definitions", {"name": "churn-gpt", **model})
    assert definition.status == 200, definition.body
    config = {"model_configs": [{"model_definition_id": definition.json["model_definition"]["model_definition_id"], "linkage_type": "PRIMARY", "weight": 1.0}]}
    refused = [made(who, "endpoints", {"name": name, **config}).status for who, name in (("vic", "vic"), ("tom", "fraud-gpt"), ("tim", "gpt"))]
    assert refused == [403] * 3
    assert made("tim", "endpoints", {"name": "churn-gpt", **config}).status == 200
    assert made("eve", "secrets", {"secret_name": "of-an-engineer", **key}).status == 200


def test_searches_and_graphql_answer_with_what_may_be_seen(platform: Platform, churn: dict[str, str]) -> None:
    graphql = {"query": "query($id: String!) { mlflowGetRun(input: {runId: $id}) { run { info { runName } } } }", "variables": {"id": churn["run"]}}
    for who, seen in (("tim", True), ("tom", False)):
        token = platform.token(who)
        experiments = platform.ask(token, "POST", f"{API}/experiments/search", {"max_results": 100}).json.get("experiments", [])
        assert ("churn/first" in [entry["name"] for entry in experiments]) is seen
        models = platform.ask(token, "GET", f"{API}/registered-models/search").json.get("registered_models", [])
        assert (churn["model"] in [entry["name"] for entry in models]) is seen
        versions = platform.ask(token, "GET", f"{API}/model-versions/search").json.get("model_versions", [])
        assert (churn["model"] in [entry["name"] for entry in versions]) is seen
        answer = platform.ask(token, "POST", "/graphql", graphql)
        assert ((((answer.json.get("data") or {}).get("mlflowGetRun") or {}).get("run")) is not None) is seen, answer.body


def test_no_path_is_open_by_oversight(mlflow_python: Path, tmp_path: Path) -> None:
    """A new version of MLflow brings new paths; each has to have a check, or be on a list above."""
    files = role_settings.ROOT / "roles" / "mlflow" / "files"
    script = """
import json, re, login
from flask import request
from mlflow.server import app
from mlflow_oidc_auth.hooks import before_request as hook
from mlflow_oidc_auth.middleware.route_path import is_unprotected_route
found = {"open": set(), "unchecked": set()}
for rule in app.url_map.iter_rules():
    path = re.sub("<[^>]+>", "x", rule.rule)
    for method in rule.methods - {"HEAD", "OPTIONS"}:
        with app.test_request_context(path, method=method):
            if is_unprotected_route(path):
                found["open"].add(rule.rule)
            elif hook._find_validator(request) is None and not hook._is_proxy_artifact_path(path):
                found["unchecked"].add(re.sub("^/(ajax-)?api/[23].0(/mlflow(?=/server-info|/ui-telemetry))?", "", rule.rule))
print(json.dumps({name: sorted(paths) for name, paths in found.items()}))
"""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(files), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"OIDC_DISCOVERY_URL": "https://login.example.org", "OIDC_USERS_DB_URI": f"sqlite:///{tmp_path}/auth.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([mlflow_python, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["open"]) == {"/health", "/static-files/<path:path>"}
    assert set(found["unchecked"]) == EVERYBODY | FILTERED | NOT_OURS


def test_nothing_is_answered_to_nobody(platform: Platform, churn: dict[str, str]) -> None:
    for method, path, body in [*READS, *WRITES, ("POST", "/graphql", {"query": "{__typename}"}), ("GET", "/version", None), ("GET", "/", None),
                               ("POST", "/gateway/x/mlflow/invocations", {}), ("POST", "/v1/traces", b"x"), ("GET", "/ajax-api/3.0/jobs/1", None),
                               ("GET", "/api/3.0/mlflow/mcp-servers", None), ("GET", "/api/2.0/users", None)]:  # fmt: skip
        assert platform.ask("", method, filled(path, churn), filled(body, churn)).status == 401, path
    assert platform.send("GET", f"{platform.url}/health").status == 200
    page = platform.send("GET", platform.url, Accept="text/html", Sec_Fetch_Dest="document")
    assert page.status == 302 and page.headers["location"].startswith("/login?next=")


def bearer(platform: Platform, token: str) -> int:
    return platform.ask(token, "POST", f"{API}/experiments/search", {"max_results": 5}).status


def changed(token: str, **claims: Any) -> str:
    """A token with other claims than were signed."""
    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) | claims
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip('=')}.{signature}"


def test_tokens_that_are_not_the_realms_are_refused(platform: Platform) -> None:
    good = platform.token("eve")
    assert bearer(platform, good) == 200
    assert bearer(platform, changed(good, groups=["platform-admins"])) == 401
    nothing = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    assert bearer(platform, f"{nothing}.{good.split('.')[1]}.") == 401
    other = platform._token("platform", {"grant_type": "password", "client_id": "test-other", "username": "eve", "password": PASSWORD})
    assert bearer(platform, other) == 401, "a token for another application"
    stranger = mlflow_login.Realm(platform.keycloak, "stranger", accessTokenLifespan=300)
    document = mlflow_login.realm_document(platform.secrets, platform.settings)
    stranger.apply({key: value for key, value in document.items() if key not in ("realm", "displayName")})
    assert bearer(platform, platform.token("eve", "stranger")) == 401, "the same name in another realm"
    basic = base64.b64encode(f"eve:{PASSWORD}".encode()).decode()
    assert platform.send("POST", f"{platform.url}{API}/experiments/search", {"max_results": 5}, Authorization=f"Basic {basic}").status == 401


key = rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def key_of_the_realm(platform: Platform) -> str:
    """Name of a key that the realm has beside its own, once servers know it: they ask for keys every ten seconds at most."""
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    config = {"priority": ["0"], "enabled": ["true"], "active": ["false"], "algorithm": ["RS256"], "privateKey": [plain]}
    made = {"name": "tests", "providerId": "rsa", "providerType": "org.keycloak.keys.KeyProvider", "config": config}
    identifier = platform.realm.api.post("/components", made)
    kid = next(str(entry["kid"]) for entry in platform.realm.api.get("/keys")["keys"] if entry["providerId"] == identifier)
    deadline = time.monotonic() + 60
    while bearer(platform, signed(kid, claims_of(platform))) != 200 and time.monotonic() < deadline:
        time.sleep(1)
    return kid


def claims_of(platform: Platform) -> dict[str, Any]:
    """What a token says that is right in everything."""
    now = int(time.time())
    who = {"sub": "42", "preferred_username": "claims", "groups": ["viewers"]}
    return {"iss": platform.issuer, "aud": "mlflow", "typ": "Bearer", "jti": str(time.monotonic_ns()), "iat": now, "exp": now + 60, **who}


def signed(kid: str, claims: dict[str, Any]) -> str:
    """A token with a key of the realm, so that nothing is wrong with it but its claims."""
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "RS256", "typ": "JWT", "kid": kid}, claims)]
    signature = key.sign(".".join(coded).encode(), padding.PKCS1v15(), hashes.SHA256())
    return ".".join([*coded, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({}, 200),
        ({"exp": -1}, 401),
        ({"iat": 30, "nbf": 30}, 401),
        ({"iss": "https://evil.example.org/realms/platform"}, 401),
        ({"aud": "grafana"}, 401),
        ({"typ": "ID"}, 401),
        ({"groups": ["strangers"]}, 401),
        ({"groups": None}, 401),
    ],
    ids=["right", "ended", "from the future", "issuer", "audience", "no access token", "group", "no groups"],
)
def test_every_claim_of_a_token_counts(platform: Platform, key_of_the_realm: str, wrong: dict[str, Any], status: int) -> None:
    right = claims_of(platform)
    claims = right | {name: right["iat"] + value if name in ("exp", "iat", "nbf") else value for name, value in wrong.items()}
    assert bearer(platform, signed(key_of_the_realm, claims)) == status


def test_headers_of_a_stranger_open_nothing_and_lead_nowhere(platform: Platform) -> None:
    forged = {"X-Forwarded-User": "ada", "X-Remote-User": "ada", "Remote-User": "ada", "X-Auth-Request-User": "ada", "X-Forwarded-Groups": "platform-admins",
              "X-Forwarded-Access-Token": "x", "X-Forwarded-Prefix": "/health", "X-Forwarded-Host": "evil.example.org", "X-Original-URL": "/health",
              "X-Forwarded-For": "10.244.0.1", "X-Forwarded-Proto": "http"}  # fmt: skip
    assert platform.send("POST", f"{platform.url}{API}/experiments/search", {"max_results": 5}, **forged).status == 401
    login = platform.send("GET", f"{platform.url}/login", **forged)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(login.headers["location"]).query))
    assert query["redirect_uri"] == f"{platform.url}/callback"
    assert platform.send("GET", f"{platform.url}/login", Host="evil.example.org").status == 403
    assert "evil" not in str(platform.send("GET", f"{platform.url}/logout", **forged).headers)
    crossed = platform.ask(platform.token("eve"), "POST", f"{API}/experiments/search", {"max_results": 5}, Origin="https://evil.example.org")
    assert crossed.status == 403


def test_groups_follow_the_next_token(platform: Platform, churn: dict[str, str]) -> None:
    def group(verb: str, name: str) -> None:
        (person,) = platform.realm.api.get("/users", username="tom", exact="true")
        found = platform.realm.api.get(f"/group-by-path/{name}")
        getattr(platform.realm.api, verb)(f"/users/{person['id']}/groups/{found['id']}", *([{}] if verb == "put" else []))

    def status(token: str) -> int:
        return platform.ask(token, "GET", f"{API}/runs/get?run_id={churn['run']}").status

    before = platform.token("tom")
    assert status(before) == 403
    try:
        group("put", "platform-admins")
        assert status(platform.token("tom")) == 200
        group("delete", "platform-admins")
        assert status(platform.token("tom")) == 403, "who was an administrator is one no more"
    finally:
        group("delete", "platform-admins")


def test_sessions_outlive_keycloak_and_new_logins_are_told(platform: Platform, browser: Chromium) -> None:
    cookie = enter(browser, platform, "eve")
    token = platform.token("eve")
    assert [platform.ask(token, "POST", f"{API}/experiments/search", {"max_results": 5}, server).status for server in (0, 1)] == [200, 200]
    group = os.getpgid(platform.keycloak.process.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        assert platform.send("POST", f"{platform.url}{AJAX}/experiments/search", {"max_results": 5}, Cookie=cookie).status == 200
        assert bearer(platform, token) == 200
        login = platform.send("GET", f"{platform.url}/login", Accept="text/html")
        assert login.status == 503 and b"login service does not answer" in login.body
        assert platform.send("GET", f"{platform.url}/health").status == 200
    finally:
        os.killpg(group, signal.SIGCONT)
    assert platform.send("GET", f"{platform.url}/login").status == 302


def written(having: str) -> str:
    """The guide's block of Python with a certain text."""
    guide = (role_settings.ROOT / "docs" / "login.md").read_text()
    (found,) = [block for block in re.findall(r"^```python\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL) if having in block]
    return str(found)


@contextlib.contextmanager
def short_tokens(platform: Platform) -> Iterator[None]:
    """Tokens that have to be renewed while a test waits for it."""
    usual = platform.realm.api.get("")["accessTokenLifespan"]
    platform.realm.api.put("", {"accessTokenLifespan": 30})
    try:
        yield
    finally:
        platform.realm.api.put("", {"accessTokenLifespan": usual})


def as_written(
    platform: Platform, python: Path, folder: Path, login: str, *names: str, confirm: Callable[[str], None] | None = None, **environment: str
) -> list[str]:
    """Logs in as the guide says, works until the token was renewed, and makes experiments; returns those that it may make.

    :param login: what the guide's block that logs in has in it.
    :param names: of the first experiment, and of those that are tried once the token was renewed.
    :param confirm: does what has to be done with the line that is shown first.
    """
    (folder / "platform_login.py").write_text(written("# platform_login.py"))
    usage = written(login)
    assert DOCUMENTED in usage
    script = usage.replace(DOCUMENTED, platform.url) + CLIENT + RENEWED
    known = {**of_a_client(platform, python, folder), "PLATFORM_ISSUER": platform.issuer, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1", **environment}
    log = folder / "log"
    with open(log, "wb") as errors:
        process = subprocess.Popen([python, "-c", script, *names], env=known, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        if confirm:
            assert process.stdout
            line = process.stdout.readline()
            assert line, log.read_text()[-3000:]
            confirm(line)
        output, _errors = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, log.read_text()[-3000:]
    return list(json.loads(output.splitlines()[-1]))


def test_a_notebook_logs_in_by_a_code_as_the_guide_says(platform: Platform, browser: Chromium, mlflow_python: Path, tmp_path: Path) -> None:
    def confirm(line: str) -> None:
        (address,) = re.findall(r"https://\S+", line)
        assert address.startswith(f"{platform.issuer}/device?user_code=")
        browser.open(address)
        browser.log_in("tim", PASSWORD)
        browser.see("Notebooks and command line")  # what is let in is named before it is
        browser.click("[name=accept]")

    names = ("churn/notebook", "churn/notebook-2", "fraud/notebook")
    with short_tokens(platform):
        made = as_written(platform, mlflow_python, tmp_path, "platform_login.as_person()", *names, confirm=confirm)
    assert made == ["churn/notebook-2"], "it may do what the person may"


def test_a_pipeline_logs_in_as_the_guide_says(platform: Platform, mlflow_python: Path, tmp_path: Path) -> None:
    names = ("churn/pipeline", "churn/pipeline-2", "fraud/pipeline")
    with short_tokens(platform):
        made = as_written(platform, mlflow_python, tmp_path, "platform_login.as_program(", *names, PIPELINES_SECRET=platform.secrets["pipelines"])
    assert made == ["churn/pipeline-2", "fraud/pipeline"], "engineers may do everything"


class Listener(http.server.HTTPServer):
    """A program of the person's own machine that waits for the browser to bring a code."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.url = f"http://127.0.0.1:{self.server_port}/callback"
        self.came: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        super().__exit__(*exc)


class _Callback(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        where = urllib.parse.urlsplit(self.path)
        if where.path == "/callback":
            self.server.came.append(dict(urllib.parse.parse_qsl(where.query)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"came {len(self.server.came)}".encode())

    def log_message(self, *_args: object) -> None:
        """Nothing: a code is in the address."""


def test_a_program_gets_a_code_by_the_browser_and_proves_that_it_asked_for_it(platform: Platform, browser: Chromium) -> None:
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def exchanged(code: str, verifier: str) -> tuple[int, dict[str, Any]]:
        form = {"grant_type": "authorization_code", "client_id": "platform-cli", "redirect_uri": listener.url, "code": code, "code_verifier": verifier}
        endpoint, kind = f"{platform.issuer}/protocol/openid-connect/token", "application/x-www-form-urlencoded"
        found = platform.send("POST", endpoint, urllib.parse.urlencode(form).encode(), Content_Type=kind)
        return found.status, found.json

    def address(**changes: str) -> str:
        query = {"response_type": "code", "client_id": "platform-cli", "redirect_uri": listener.url, "scope": "openid", "state": "of-this-test",
                 "code_challenge": challenge, "code_challenge_method": "S256"} | changes  # fmt: skip
        return f"{platform.issuer}/protocol/openid-connect/auth?{urllib.parse.urlencode({name: value for name, value in query.items() if value})}"

    with Listener() as listener:
        for missing in ({"code_challenge": "", "code_challenge_method": ""}, {"code_challenge": verifier, "code_challenge_method": "plain"}):
            refused = platform.send("GET", address(**missing))
            assert refused.status == 302 and refused.headers["Location"].startswith(f"{listener.url}?error=invalid_request"), missing
        assert platform.send("GET", address(redirect_uri="https://evil.example.org/callback")).status == 400

        browser.open(address())
        browser.log_in("tim", PASSWORD)
        browser.see("came 1")
        status, answer = exchanged(listener.came[0]["code"], secrets.token_urlsafe(48))
        assert (status, answer.get("error")) == (400, "invalid_grant") and "PKCE" in answer["error_description"]
        browser.open(address())  # that code is spent
        browser.see("came 2")
        assert listener.came[1]["state"] == "of-this-test"
        status, answer = exchanged(listener.came[1]["code"], verifier)
    assert status == 200, answer.get("error_description")
    names = ("churn/by-code", "fraud/by-code")
    tried = [platform.ask(answer["access_token"], "POST", f"{API}/experiments/create", {"name": name}).status for name in names]
    assert tried == [200, 403], "it may do what the person may"


def test_a_session_ends_with_the_token_of_its_login(platform: Platform, browser: Chromium) -> None:
    def declare(**settings: Any) -> None:
        document = mlflow_login.realm_document(platform.secrets, platform.settings | settings)
        platform.realm.apply({"clients": [client for client in document["clients"] if client["clientId"] == "mlflow"]})

    def statuses(cookie: str) -> list[int]:
        return [platform.send("POST", f"{url}{AJAX}/experiments/search", {"max_results": 5}, Cookie=cookie).status for url in platform.urls]

    lasting = enter(browser, platform, "eve")
    browser.call("Storage.clearCookies")
    try:
        declare(keycloak_mlflow_session_seconds=60)  # of which MLflow leaves out the last thirty
        browser.open(platform.url)
        browser.log_in("dan", PASSWORD)
        browser.wait(f"location.href.startsWith({json.dumps(platform.url)})")
        brief = session(browser)
    finally:
        declare()
    browser.open("about:blank")  # MLflow's page would log in again by itself
    group = os.getpgid(platform.keycloak.process.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        assert statuses(brief) == [200, 200], "until its end it holds, also without Keycloak"
        deadline = time.monotonic() + 120
        while statuses(brief) != [401, 401] and time.monotonic() < deadline:
            time.sleep(1)
        assert statuses(brief) == [401, 401]
        assert statuses(lasting) == [200, 200], "others go on"
    finally:
        os.killpg(group, signal.SIGCONT)
    assert statuses(brief) == [401, 401], "it is not renewed"
    page = platform.send("GET", platform.url, Accept="text/html", Sec_Fetch_Dest="document", Cookie=brief)
    assert page.status == 302 and page.headers["location"].startswith("/login?next=")
    browser.open(platform.url)
    browser.wait(f"location.href.startsWith({json.dumps(platform.url)}) && document.body.innerText.includes('Experiments')")
    assert statuses(session(browser)) == [200, 200], "Keycloak still knows who it is, and leads back"


def test_a_session_that_was_made_up_is_none(platform: Platform) -> None:
    made_up = base64.b64encode(json.dumps({"session_id": "x" * 43, "username": "ada"}).encode()).decode()
    assert platform.send("POST", f"{platform.url}{AJAX}/experiments/search", {"max_results": 5}, Cookie=f"{COOKIE}={made_up}.x.y").status == 401
