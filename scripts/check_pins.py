# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is deployed has one exact version: in the catalogue, and in the lock files of what is built; the two agree.

A version without a checksum cannot be chosen: Python packages are locked with hashes, Go modules with go.sum.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "plugins" / "module_utils"))

from bundle.recipe import Artifact, Bundle  # noqa: E402

CATALOG: dict[str, Any] = yaml.safe_load((ROOT / "roles" / "catalog" / "defaults" / "main.yml").read_text(encoding="utf-8"))
FLOATING = re.compile(r"^(latest|main|master|stable|edge|nightly|dev)$")
# Where a program of the catalogue goes by another name among the artifacts.
ARTIFACT_OF = {"seaweedfs": "weed", "mlflow": "image-mlflow", "postgresql": "image-postgresql", "keycloak": "image-keycloak"}


def plain(version: str) -> str:
    return version.removeprefix("v")


def check_references() -> Iterator[str]:
    """Image references and downloads of the upstream source."""
    for name, reference in CATALOG["catalog_images"].items():
        tag = re.search(r":([\w.-]+)(@sha256:[0-9a-f]{64})?$", reference)
        if not tag or FLOATING.match(tag[1]) or not re.search(r"\d", tag[1]):
            yield f"roles/catalog: image {name} ({reference}) has no exact tag"
    versions = {plain(str(version)) for version in CATALOG["catalog_versions"].values()}
    for family in ("catalog_tools", "catalog_manifests"):
        for name, download in CATALOG.get(family, {}).items():
            if not any(version in download["url"] for version in versions):
                yield f"roles/catalog: {family}.{name} has none of catalog_versions in its address"
            if "checksum" not in download:
                yield f"roles/catalog: {family}.{name} has no checksum (empty where it is not known)"


def check_agreement(artifacts: dict[str, Artifact]) -> Iterator[str]:
    """The catalogue's versions are those of the lock files, and those of its own image references."""
    for name, version in CATALOG["catalog_versions"].items():
        artifact = artifacts.get(ARTIFACT_OF.get(name, name))
        if artifact is None:
            yield f"roles/catalog: {name} is in catalog_versions, but bundle/artifacts.yml has nothing of that name"
        elif plain(artifact.version) != plain(str(version)):
            yield f"{name}: {version} in roles/catalog, {artifact.version} in the lock file of bundle/"
        reference = CATALOG["catalog_images"].get(name)
        if reference and not re.search(rf":v?{re.escape(plain(str(version)))}(?![\d.])", reference):
            yield f"{name}: {version} in catalog_versions, {reference} in catalog_images"
    missing = {name for name in CATALOG["catalog_images"] if f"image-{name}" not in artifacts}
    for name in sorted(missing):
        yield f"roles/catalog: image {name} is in catalog_images, but bundle/artifacts.yml does not build it"


def check_locks(artifacts: dict[str, Artifact]) -> Iterator[str]:
    """Lock files have exact versions and checksums."""
    for path in sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("bundle/**/requirements*.txt")]):
        for block in re.split(r"\n(?=\S)", path.read_text(encoding="utf-8")):
            line = block.split("\n", 1)[0]
            if line.startswith(("#", "--")) or not line.strip():
                continue
            if "==" not in line or "--hash=sha256:" not in block:
                yield f"{path.relative_to(ROOT)}: {line.split()[0]} is not locked with a hash"
    for artifact in artifacts.values():
        if artifact.kind == "go" and not Path(artifact.recipe, "go.sum").exists():
            yield f"{Path(artifact.recipe).relative_to(ROOT)}: no go.sum"


def check_images() -> Iterator[str]:
    """Nothing but the catalogue names an image."""
    for path in sorted([*ROOT.glob("roles/*/t*/**/*"), *ROOT.glob("playbooks/**/*")]):
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = re.match(r"\s*(?:- )?(?:image|imageName): *(\S.*)$", line)
            if found and "{{" not in found[1]:
                yield f"{path.relative_to(ROOT)}:{number}: image {found[1]} does not come from platform_images"
    for path in sorted(ROOT.glob("bundle/images/*/Containerfile")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("FROM ") and line.split()[1] != "scratch":
                yield f"{path.relative_to(ROOT)}:{number}: {line}: images are built from scratch, on a root file system of ours"


def main() -> int:
    index = yaml.safe_load((ROOT / "bundle" / "artifacts.yml").read_text(encoding="utf-8"))
    artifacts = Bundle(str(ROOT / "bundle"), index).artifacts
    problems = [*check_references(), *check_agreement(artifacts), *check_locks(artifacts), *check_images()]
    print(*problems, f"{len(CATALOG['catalog_images'])} images, {len(artifacts)} artifacts, {len(problems)} problems", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
