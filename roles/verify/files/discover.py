# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside the cluster: the issuer's public address answers, its certificate is trusted, and it says of itself what it is called outside.

Prints one line of JSON. Environment: VERIFY_ISSUER, REQUESTS_CA_BUNDLE (empty for the system's authorities).
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.request


def discover(issuer: str, ca_path: str | None) -> str:
    """What the issuer calls itself."""
    tls = ssl.create_default_context(cafile=ca_path or None)
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=30, context=tls) as answer:
        return str(json.load(answer)["issuer"])


def main() -> int:
    issuer = os.environ["VERIFY_ISSUER"]
    try:
        said = discover(issuer, os.environ.get("REQUESTS_CA_BUNDLE"))
        result = {"ok": said == issuer, "error": "" if said == issuer else f"{issuer} calls itself {said}", "detail": f"{said} in the cluster too"}
    except Exception as exc:  # whatever it is, the report says so
        result = {"ok": False, "error": f"{issuer}: {type(exc).__name__}: {exc}"[:500]}
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
