# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to how a server is reached."""

from __future__ import annotations

import ssl

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.platform.plugins.doc_fragments.connection import ModuleDocFragment
from ansible_collections.mlops.platform.plugins.module_utils.engine.connection import CONNECTION, settings_of
from ansible_collections.mlops.platform.plugins.module_utils.engine.http import Http


def settings(**given):
    return settings_of(ArgumentSpecValidator(CONNECTION).validate(given).validated_parameters, "https://sso.example:8443/auth")


def test_certificates_are_verified_unless_told_otherwise() -> None:
    assert Http(settings())._tls.verify_mode is ssl.CERT_REQUIRED
    assert Http(settings(validate_certs=False))._tls.verify_mode is ssl.CERT_NONE


def test_headers_say_who_asks() -> None:
    assert dict(settings(extra_headers={"X-Key": 1}).headers) == {"User-Agent": "mlops.platform", "X-Key": "1"}


def test_every_option_is_documented() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {name: (option["type"], option.get("default")) for name, option in documented.items()} == {
        name: (option["type"], option.get("default")) for name, option in CONNECTION.items()
    }
