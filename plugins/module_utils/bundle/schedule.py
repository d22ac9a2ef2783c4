# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifact is built when: one compiler and one other builder at a time, each after what it needs."""

from __future__ import annotations

import concurrent.futures
import os
import time
import typing as t

from .recipe import Artifact

HEARTBEAT = 30.0  # seconds between two lines about what is still being built
# A Go build uses every core by itself; unpacking packages and writing images is mostly disk and one core.
_LANES = {"go": "compile", "module": "compile", "chart": "compile"}


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _size(path: str) -> str:
    if os.path.isdir(path):
        return ""
    return f", {os.path.getsize(path) / 1e6:.0f} MB"


def next_to_start(waiting: list[Artifact], finished: set[str], running: t.Iterable[Artifact]) -> list[Artifact]:
    """The artifacts that may start now, at most one a lane; pure.

    :param waiting: not yet started, in the order they are wanted.
    :param finished: names of all that is there.
    :param running: being built.
    """
    busy = {_LANES.get(artifact.kind, "other") for artifact in running}
    chosen = []
    for artifact in waiting:
        lane = _LANES.get(artifact.kind, "other")
        if lane not in busy and all(need in finished for need in artifact.needs):
            busy.add(lane)
            chosen.append(artifact)
    return chosen


def run(
    wanted: list[Artifact],
    missing: list[Artifact],
    build: t.Callable[[Artifact], None],
    path: t.Callable[[Artifact], str],
    say: t.Callable[[str], None],
) -> None:
    """Builds all that is missing; the first failure stops what has not started.

    :param wanted: everything asked for.
    :param missing: the part of it that is to be built, in order.
    """
    began = time.monotonic()
    waiting = list(missing)
    finished = {artifact.name for artifact in wanted} - {artifact.name for artifact in missing}
    running: dict[concurrent.futures.Future[None], tuple[Artifact, float]] = {}
    done = 0
    said = began
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        while waiting or running:
            for artifact in next_to_start(waiting, finished, [entry[0] for entry in running.values()]):
                waiting.remove(artifact)
                number = len(missing) - len(waiting)
                say(f"bundle {number}/{len(missing)}: {artifact.name} {artifact.version} started ({artifact.kind})")
                running[pool.submit(build, artifact)] = (artifact, time.monotonic())
            over, _still = concurrent.futures.wait(running, timeout=1.0, return_when=concurrent.futures.FIRST_COMPLETED)
            now = time.monotonic()
            for future in over:
                artifact, started = running.pop(future)
                try:
                    future.result()
                except BaseException:
                    waiting.clear()
                    if running:
                        say(f"bundle: {artifact.name} failed; waiting for {', '.join(entry[0].name for entry in running.values())} to end")
                    raise
                done += 1
                finished.add(artifact.name)
                say(f"bundle {done}/{len(missing)} done: {artifact.name} in {duration(now - started)}{_size(path(artifact))}, {duration(now - began)} elapsed")
                said = now
            if running and now - said >= HEARTBEAT:
                busy = ", ".join(f"{entry[0].name} ({duration(now - entry[1])})" for entry in running.values())
                say(f"bundle {done}/{len(missing)} done: building {busy}, {duration(now - began)} elapsed")
                said = now
