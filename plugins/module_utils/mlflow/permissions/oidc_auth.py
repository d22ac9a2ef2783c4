# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions kept by mlflow-oidc-auth."""

from __future__ import annotations

from .backend import Backend


class OidcAuth(Backend):
    """mlflow-oidc-auth, 11 and newer."""

    name = "oidc_auth"
