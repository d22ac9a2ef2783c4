# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-time passwords, as RFC 4226 has them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.platform.plugins.filter.one_time_password import one_time_password

# Appendix D of the RFC.
CODES = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


def test_the_codes_are_those_of_the_rfc() -> None:
    assert [one_time_password("12345678901234567890", counter) for counter in range(10)] == CODES
    assert one_time_password("12345678901234567890", 0, digits=8) == "84755224"


@pytest.mark.parametrize(("counter", "digits"), [(-1, 6), (0, 5), (0, 9)])
def test_what_is_no_code_is_refused(counter: int, digits: int) -> None:
    with pytest.raises(AnsibleFilterError, match="a counter begins at 0, and a code has 6 to 8 digits"):
        one_time_password("secret", counter, digits)
