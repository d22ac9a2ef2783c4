# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of Keycloak's representations whose values are secret, at whatever depth they stand."""

from __future__ import annotations

SECRETS = frozenset(
    {
        "api.key",  # reCAPTCHA Enterprise
        "apiKey",
        "authTokenClientSecret",
        "bindCredential",
        "clientSecret",
        "ecdhPrivateKey",
        "ecdsaPrivateKey",
        "eddsaPrivateKey",
        "keyPassword",
        "keystorePassword",
        "password",
        "privateKey",
        "registrationAccessToken",
        "secret",
        "secret.key",  # reCAPTCHA
        "secretKey",
    }
)
