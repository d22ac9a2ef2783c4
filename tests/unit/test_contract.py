# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which source is in force, and what is read of a platform that is not there."""

from __future__ import annotations

import pathlib
import socket

import pytest
from ansible_collections.mlops.platform.plugins.module_utils import contract


@pytest.mark.parametrize(
    ("declared", "kept", "answers", "expected"),
    [
        ("auto", "", True, "upstream"),
        ("auto", "", False, "packages"),
        ("packages", "", True, "packages"),
        ("upstream", "", False, "upstream"),
        ("auto", "packages", True, "packages"),
        ("packages", "packages", True, "packages"),
    ],
)
def test_source(declared: str, kept: str, answers: bool, expected: str) -> None:
    assert contract.choose_source(declared, kept, lambda: (answers, "asked"))[0] == expected


def test_a_probe_only_where_nothing_else_decides() -> None:
    def probe() -> tuple[bool, str]:
        raise AssertionError("asked without need")

    contract.choose_source("auto", "packages", probe)
    contract.choose_source("upstream", "", probe)


def test_another_source_for_an_existing_platform_is_refused() -> None:
    with pytest.raises(contract.ContractError, match="was made with packages") as caught:
        contract.choose_source("upstream", "packages", lambda: (True, ""))
    assert "make down" in str(caught.value)


def test_registries_that_do_not_answer() -> None:
    with socket.socket() as silent:  # accepts, never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        answers, how = contract.probe_registries([f"http://127.0.0.1:{silent.getsockname()[1]}/v2/"], deadline=0.3)
    assert not answers and "do not answer" in how


def test_no_kubeconfig_is_no_api(tmp_path: pathlib.Path) -> None:
    assert contract.read_contract(str(tmp_path / "kubeconfig"), "kind-x", "mlops-platform") is None
    (tmp_path / "kubeconfig").write_text("{}")
    assert contract.read_contract(str(tmp_path / "kubeconfig"), "kind-x", "mlops-platform") is None
