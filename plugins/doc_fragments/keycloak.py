# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of all modules that talk to Keycloak; the argument spec is in module_utils/keycloak/arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared documentation."""

    DOCUMENTATION = r"""
options:
  url:
    description: Address of the server, with its base path if it has one. Without it, the environment variable E(KEYCLOAK_URL). Needed.
    type: str
  auth_realm:
    description: Realm to log in to. Without it, E(KEYCLOAK_AUTH_REALM).
    type: str
    default: master
  auth_client_id:
    description: Client that logs in, itself or for a user. Without it, E(KEYCLOAK_CLIENT_ID).
    type: str
    default: admin-cli
  auth_client_secret:
    description: The client's secret. Alone, the client's service account logs in. Without it, E(KEYCLOAK_CLIENT_SECRET).
    type: str
  auth_private_key:
    description:
      - The client's RSA key as PEM, with which it signs a proof of itself (C(private_key_jwt), RS256), instead of a secret.
      - Without it, E(KEYCLOAK_PRIVATE_KEY).
    type: str
  auth_private_key_id:
    description: Identifier of O(auth_private_key), where the server knows several of the client. Without it, E(KEYCLOAK_PRIVATE_KEY_ID).
    type: str
  auth_assertion:
    description:
      - A proof of the client that somebody else signed (federated client authentication). Without it, E(KEYCLOAK_CLIENT_ASSERTION).
      - Keycloak takes most of them once only; what has to log in again needs O(auth_assertion_file) or O(auth_private_key).
    type: str
  auth_assertion_file:
    description: File that holds such a proof, read at every login; a Kubernetes service account's token, say. Without it, E(KEYCLOAK_CLIENT_ASSERTION_FILE).
    type: path
  auth_username:
    description: User that logs in. Without it, E(KEYCLOAK_USERNAME).
    type: str
  auth_password:
    description: The user's password. Without it, E(KEYCLOAK_PASSWORD).
    type: str
  auth_totp:
    description:
      - The user's one-time password. Without it, E(KEYCLOAK_TOTP).
      - Each counts once and lasts for one task, and for the next ones while the token lives that O(token_cache) keeps; for longer plays, let a client log in.
    type: str
  auth_refresh_token:
    description: A refresh token to get access tokens with. Without it, E(KEYCLOAK_REFRESH_TOKEN).
    type: str
  auth_scope:
    description: Scope to ask for at the login.
    type: str
  token:
    description: An access token, used as it is and never renewed. Without it, E(KEYCLOAK_TOKEN).
    type: str
  token_cache:
    description:
      - Keep the access token for the next tasks, in a file below E(XDG_RUNTIME_DIR) (or E(XDG_CACHE_HOME)) that only this user can read,
        until it has lived for most of its life. Passwords are not kept.
    type: bool
    default: true
notes:
  - One way to log in that a task's options name rules out the environment's variables of the others; with a user or a refresh token, a client's proof
    from the environment still counts.
  - Needs Keycloak 26 or newer, and nothing but Python's standard library where it runs.
  - A client logs in with its certificate alone when O(client_cert) is given and no other proof.
"""

    # Modules that work in one realm.
    REALM = r"""
options:
  realm:
    description: Realm to work in. Without it, E(KEYCLOAK_REALM).
    type: str
"""

    # For the modules that write.
    WRITING = r"""
options:
  parallel:
    description: How many independent objects are written at the same time.
    type: int
    default: 4
"""
