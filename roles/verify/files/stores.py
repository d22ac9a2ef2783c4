# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into the database and the bucket from inside a server, with the server's own environment; changes nothing.

Prints one line of JSON. Arguments: the bucket, and the prefix of the objects to count. MLflow itself is not imported, which would take seconds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
import typing as t


def database() -> dict[str, t.Any]:
    """The revision the database is at, and the one this version of MLflow wants."""
    import psycopg2
    from alembic.script import ScriptDirectory

    uri = os.environ["MLFLOW_BACKEND_STORE_URI"].replace("+psycopg2", "")
    with psycopg2.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num, current_setting('server_version'), pg_is_in_recovery() FROM alembic_version")
        current, server, read_only = cursor.fetchone()
    spec = importlib.util.find_spec("mlflow")
    migrations = os.path.join(os.path.dirname(str(spec and spec.origin)), "store", "db_migrations")
    head = ScriptDirectory(migrations).get_current_head()
    seen = {"ok": current == head and not read_only, "current": current, "head": head, "server": server}
    if not seen["ok"]:
        seen["error"] = "the database can only be read" if read_only else f"the database is at revision {current}, this MLflow wants {head}"
    return seen


def bucket(name: str, prefix: str) -> dict[str, t.Any]:
    """How many objects there are under a prefix of the server's bucket, and how large they are."""
    import boto3
    from botocore.config import Config

    style = {"addressing_style": os.environ.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE", "auto")}
    client = boto3.client("s3", endpoint_url=os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None, config=Config(s3=style))
    found = client.list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])
    if not found:
        return {"ok": False, "error": f"nothing under {prefix} in the bucket {name}"}
    return {"ok": True, "bucket": name, "objects": len(found), "bytes": sum(item["Size"] for item in found)}


def main() -> int:
    result: dict[str, t.Any] = {}
    for name, look in (("database", database), ("bucket", lambda: bucket(*sys.argv[1:3]))):
        began = time.monotonic()
        try:
            result[name] = look()
        except Exception as exc:  # whatever it is, the report says so
            result[name] = {"ok": False, "error": f"{type(exc).__name__}: {exc}"[:300]}
        result[name]["seconds"] = round(time.monotonic() - began, 3)
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
