# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once on one server."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable

from ansible_collections.mlops.platform.plugins.module_utils.engine.runner import FailedError


def at_once(run: Callable[[], object]) -> list[str]:
    """What those of two runs said that failed."""

    def said(_number: int) -> str:
        try:
            run()
        except FailedError as exc:
            return str(exc)
        return ""

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [line for line in pool.map(said, range(2)) if line]
