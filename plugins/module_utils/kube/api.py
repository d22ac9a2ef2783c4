# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API reached with the standard library: for reads that do not justify a second of imports."""

from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
import typing as t
import urllib.request


class Api:
    """One API server and how to be let in.

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

    def text(self, path: str) -> str:
        """A document that is no JSON, a log for instance."""
        return self._open(path).decode("utf-8", "replace")

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
