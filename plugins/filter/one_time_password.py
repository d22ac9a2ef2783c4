# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: one_time_password
short_description: One-time password of a program that logs in with a second factor
version_added: 0.1.0
author: The mlops.platform authors (@mlops-platform)
description:
  - Returns a code of RFC 4226 (HOTP), which counts logins and not seconds, so that two logins may follow each other at once.
positional: counter
options:
  _input:
    description: The secret that both sides know, as text.
    type: str
    required: true
  counter:
    description: Number of the login, from 0.
    type: int
    required: true
  digits:
    description: Length of the code.
    type: int
    default: 6
"""

EXAMPLES = r"""
- name: Log in with a second factor
  mlops.platform.login_checks:
    name: a person logs in
    url: https://mlflow.mlops.localhost:8443/login
    username: ann
    password: "{{ ann_password }}"
    one_time_password: "{{ ann_otp_secret | mlops.platform.one_time_password(0) }}"
    ca_path: "{{ platform_ca_bundle }}"
"""

RETURN = r"""
_value:
  description: The code.
  type: str
"""

import hmac
from collections.abc import Callable

from ansible.errors import AnsibleFilterError


def one_time_password(secret: str, counter: int, digits: int = 6) -> str:
    """Returns the code of a login (RFC 4226, section 5.3).

    :raises AnsibleFilterError: for a counter below zero, or other lengths than 6 to 8.
    """
    if int(counter) < 0 or not 6 <= int(digits) <= 8:
        raise AnsibleFilterError(f"one_time_password: counter {counter} and {digits} digits; a counter begins at 0, and a code has 6 to 8 digits")
    digest = hmac.new(str(secret).encode(), int(counter).to_bytes(8, "big"), "sha1").digest()
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10 ** int(digits)).zfill(int(digits))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"one_time_password": one_time_password}
