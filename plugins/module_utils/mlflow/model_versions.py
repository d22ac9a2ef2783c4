# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of models and prompts on the server, which numbers them and takes the same one twice."""

from __future__ import annotations

import typing as t

from ..engine.errors import RefusedError
from ..engine.family import Entry
from .api import Api

IS_PROMPT = "mlflow.prompt.is_prompt"
ONLY_PROMPTS = f"tags.`{IS_PROMPT}` = 'true'"  # a search without it leaves all prompts out
PAGE = 1000


def listed(api: Api, name: str, prompt: bool = False) -> list[Entry]:
    """All versions of a model or a prompt, as the server has them."""
    wanted = f"name = {_quoted(name)}" + (f" AND {ONLY_PROMPTS}" if prompt else "")
    return api.pages("2.0/model-versions/search", "model_versions", PAGE, filter=wanted)


def create(api: Api, name: str, latest: int, is_same: t.Callable[[Entry], bool], prompt: bool = False, **given: t.Any) -> str:
    """Make a version and say its number; where another run made the same one meanwhile, ours goes again and theirs counts.

    :param latest: number of the newest version that was there, 0 for none.
    :param is_same: whether a version of the server is the one to be made.
    """
    mine = int(api.post("2.0/model-versions/create", name=name, **given)["model_version"]["version"])
    if mine == latest + 1:
        return str(mine)
    since = [one for one in listed(api, name, prompt) if latest < int(one["version"]) < mine]
    theirs = [int(one["version"]) for one in since if is_same(one)]
    # A prompt is its newest version: where another text came after theirs, ours is a change.
    if not theirs or (prompt and len(theirs) < len(since)):
        return str(mine)
    try:
        api.delete("2.0/model-versions/delete", name=name, version=str(mine))
    except RefusedError as exc:
        if exc.status == 403:  # who may make versions need not be one who may delete them
            return str(mine)
        if exc.status != 404:
            raise
    return str(min(theirs))


def _quoted(name: str) -> str:
    """A name in a filter."""
    return f"'{name}'" if "'" not in name else f'"{name}"'
