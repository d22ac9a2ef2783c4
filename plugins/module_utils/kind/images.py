# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images in the nodes of a kind cluster."""

from __future__ import annotations

import concurrent.futures
import os
import time
import typing as t

from .command import KindError
from .engine import Engine

CTR = ("ctr", "--namespace", "k8s.io", "images")
# One import is busy with one hash at a time; a second one has another core.
AT_ONCE = 2


class Image(t.NamedTuple):
    """An image that is to be in every node."""

    ref: str
    archive: str


def missing(images: t.Sequence[Image], present: t.Mapping[str, t.Collection[str]]) -> list[tuple[str, Image]]:
    """Which image is missing in which node, image by image.

    :param present: references in each node.
    """
    return [(node, image) for image in images for node in present if image.ref not in present[node]]


def in_node(engine: Engine, node: str) -> set[str]:
    """References of the images in a node.

    :raises KindError: when the node does not answer.
    """
    listed = engine.execute(node, *CTR, "list", "--quiet")
    if not listed.ok:
        raise KindError(f"the images of node {node} cannot be listed ({listed.reason()}): is the node running?")
    return set(listed.out.split())


def load(engine: Engine, wanted: list[tuple[str, Image]], say: t.Callable[[str], None], timeout: float = 600) -> None:
    """Imports images into nodes and makes sure that they are there afterwards.

    :raises KindError: when an archive is not there or does not hold its image; what was begun is ended first.
    """
    began = time.monotonic()

    def bring(count: int, node: str, image: Image) -> None:
        name = image.ref.rpartition("/")[2]
        say(f"image {count} of {len(wanted)}: {name} into {node} ({os.path.getsize(image.archive) >> 20} MiB, {time.monotonic() - began:.0f} s)")
        _load(engine, node, image, timeout)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [pool.submit(bring, count, node, image) for count, (node, image) in enumerate(wanted, 1)]
        try:
            for one in begun:
                one.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _load(engine: Engine, node: str, image: Image, timeout: float) -> None:
    with open(image.archive, "rb") as archive:
        done = engine.stream_into(node, archive, *CTR, "import", "--all-platforms", "-", timeout=timeout)
    if not done.ok:
        raise KindError(f"image {image.ref} could not be imported into node {node}: {done.reason()} (is the node's disk full?)")
    if image.ref not in in_node(engine, node):
        raise KindError(f"{image.archive} does not hold the image {image.ref}: remove the file and run again, so that it is built anew")
