# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` writes down."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

RECAP = """
TASK [x] changed=9
PLAY RECAP *****
controller                 : ok=40   changed=2    unreachable=0    failed=0    skipped=3    rescued=0    ignored=0
other                      : ok=4    changed=1    unreachable=0    failed=0    skipped=3    rescued=0    ignored=0
"""


@pytest.fixture
def bench(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(repository / "tests" / "benchmarks"))
    sys.modules.pop("run", None)
    module = importlib.import_module("run")
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def test_the_recap_is_read_from_its_end(bench):
    assert bench.recap(RECAP, "changed") == 3


@pytest.mark.parametrize(
    ("figure", "value", "details", "met"),
    [
        ("second_up", 59.0, {"changed": 0}, True),
        ("second_up", 61.0, {"changed": 0}, False),
        ("second_up", 10.0, {"changed": 1}, False),
        ("down", 30.0, {}, True),
    ],
)
def test_a_figure_is_met_within_its_limit_and_without_a_change(bench, tmp_path, figure, value, details, met):
    bench.write(figure, value, "seconds", **details)
    written = json.loads((tmp_path / f"{figure}.json").read_text(encoding="utf-8"))
    assert written["met"] is met
    assert written["value"] == value
    assert set(written["machine"]) == {"cores", "memory_gib", "architecture", "system", "cgroups"}
