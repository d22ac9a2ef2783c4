# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least an OpenID provider has to be for mlflow-oidc-auth to trust a token. Runs in the server's own environment.

Usage: oidc_provider.py <port> <file for an administrator's token>
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from joserfc import jwk, jwt

port, token_file = int(sys.argv[1]), Path(sys.argv[2])
issuer = f"http://127.0.0.1:{port}"
key = jwk.RSAKey.generate_key(2048, {"kid": "only", "use": "sig", "alg": "RS256"})
now = int(time.time())
person = {"email": "admin@example.org", "email_verified": True, "name": "Admin", "groups": ["mlflow", "mlflow-admin"]}
claims = {"iss": issuer, "aud": "mlflow", "sub": "1", "iat": now, "exp": now + 7200, **person}
PAGES = {
    "/.well-known/openid-configuration": {
        "issuer": issuer,
        **{f"{name}_endpoint": f"{issuer}/{name}" for name in ("authorization", "token", "userinfo")},
        "jwks_uri": f"{issuer}/keys",
        "id_token_signing_alg_values_supported": ["RS256"],
    },
    "/keys": {"keys": [key.as_dict(private=False)]},
}


class Handler(BaseHTTPRequestHandler):
    """Answers with the two documents that there are."""

    def do_GET(self) -> None:
        page = PAGES.get(self.path)
        body = json.dumps(page or {}).encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
token_file.touch(0o600)
token_file.write_text(jwt.encode({"alg": "RS256", "kid": "only"}, claims, key))
server.serve_forever()
