# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines said by a module are shown at once, whole, and without control characters."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from types import SimpleNamespace

from ansible import constants
from ansible_collections.mlops.platform.plugins.module_utils.progress import PROGRESS_FILE_VARIABLE, Progress
from ansible_collections.mlops.platform.plugins.plugin_utils import progress_action


def test_says_lines_into_the_file_given(tmp_path):
    path = tmp_path / "lines"
    path.touch()
    progress = Progress(str(path))
    progress.say("one")
    progress.say("two\nthree\n")
    assert path.read_text() == "one\ntwo\nthree\n"


def test_takes_the_file_from_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "lines"
    path.touch()
    monkeypatch.setenv(PROGRESS_FILE_VARIABLE, str(path))
    Progress().say("one")
    assert path.read_text() == "one\n"


def test_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.delenv(PROGRESS_FILE_VARIABLE, raising=False)
    Progress(None).say("lost")
    gone = tmp_path / "gone"
    Progress(str(gone)).say("lost")
    assert not gone.exists(), "a file that the watcher removed is not made again"


def test_follower_shows_whole_lines_while_they_come(tmp_path):
    path = tmp_path / "lines"
    path.touch()
    shown: list[str] = []
    follower = progress_action.Follower(str(path), shown.append, poll=0.01)
    follower.start()
    with path.open("ab", buffering=0) as stream:
        stream.write(b"first\nsec")
        deadline = time.monotonic() + 10
        while not shown and time.monotonic() < deadline:
            time.sleep(0.01)
        assert shown == ["first"]
        stream.write("ond — \x1b[31mred\x1b[0m\r\n\n".encode())
        stream.write(b"no newline at the end")
    follower.stop()
    assert shown == ["first", "second — red", "no newline at the end"]


def _action(monkeypatch, module, *, transport="local", no_log=False, async_val=0):
    """An action whose module is a function of the task's environment."""
    action = object.__new__(progress_action.ProgressActionModule)
    action._task = SimpleNamespace(environment=[{"FOO": "bar"}], no_log=no_log, async_val=async_val)
    action._connection = SimpleNamespace(transport=transport)
    monkeypatch.setattr(action, "_is_become_unprivileged", lambda: False)
    monkeypatch.setattr(progress_action.ActionBase, "run", lambda self, tmp, task_vars: {})
    monkeypatch.setattr(action, "_execute_module", lambda **kwargs: module({k: v for e in action._task.environment for k, v in e.items()}))
    shown: list[str] = []
    monkeypatch.setattr(progress_action.display, "display", shown.append)
    return action, shown


def test_action_shows_lines_and_cleans_up(monkeypatch):
    seen = {}

    def module(environment):
        path = Path(environment[PROGRESS_FILE_VARIABLE])
        seen["path"] = path
        seen["modes"] = stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)
        Progress(str(path)).say("working")
        return {"changed": True}

    action, shown = _action(monkeypatch, module)
    assert action.run(task_vars={}) == {"changed": True}
    assert shown == ["    working"]
    assert seen["modes"] == (0o622, 0o711), "another user can write to the file, but not list the folder"
    assert seen["path"].is_relative_to(constants.DEFAULT_LOCAL_TMP), "Ansible removes it when it is interrupted"
    assert not seen["path"].parent.exists()
    assert action._task.environment == [{"FOO": "bar"}]


def test_action_is_silent_where_lines_cannot_or_must_not_be_shown(monkeypatch):
    for case in ({"transport": "ssh"}, {"no_log": True}, {"async_val": 10}):
        action, shown = _action(monkeypatch, lambda environment: {"variables": sorted(environment)}, **case)
        assert action.run(task_vars={}) == {"variables": ["FOO"]}, case
        assert not shown
