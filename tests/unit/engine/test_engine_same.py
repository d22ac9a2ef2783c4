# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import same


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(10, 10.0, True), (10, 10.5, False), ("10", 10, True), (True, "true", True), (True, 1, False), ([1, 2], ["1", 2.0], True)],
)
def test_same(one: Any, other: Any, expected: bool) -> None:
    assert same(one, other) is expected
