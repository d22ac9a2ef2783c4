# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends an artifact of any size to MLflow, or fetches it, without ever holding more than 1 MiB of it.

    python upload_artifact.py put URL MIB     sends so many MiB that no compression makes smaller
    python upload_artifact.py get URL

With MLFLOW_TRACKING_TOKEN as who the token says, and over TLS by the authorities in the file REQUESTS_CA_BUNDLE.
Prints one line of JSON: status, bytes, sha256, seconds. Ends with 1 when the answer is no 200.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import ssl
import sys
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

MIB = 1024 * 1024


def content(mebibytes: int, digest: Any) -> Iterator[bytes]:
    source = random.Random(mebibytes)
    for _number in range(mebibytes):
        block = source.randbytes(MIB)
        digest.update(block)
        yield block


def main(verb: str, url: str, mebibytes: int = 0) -> int:
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)
    if where.scheme == "https":
        trusted = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE") or None)
        connection = http.client.HTTPSConnection(where.hostname or "", where.port, timeout=120, context=trusted)
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    login = {"Authorization": f"Bearer {token}"} if token else {}
    digest, size, began = hashlib.sha256(), 0, time.monotonic()
    try:
        if verb == "put":
            headers = {"Content-Length": str(mebibytes * MIB), "Content-Type": "application/octet-stream", **login}
            connection.request("PUT", where.path, body=content(mebibytes, digest), headers=headers)
            answer = connection.getresponse()
            answer.read()
            size = mebibytes * MIB
        else:
            connection.request("GET", where.path, headers=login)
            answer = connection.getresponse()
            while block := answer.read(MIB):
                digest.update(block)
                size += len(block)
    except (OSError, http.client.HTTPException) as exc:
        print(json.dumps({"error": f"{verb} {url}: {type(exc).__name__} {exc}"}))
        return 1
    print(json.dumps({"status": answer.status, "bytes": size, "sha256": digest.hexdigest(), "seconds": round(time.monotonic() - began, 1)}))
    return int(answer.status != 200)


if __name__ == "__main__":
    if len(sys.argv) != {"put": 4, "get": 3}.get(sys.argv[1] if sys.argv[1:] else ""):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
