# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a platform before anything is done: whether its API answers, what it keeps of itself, and its source."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import os
import ssl
import tempfile
import time
import typing as t
import urllib.error
import urllib.request


class ContractError(Exception):
    """A contradiction between what is declared and what was kept; the message is one line for a user."""


def choose_source(declared: str, kept: str, probe: t.Callable[[], tuple[bool, str]]) -> tuple[str, str]:
    """The source in force and why; pure but for the probe, which is called only when nothing else decides.

    :param declared: ``auto``, ``packages`` or ``upstream``.
    :param kept: what the cluster was made with, or an empty string.
    :param probe: tells whether container registries answer, and how that was found out.
    :raises ContractError: when a cluster made with one source is declared with the other.
    """
    if kept and declared not in ("auto", kept):
        raise ContractError(
            f"platform_source is {declared}, but this platform was made with {kept}: set platform_source to {kept} or auto, "
            "or remove the platform (make down) and make it anew"
        )
    if kept:
        return kept, "kept with the cluster"
    if declared != "auto":
        return declared, "declared"
    answers, how = probe()
    return ("upstream" if answers else "packages"), how


def _answers(url: str, deadline: float) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=deadline):
            return True
    except urllib.error.HTTPError as exc:
        return exc.code in (401, 404)  # a registry that wants a login is a registry that answers
    except (OSError, ValueError):
        return False


def probe_registries(urls: list[str], deadline: float = 5.0) -> tuple[bool, str]:
    """Asks all container registries at once, for at most ``deadline`` seconds.

    :returns: whether all of them answered, and a sentence on it.
    """
    began = time.monotonic()
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(urls)))
    asked = {pool.submit(_answers, url, deadline): url for url in urls}
    over, _late = concurrent.futures.wait(asked, timeout=deadline)
    pool.shutdown(wait=False, cancel_futures=True)
    reached = [url for future, url in asked.items() if future in over and future.result()]
    silent = [url for url in urls if url not in reached]
    seconds = f"{time.monotonic() - began:.1f} s"
    if silent:
        return False, f"container registries do not answer ({', '.join(silent)}; asked for {seconds})"
    return True, f"container registries answer (asked for {seconds})"


class Api:
    """A Kubernetes API reached with the standard library: for the few calls that do not justify a second of imports.

    :param timeout: seconds for each request.
    """

    def __init__(self, server: str, context: ssl.SSLContext, headers: dict[str, str], timeout: float = 10.0) -> None:
        self._server = server.rstrip("/")
        self._headers = headers
        self._timeout = timeout
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def _open(self, path: str, method: str = "GET", body: t.Any = None) -> bytes:
        headers = {**self._headers, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server + path, data=data, headers=headers, method=method)
        with self._opener.open(request, timeout=self._timeout) as answer:
            return answer.read()

    def get(self, path: str) -> t.Any:
        """A JSON document.

        :raises OSError: when the API does not answer, or answers with an error (:class:`urllib.error.HTTPError`).
        """
        return json.loads(self._open(path))

    def put(self, path: str, body: t.Any) -> None:
        self._open(path, "PUT", body)

    def answers(self, path: str) -> bool:
        try:
            self._open(path)
        except OSError:
            return False
        return True


def connect(path: str, context_name: str, timeout: float = 10.0) -> Api:
    """The API a context of a kubeconfig leads to, with its CA and its client certificate or token.

    :raises OSError, KeyError, TypeError, ValueError: when the kubeconfig is not there or not complete.
    """
    import yaml  # the controller's

    with open(path, encoding="utf-8") as stream:
        config = yaml.safe_load(stream) or {}
    named = {kind: {entry["name"]: entry[kind[:-1]] for entry in config.get(kind) or []} for kind in ("clusters", "users", "contexts")}
    context = named["contexts"][context_name]
    cluster, user = named["clusters"][context["cluster"]], named["users"][context["user"]]

    def pem(holder: dict[str, t.Any], key: str) -> bytes:
        if f"{key}-data" in holder:
            return base64.b64decode(holder[f"{key}-data"])
        with open(os.path.join(os.path.dirname(path), holder[key]), "rb") as stream:
            return stream.read()

    ca = pem(cluster, "certificate-authority").decode() if {"certificate-authority-data", "certificate-authority"} & set(cluster) else None
    tls = ssl.create_default_context(cadata=ca)
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    if {"client-certificate-data", "client-certificate"} & set(user):
        with tempfile.NamedTemporaryFile() as both:  # mode 0600; OpenSSL takes no key from memory
            both.write(pem(user, "client-certificate") + b"\n" + pem(user, "client-key"))
            both.flush()
            tls.load_cert_chain(both.name)
    return Api(cluster["server"], tls, headers, timeout)


def read_contract(kubeconfig: str, context: str, namespace: str, timeout: float = 3.0) -> dict[str, str] | None:
    """Data of the ConfigMap ``platform-contract``; ``{}`` when it does not exist, ``None`` when the API does not answer.

    :param timeout: seconds to wait for the API.
    """
    try:
        return connect(kubeconfig, context, timeout).get(f"/api/v1/namespaces/{namespace}/configmaps/platform-contract").get("data") or {}
    except urllib.error.HTTPError as exc:
        return {} if exc.code == 404 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
