# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two MLflow servers behind the platform's login, as the role mlflow configures them, with a real Keycloak and a real PostgreSQL."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import authority
import debian
import keycloak_server
import postgresql
import pytest
import role_settings
from keycloak_client import Realm
from ports import free_port

DOMAIN = "mlops.localhost"
PASSWORD = secrets.token_urlsafe(18)
# Who is in which group.
PEOPLE = {
    "ada": ["platform-admins"],
    "eve": ["ml-engineers"],
    "dan": ["data-scientists"],
    "tim": ["team-churn"],
    "tom": ["team-fraud"],
    "vic": ["viewers"],
    "nob": [],
}
MACHINES = {"mlflow-config": ["platform-admins"], "pipelines": ["ml-engineers"]}
TEAMS = [{"name": "sandbox", "group": "data-scientists"}, {"name": "churn", "group": "team-churn"}, {"name": "fraud", "group": "team-fraud"}]


@dataclasses.dataclass
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


@dataclasses.dataclass
class Platform:
    """Everything that a test needs.

    :ivar urls: of the MLflow servers; all of them are one installation.
    :ivar secrets: of the clients of the realm, by name.
    """

    keycloak: keycloak_server.Keycloak
    realm: Realm
    issuer: str
    urls: list[str]
    certificates: authority.Certificates
    secrets: dict[str, str] = dataclasses.field(repr=False)
    settings: dict[str, Any] = dataclasses.field(repr=False)
    processes: list[subprocess.Popen[bytes]]

    @property
    def url(self) -> str:
        return self.urls[0]

    def send(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        """One request; redirects are not followed."""
        known = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.certificates.ca))))
        try:
            with opener.open(urllib.request.Request(url, data, known, method=method), timeout=60) as reply:
                return Answer(reply.status, reply.read(), dict(reply.headers.items()))
        except urllib.error.HTTPError as exc:
            return Answer(exc.code, exc.read(), dict(exc.headers.items()))

    def ask(self, token: str, method: str, path: str, body: Any = None, server: int = 0, **headers: str) -> Answer:
        """One request of a program to MLflow."""
        return self.send(method, self.urls[server] + path, body, **({"Authorization": f"Bearer {token}"} if token else {}), **headers)

    def _token(self, realm: str, form: dict[str, str]) -> str:
        where = f"{self.issuer.rpartition('/')[0]}/{realm}/protocol/openid-connect/token"
        found = self.send("POST", where, urllib.parse.urlencode(form).encode(), Content_Type="application/x-www-form-urlencoded")
        assert found.status == 200, found.body
        return str(found.json["access_token"])

    def token(self, who: str, realm: str = "platform") -> str:
        """A person's or machine's access token."""
        if who in MACHINES:
            return self._token(realm, {"grant_type": "client_credentials", "client_id": who, "client_secret": self.secrets[who]})
        # The test's own way to a person's token; the realm's document allows the device and the authorization code flows only.
        return self._token(realm, {"grant_type": "password", "client_id": "test-people", "username": who, "password": PASSWORD, "scope": "openid"})


def realm_document(client_secrets: dict[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """The platform's realm as the role keycloak declares it, with people to test with and clients through which a test gets their tokens."""
    machines = [{"client_id": name, "groups": given} for name, given in MACHINES.items() if name != "mlflow-config"]
    more = {"keycloak_users": [], "keycloak_groups": ["team-churn", "team-fraud"], "keycloak_machine_clients": machines, "__keycloak_secrets": {}}
    document: dict[str, Any] = role_settings.render("keycloak", "lookup('ansible.builtin.template', 'realm.yml.j2') | from_yaml", **settings, **more)
    for client in document["clients"]:
        if client["clientId"] in client_secrets:
            client["secret"] = client_secrets[client["clientId"]]
    scopes = ["basic", "profile", "groups"]
    for name, further in (("test-people", ["mlflow-audience"]), ("test-other", [])):
        document["clients"].append({"clientId": name, "publicClient": True, "directAccessGrantsEnabled": True, "defaultClientScopes": [*scopes, *further]})
    for name, given in PEOPLE.items():
        person = {"username": name, "enabled": True, "email": f"{name}@example.org", "firstName": name, "lastName": "Test", "groups": given}
        document["users"].append(person | {"credentials": [{"type": "password", "value": PASSWORD, "temporary": False}]})
    return document


def settings_of(port: int, issuer: str, ca: Path, database: postgresql.Database) -> dict[str, Any]:
    """The variables of a site whose parts are processes of this machine."""
    secret = {"namespace": "keycloak", "name": "x", "key": "client-secret"}
    return {
        "platform_domain": DOMAIN,
        "platform_https_port": port,
        "platform_issuer_url": issuer,
        "platform_ca_bundle": str(ca),
        "platform_gateway": {"namespace": "gateway-system", "name": "platform", "https_port": port},
        "platform_oidc_clients": {"mlflow": {"client_id": "mlflow", "secret": secret}, "mlflow_config": {"client_id": "mlflow-config", "secret": secret}},
        "platform_databases": {
            "mlflow": {"host": "127.0.0.1", "port": database.port, "name": "postgres", "sslmode": "disable", "ca": {}, "secret": {}},
        },
        "mlflow_teams": TEAMS,
    }


def _values(container: dict[str, Any], more: dict[str, str]) -> dict[str, str]:
    """The environment of a container, as a process of this machine needs it."""
    return {item["name"]: item["value"] for item in container["env"] if "value" in item} | more


@contextlib.contextmanager
def _server(
    python: Path, folder: Path, container: dict[str, Any], environment: dict[str, str], port: int, certificates: authority.Certificates
) -> Iterator[Any]:
    folder.mkdir()
    (folder / "code").mkdir()
    for name, text in role_settings.render("mlflow", "__mlflow_files").items():
        (folder / "code" / name).write_text(text)
    changed = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--artifacts-destination": str(folder.parent / "artifacts"),
        "--expose-prometheus": str(folder / "m"),
    }
    arguments = []
    for argument in container["args"]:
        name, _sep, value = argument.partition("=")
        arguments.append(f"{name}={changed.get(name, value)}")
        if name == "--uvicorn-opts":
            arguments[-1] += f" --ssl-keyfile={certificates.key} --ssl-certfile={certificates.certificate}"
    log = folder / "server.log"
    with open(log, "wb") as output:
        command = [str(python), str(folder / "code" / "serve.py"), *arguments]
        process = subprocess.Popen(
            command, env={**environment, "HOME": str(folder), "TMPDIR": str(folder)}, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        context, deadline = ssl.create_default_context(cafile=str(certificates.ca)), time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(f"https://mlflow.{DOMAIN}:{port}/health", timeout=5, context=context):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"MLflow does not answer:\n{log.read_text(errors='replace')[-4000:]}")
                time.sleep(0.3)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def keycloak_at(folder: Path, certificates: authority.Certificates, port: int) -> Iterator[keycloak_server.Keycloak]:
    """Keycloak under its public name."""
    tls = (f"--https-certificate-file={certificates.certificate}", f"--https-certificate-key-file={certificates.key}", f"--https-port={port}")
    name = f"--hostname=https://keycloak.{DOMAIN}:{port}"
    with keycloak_server.running(folder, "dev-mem", *tls, name) as server:
        yield server


@contextlib.contextmanager
def running(python: Path, folder: Path) -> Iterator[Platform]:
    """The platform's login and two servers of MLflow behind it.

    :param python: with what the image of MLflow has.
    """
    debian.install(lambda: subprocess.run(["getent", "hosts", f"mlflow.{DOMAIN}"], capture_output=True, check=False).returncode == 0, "libnss-myhostname")
    certificates = authority.make(folder, f"mlflow.{DOMAIN}", f"keycloak.{DOMAIN}")
    ports, keycloak_port = [free_port(), free_port()], free_port()
    issuer = f"https://keycloak.{DOMAIN}:{keycloak_port}/realms/platform"
    client_secrets = {name: secrets.token_urlsafe(24) for name in ("mlflow", *MACHINES)}
    with postgresql.running(folder) as database, keycloak_at(folder, certificates, keycloak_port) as keycloak:
        settings = settings_of(ports[0], issuer, certificates.ca, database)
        realm = Realm(keycloak, "platform")
        realm.apply(realm_document(client_secrets, settings))
        base = {"PATH": f"{python.parent}:/usr/bin:/bin", "PGUSER": postgresql.USER, "PGPASSWORD": database.password}
        job = role_settings.render("mlflow", "__mlflow_migration", **settings)["spec"]["template"]["spec"]["containers"][0]
        migrate = [str(python), *job["command"][1:]]
        for _again in range(2):
            done = subprocess.run(migrate, env=_values(job, base), cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
        container = role_settings.render("mlflow", "__mlflow_server", **settings)["spec"]["template"]["spec"]["containers"][0]
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        own = {
            **base,
            "OIDC_CLIENT_SECRET": client_secrets["mlflow"],
            "SECRET_KEY": secrets.token_urlsafe(48),
            "MLFLOW_PLATFORM_CA": str(certificates.ca),
            "MLFLOW_CRYPTO_KEK_PASSPHRASE": key,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": key,
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": key,
        }
        environment = _values(container, own)
        # The second server is the same installation under another port, which no route of a gateway would show.
        environment["MLFLOW_SERVER_ALLOWED_HOSTS"] += f",mlflow.{DOMAIN}:{ports[1]}"
        with contextlib.ExitStack() as servers:
            processes = [
                servers.enter_context(_server(python, folder / f"mlflow-{number}", container, environment, port, certificates))
                for number, port in enumerate(ports)
            ]  # fmt: skip
            urls = [f"https://mlflow.{DOMAIN}:{port}" for port in ports]
            yield Platform(keycloak, realm, issuer, urls, certificates, client_secrets, settings, processes)
