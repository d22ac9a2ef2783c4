# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module with a door, as a collection of anybody's would have it: things in a JSON file, through the engine. Copied by test_engine_action.py."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import env_fallback
from ansible_collections.mlops.platform.plugins.module_utils.engine import runner
from ansible_collections.mlops.platform.plugins.module_utils.engine.compare import Rules
from ansible_collections.mlops.platform.plugins.module_utils.engine.door import Door, run_module
from ansible_collections.mlops.platform.plugins.module_utils.engine.family import Family
from ansible_collections.mlops.platform.plugins.module_utils.engine.options import DOCUMENT, request


class Things(Family):
    name = "things"
    rules = Rules(secrets=frozenset({"secret"}))

    def read(self, server, keys):
        return server.load()

    def create(self, server, entry, mark):
        if entry.get("broken"):
            raise ValueError(f"no room for {entry['secret']}")
        server.save({**server.load(), entry["name"]: {**entry, "attributes": mark.texts() if mark else {}}})

    def update(self, server, current, wanted, changes, mark):
        server.save({**server.load(), wanted["name"]: {**wanted, "attributes": mark.texts() if mark else {}}})


class Files:
    families = (Things(),)

    def __init__(self, path):
        self.path = path

    def load(self):
        if not os.path.exists(self.path):
            return {}
        with open(self.path, encoding="utf-8") as stream:
            return json.load(stream)

    def save(self, things):
        with open(self.path, "w", encoding="utf-8") as stream:
            json.dump(things, stream)

    def problems(self, document):
        return []

    def open(self, document):
        pass

    def mark_of(self, family, key, current):
        return family.mark(self, key, current)

    def settle(self, made):
        pass

    def facts(self):
        return {"pid": os.getpid(), "file": os.path.basename(self.path)}

    def ids(self):
        return {}

    def counts(self):
        return {}


def run(call):
    call.say(f"looking at {call.params['path']}")
    return runner.run(Files(call.params["path"]), request(call, {"things": call.params["config"]["things"]}), call.say)


DOOR = Door(
    "thing",
    {
        **DOCUMENT,
        "parallel": {"type": "int", "default": 4},
        "path": {"type": "path", "required": True, "fallback": (env_fallback, ["THINGS"])},
        "user": {"type": "str"},
        "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["THINGS_TOKEN"])},
        "kind": {"type": "str", "choices": ["a", "b"], "default": "a"},
    },
    run,
    {"required_one_of": [("config", "config_file")], "mutually_exclusive": [("user", "token")]},
    secret_keys=frozenset({"secret"}),
    files={"config_file": "config"},
    overridden=lambda given: {"token"} if "user" in given else (),
)


def main():
    run_module(DOOR)


if __name__ == "__main__":
    main()
