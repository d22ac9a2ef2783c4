# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Kubernetes API client over one kept connection.

The official client costs a third of a second of imports in every task. It is used only where a kubeconfig gets its
credentials from a program (the clouds); certificates and tokens are handled here with the standard library.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import ssl
import tempfile
import typing as t
import urllib.parse

Json = dict[str, t.Any]

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
}


class KubeError(Exception):
    """Anything that keeps a request from succeeding; its text is one line for people."""


class UnreachableError(KubeError):
    """The API does not answer, or there is no way to it."""


class UnknownKindError(KubeError):
    """The API has no such kind (yet)."""


class ApiError(KubeError):
    """The API refused a request."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{message} ({status} {reason})")
        self.status = status
        self.reason = reason
        self.message = message


class Transport(t.Protocol):
    """Sends one request; raises UnreachableError when nothing answers."""

    def __call__(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        raise NotImplementedError


class Resource(t.NamedTuple):
    """What discovery says of a kind."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ()

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        root = "/api/" if "/" not in self.api_version else "/apis/"
        parts = [root + self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", urllib.parse.quote(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(urllib.parse.quote(name))
        return "/".join(parts)


class Client:
    """Reads and writes objects as plain dictionaries."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport
        self._resources: dict[str, dict[str, Resource]] = {}
        self.requests = 0

    def request(self, method: str, path: str, body: Json | None = None, query: Json | None = None, content_type: str = "application/json") -> t.Any:
        """Sends a request and returns the JSON document of the answer, or its text where it is none."""
        headers = {"Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        if query:
            path += "?" + urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
        self.requests += 1
        status, answer = self._send(method, path, data, headers)
        text = answer.decode("utf-8", "replace")
        try:
            document = json.loads(text) if text else {}
        except ValueError:
            document = text
        if status >= 400:
            details = document if isinstance(document, dict) else {}
            message = str(details.get("message") or text or "no message")
            raise ApiError(status, str(details.get("reason") or http.client.responses.get(status, "")), " ".join(message.split())[:600])
        return document

    def get(self, path: str, **query: t.Any) -> t.Any:
        return self.request("GET", path, query=query)

    def text(self, path: str, **query: t.Any) -> str:
        """What is no JSON document: logs."""
        path += "?" + urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
        self.requests += 1
        status, answer = self._send("GET", path, None, {"Accept": "*/*"})
        if status >= 400:
            raise ApiError(status, http.client.responses.get(status, ""), answer.decode("utf-8", "replace")[:300])
        return answer.decode("utf-8", "replace")

    def find(self, path: str, **query: t.Any) -> t.Any:
        """As get, but None where nothing is found."""
        try:
            return self.get(path, **query)
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise

    def items(self, path: str, **query: t.Any) -> list[Json]:
        """The items of a list, each with the apiVersion and kind that lists leave out."""
        found = self.find(path, **query)
        if not found:
            return []
        kind = re.sub("List$", "", str(found.get("kind", "")))
        return [{"apiVersion": found.get("apiVersion"), "kind": kind, **item} for item in found.get("items") or []]

    def resource(self, api_version: str, kind: str) -> Resource:
        """What the API calls a kind; asked once per version of a group."""
        if kind not in self._resources.get(api_version, {}):
            root = "/api/" if "/" not in api_version else "/apis/"
            found = self.find(root + api_version) or {}
            self._resources[api_version] = {
                item["kind"]: Resource(api_version, item["kind"], item["name"], item["namespaced"], tuple(item.get("verbs") or ()))
                for item in found.get("resources") or []
                if "/" not in item["name"]
            }
        try:
            return self._resources[api_version][kind]
        except KeyError:
            raise UnknownKindError(f"the cluster has no kind {kind} in {api_version}") from None

    def all_resources(self) -> list[Resource]:
        """All kinds in their preferred versions, by aggregated discovery."""
        accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
        result = []
        for root in ("/api", "/apis"):
            self.requests += 1
            status, answer = self._send("GET", root, None, accept)
            if status >= 400:
                raise ApiError(status, http.client.responses.get(status, ""), f"discovery of {root} failed")
            for group in json.loads(answer).get("items") or []:
                name = group["metadata"].get("name") or ""
                for version in (group.get("versions") or [])[:1]:
                    api_version = f"{name}/{version['version']}" if name else version["version"]
                    for item in version.get("resources") or []:
                        kind = (item.get("responseKind") or {}).get("kind") or ""
                        result.append(Resource(api_version, kind, item["resource"], item["scope"] == "Namespaced", tuple(item.get("verbs") or ())))
        return result


def connect(kubeconfig: str | None, context: str | None, timeout: float = 30.0) -> Client:
    """A client for a context of a kubeconfig file.

    :raises UnreachableError: when file or context are not there. Nothing is asked of the API yet.
    """
    path = _path(kubeconfig)
    cluster, user = _read(path, context)
    if _by_program(user):
        return Client(_OfficialTransport(path, context, timeout))
    return Client(_Connection(_access(path, cluster, user), timeout))


class Access(t.NamedTuple):
    """What a connection to an API needs.

    :ivar server: address, with its path if it has one.
    :ivar tls: None for one without TLS.
    :ivar headers: who asks, where no certificate says so.
    """

    server: str
    tls: ssl.SSLContext | None
    headers: dict[str, str]


def access(kubeconfig: str | None, context: str | None) -> Access:
    """What a connection needs that is made by somebody else than the client.

    :raises UnreachableError: when file or context are not there.
    """
    path = _path(kubeconfig)
    cluster, user = _read(path, context)
    if not _by_program(user):
        return _access(path, cluster, user)
    return _OfficialTransport(path, context, 30.0).access(_tls(os.path.dirname(path), cluster, {}))


def _path(kubeconfig: str | None) -> str:
    return os.path.expanduser(kubeconfig or os.environ.get("KUBECONFIG", "").split(":")[0] or "~/.kube/config")


def _by_program(user: Json) -> bool:
    return bool({"exec", "auth-provider"} & set(user))


def _access(path: str, cluster: Json, user: Json) -> Access:
    folder, server = os.path.dirname(path), str(cluster["server"]).rstrip("/")
    try:
        tls = None if urllib.parse.urlsplit(server).scheme == "http" else _tls(folder, cluster, user)
        return Access(server, tls, _authorization(folder, user))
    except (OSError, ValueError) as exc:
        raise UnreachableError(f"kubeconfig {path}: credentials cannot be read: {exc}") from exc


def reach(kubeconfig: str | None, context: str | None, check_mode: bool, say: t.Callable[[str], object]) -> Client | None:
    """A client whose API has answered; None in check mode where none does, for then everything is still to be created."""
    try:
        client = connect(kubeconfig, context)
    except UnreachableError:
        if not check_mode:
            raise
        return None
    try:
        client.get("/version")
    except UnreachableError as exc:
        if not check_mode:
            raise
        say(f"nothing to compare with, shown is what would be created: {exc}")  # a cluster that is there may just be down
        return None
    return client


def _read(path: str, context: str | None) -> tuple[Json, Json]:
    import yaml  # the controller's

    try:
        with open(path, encoding="utf-8") as stream:
            config = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}  # noqa: S506  both are safe
    except OSError as exc:
        raise UnreachableError(f"kubeconfig {path}: {exc.strerror}; the cluster has not been created yet, or the path is wrong") from exc
    except yaml.YAMLError as exc:
        raise UnreachableError(f"kubeconfig {path} is not YAML: {' '.join(str(exc).split())}") from exc
    wanted = context or config.get("current-context")
    try:
        entry = _named(config, "contexts", wanted)["context"]
        return _named(config, "clusters", entry["cluster"])["cluster"], _named(config, "users", entry["user"]).get("user") or {}
    except (KeyError, TypeError) as exc:
        raise UnreachableError(f"kubeconfig {path} has no complete context {wanted!r}") from exc


def _named(config: Json, section: str, name: t.Any) -> Json:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            return entry
    raise KeyError(name)


class _Connection:
    """One kept connection, opened anew when the server closed it."""

    def __init__(self, way: Access, timeout: float) -> None:
        self._server = way.server
        url = urllib.parse.urlsplit(way.server)
        self._prefix = url.path
        self._http: http.client.HTTPConnection
        if way.tls is None:
            self._http = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=timeout)
        else:
            self._http = http.client.HTTPSConnection(url.hostname or "", url.port or 443, timeout=timeout, context=way.tls)
        self._headers = way.headers

    def __call__(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        for fresh in (self._http.sock is None, True):
            try:
                self._http.request(method, self._prefix + path, body, {**headers, **self._headers})
                response = self._http.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as exc:
                self._http.close()
                # Only a kept connection that the server closed in the meantime is worth a second try. Should the first try have
                # arrived after all, nothing is lost: applying and deleting twice is harmless, creating twice is refused.
                if fresh or isinstance(exc, TimeoutError):
                    raise UnreachableError(f"the Kubernetes API at {self._server} does not answer: {exc or type(exc).__name__}") from exc
        raise AssertionError("unreachable")


def _bytes(folder: str, holder: Json, key: str) -> bytes | None:
    if holder.get(f"{key}-data"):
        return base64.b64decode(holder[f"{key}-data"])
    if holder.get(key):
        with open(os.path.join(folder, holder[key]), "rb") as stream:
            return stream.read()
    return None


def _tls(folder: str, cluster: Json, user: Json) -> ssl.SSLContext:
    authority = _bytes(folder, cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _bytes(folder, user, "client-certificate"), _bytes(folder, user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # readable by us only; OpenSSL takes no key from memory
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _authorization(folder: str, user: Json) -> dict[str, str]:
    token = user.get("token")
    if not token and user.get("tokenFile"):
        with open(os.path.join(folder, user["tokenFile"]), encoding="utf-8") as stream:
            token = stream.read().strip()
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {}


class _OfficialTransport:
    """The official client's way in, for credentials that come from a program."""

    def __init__(self, path: str, context: str | None, timeout: float) -> None:
        try:
            from kubernetes import config
        except ImportError as exc:
            raise UnreachableError("this kubeconfig needs the Python package kubernetes, which is not installed") from exc
        try:
            self._client = config.new_client_from_config(path, context)
        except Exception as exc:  # the library raises many kinds
            raise UnreachableError(f"kubeconfig {path}: {' '.join(str(exc).split())}") from exc
        self._timeout = timeout

    def access(self, tls: ssl.SSLContext) -> Access:
        """What another connection needs.

        :param tls: knows the cluster's authority; gets the certificate that the program made, if it made one.
        """
        configuration = self._client.configuration
        headers: dict[str, str] = {}
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        if configuration.cert_file:
            tls.load_cert_chain(configuration.cert_file, configuration.key_file)
        return Access(str(configuration.host).rstrip("/"), tls, headers)

    def __call__(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        url = self._client.configuration.host + path
        headers = dict(headers)
        self._client.update_params_for_auth(headers, [], ["BearerToken"])
        try:
            response = self._client.rest_client.pool_manager.request(
                method, url, body=body, headers=headers, timeout=self._timeout, retries=False, preload_content=True
            )
        except Exception as exc:  # urllib3 raises many kinds
            raise UnreachableError(f"the Kubernetes API at {self._client.configuration.host} does not answer: {exc}") from exc
        return response.status, response.data


def title(item: Json) -> str:
    """Kind, namespace and name of an object, for people."""
    metadata = item.get("metadata") or {}
    name = metadata.get("name") or metadata.get("generateName") or "?"
    return f"{item.get('kind')} {metadata['namespace'] + '/' if metadata.get('namespace') else ''}{name}"
