# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of S3 as it takes to look for a bucket and to make one, over a connection that is already there."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import re
import typing as t
import urllib.parse


class S3Error(Exception):
    """An answer that was not expected; the message is one line for a user."""


class Credentials(t.NamedTuple):
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    service: str = "s3"


def signed_headers(method: str, path: str, host: str, credentials: Credentials, moment: datetime.datetime, body: bytes = b"") -> dict[str, str]:
    """Headers of a request without a query, signed with Signature Version 4.

    :param path: absolute path, not yet quoted.
    :param moment: time of the request, in UTC.
    """
    stamp, digest = moment.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-date": stamp}
    if credentials.service == "s3":
        headers["x-amz-content-sha256"] = digest
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join([method, urllib.parse.quote(path), "", lines, names, digest])
    scope = f"{stamp[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + credentials.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return headers | {"Authorization": f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"}


class S3:
    """A client for one endpoint, path style."""

    def __init__(self, connection: http.client.HTTPConnection, host: str, credentials: Credentials) -> None:
        self._connection, self._host, self._credentials = connection, host, credentials

    def has_bucket(self, name: str) -> bool:
        """Whether the bucket is there."""
        status, _body = self._request("HEAD", name)
        if status not in (200, 404):
            raise S3Error(f"the object store answered {status} when asked for bucket {name}{_hint(status)}")
        return status == 200

    def make_bucket(self, name: str) -> None:
        """Makes the bucket; one that came into being meanwhile is as good."""
        status, body = self._request("PUT", name)
        if status != 200 and not (status == 409 and b"BucketAlreadyOwnedByYou" in body):
            raise S3Error(f"the object store answered {status} {_code(body)} when told to make bucket {name}{_hint(status)}")

    def _request(self, method: str, bucket: str) -> tuple[int, bytes]:
        path = f"/{bucket}"
        headers = signed_headers(method, path, self._host, self._credentials, datetime.datetime.now(datetime.UTC))
        try:
            self._connection.request(method, urllib.parse.quote(path), headers=headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise S3Error(f"the object store does not answer: {type(exc).__name__} {exc}".strip()) from exc


def _code(body: bytes) -> str:
    found = re.search(rb"<Code>(\w+)</Code>", body)
    return found[1].decode() if found else ""


def _hint(status: int) -> str:
    return ": it does not take these credentials; it was perhaps started with others" if status == 403 else ""


def ensure_buckets(store: S3, names: list[str], check: bool = False) -> list[str]:
    """Makes the buckets that are missing, or only looks for them.

    :returns: names of the buckets that were missing.
    """
    missing = [name for name in names if not store.has_bucket(name)]
    for name in missing if not check else []:
        store.make_bucket(name)
    return missing
