# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret in an object, at whatever depth."""

from __future__ import annotations

from ansible_collections.mlops.platform.plugins.module_utils.engine.secrets import HIDDEN, collected, redacted

KEYS = frozenset({"secret_value"})


def test_a_map_under_a_secret_key_is_secret_as_a_whole() -> None:
    document = {"name": "openai", "secret_value": {"api_key": "sk-123456", "more": [{"deep": "abcdefgh"}]}}
    assert collected(document, KEYS) == {"sk-123456", "abcdefgh"}
    assert redacted(document, KEYS) == {"name": "openai", "secret_value": {"api_key": HIDDEN, "more": [{"deep": HIDDEN}]}}
