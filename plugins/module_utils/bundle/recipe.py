# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bundle is made of: artifacts, their versions, and the keys they are stored under. Nothing here builds anything."""

from __future__ import annotations

import hashlib
import json
import os
import re
import typing as t

REPOSITORY = "localhost/mlops-platform"
# Raised when the builders themselves change what they make of the same recipe.
BUILDERS = 1
# Debian suite of every root file system; wheels and names of packages in the recipes are chosen for it.
SUITE = "bookworm"

TYPES = ("wheel", "maven", "go", "module", "chart", "rootfs", "image")
_ENTRY_KEYS = {
    "wheel": {"package", "member", "directory"},
    "maven": {"package"},
    "go": {"module", "package", "ldflags"},
    "module": {"from", "module", "files"},
    "chart": {"from", "module", "chart", "release", "namespace", "fill"},
    "rootfs": set(),
    "image": {"version_of", "version", "python", "needs"},
}
_SUFFIX = {"wheel": "", "maven": "", "go": "", "module": ".json", "chart": ".json", "rootfs": ".tar", "image": ".tar"}
_FOLDER = {"wheel": "tools", "maven": "tools", "go": "bin", "module": "manifests", "chart": "manifests", "rootfs": "rootfs", "image": "images"}
# Types that are built from others whatever their entry says.
_NEEDS = {"go": ["go-toolchain"], "module": ["go-toolchain"], "chart": ["go-toolchain", "helm"]}
# One file locks all artifacts of these types; only its own line counts for one of them.
_LOCKS = {"wheel": "requirements.txt", "maven": "artifacts.txt"}


class BundleError(Exception):
    """A recipe that cannot be used, or a build that failed; the message is one line for a user."""


class Artifact(t.NamedTuple):
    """One thing the bundle holds.

    :ivar name: its name in the index.
    :ivar kind: one of ``TYPES``.
    :ivar version: the program's own version, out of the recipe's lock file.
    :ivar key: 12 hexadecimal digits: the hash of everything that decides its content.
    :ivar needs: names of the artifacts it is built from.
    :ivar spec: its entry in the index.
    :ivar recipe: its recipe folder, or an empty string.
    """

    name: str
    kind: str
    version: str
    key: str
    needs: tuple[str, ...]
    spec: dict[str, t.Any]
    recipe: str

    @property
    def path(self) -> str:
        """Path below the cache folder."""
        if self.kind == "image":
            return f"images/{self.image}@{self.key}.tar"
        return f"{_FOLDER[self.kind]}/{self.name}@{self.key}{_SUFFIX[self.kind]}"

    @property
    def image(self) -> str:
        """Name of the image, without the prefix that tells it from the program of the same name."""
        return self.name[len("image-"):]

    @property
    def ref(self) -> str:
        """Full reference of an image; an empty string for anything else."""
        return f"{REPOSITORY}/{self.image}:{self.version}-{self.key}" if self.kind == "image" else ""

    def describe(self) -> dict[str, str]:
        return {"name": self.name, "type": self.kind, "version": self.version, "key": self.key, "ref": self.ref}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as exc:
        raise BundleError(f"bundle: {path} cannot be read ({exc.strerror}): restore it from the collection") from exc


def go_version(go_mod: str, module: str) -> str:
    """The version a ``go.mod`` text requires of a module.

    :raises BundleError: when it does not require it.
    """
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)}\s+(v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise BundleError(f"bundle: go.mod does not require {module}: add it with 'go get'")
    return found.group(1)


def locked_version(lock: str, package: str) -> str:
    """The version a lock file's text pins a package to.

    :raises BundleError: when it is not pinned there.
    """
    found = re.search(rf"^{re.escape(package)}==([^\s;\\]+)", lock, re.MULTILINE | re.IGNORECASE)
    if not found:
        raise BundleError(f"bundle: {package} is not pinned in its lock file: lock it with its hash")
    return found.group(1)


def lock_file(artifact: Artifact) -> str:
    """Path of the file that locks an artifact and others of its type."""
    return os.path.join(artifact.recipe, _LOCKS[artifact.kind])


def own_line(lock: str, package: str) -> str:
    """What a lock file says of one package."""
    return "\n".join(line for line in lock.splitlines() if line.startswith(f"{package}=="))


def _files(folder: str) -> t.Iterator[tuple[str, bytes]]:
    for base, folders, names in sorted(os.walk(folder)):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(base, name)
            relative = os.path.relpath(path, folder)
            if os.path.islink(path):
                yield relative, b"-> " + os.fsencode(os.readlink(path))
            else:
                with open(path, "rb") as stream:
                    yield relative, stream.read()


def _recipe_of(root: str, name: str, kind: str) -> str:
    folder = {
        "wheel": "wheels",
        "maven": "maven",
        "go": f"go/{name}",
        "module": "",
        "chart": "",
        "rootfs": f"rootfs/{name.removeprefix('rootfs-')}",
        "image": f"images/{name.removeprefix('image-')}",
    }[kind]
    return os.path.join(root, folder) if folder else ""


def _check_entry(name: str, spec: t.Any) -> None:
    if not isinstance(spec, dict) or spec.get("type") not in TYPES:
        raise BundleError(f"bundle: artifact {name} has no type out of {', '.join(TYPES)}: correct artifacts.yml")
    unknown = set(spec) - _ENTRY_KEYS[spec["type"]] - {"type"}
    if unknown:
        raise BundleError(f"bundle: artifact {name} has unknown keys {', '.join(sorted(unknown))}: correct artifacts.yml")
    if spec["type"] == "image" and not name.startswith("image-"):
        raise BundleError(f"bundle: artifact {name} is an image: call it image-{name} in artifacts.yml")


class Bundle:
    """The index with all versions and keys worked out.

    :param root: the folder that holds ``artifacts.yml``'s recipes.
    :param index: content of ``artifacts.yml``.
    """

    def __init__(self, root: str, index: dict[str, t.Any]) -> None:
        self._root = root
        self._index = index
        self._done: dict[str, Artifact] = {}
        for name, spec in index.items():
            _check_entry(name, spec)
        for name in index:
            self._resolve(name, ())
        self.artifacts = {name: self._done[name] for name in index}

    def _version(self, name: str, spec: dict[str, t.Any], recipe: str) -> str:
        kind = spec["type"]
        if kind in _LOCKS:
            return locked_version(_read(os.path.join(recipe, _LOCKS[kind])), spec["package"])
        if kind == "go":
            return go_version(_read(os.path.join(recipe, "go.mod")), spec["module"])
        if kind in ("module", "chart"):
            return self._resolve(spec["from"], (name,)).version
        if kind == "image" and "python" in spec:
            return locked_version(_read(os.path.join(recipe, "requirements.txt")), spec["python"])
        if kind == "image" and "version_of" in spec:
            return self._resolve(spec["version_of"], (name,)).version
        return str(spec.get("version", SUITE))

    def _resolve(self, name: str, chain: tuple[str, ...]) -> Artifact:
        if name in self._done:
            return self._done[name]
        if name in chain:
            raise BundleError(f"bundle: {' needs '.join((*chain, name))}: break the circle in artifacts.yml")
        if name not in self._index:
            raise BundleError(f"bundle: {chain[-1] if chain else 'a caller'} needs {name}, which is not in artifacts.yml: add it or correct the name")
        spec = self._index[name]
        recipe = _recipe_of(self._root, name, spec["type"])
        needs = _NEEDS.get(spec["type"]) or list(spec.get("needs", []))
        digest = hashlib.sha256()
        digest.update(json.dumps([BUILDERS, name, spec], sort_keys=True).encode())
        if spec["type"] in _LOCKS:
            digest.update(own_line(_read(os.path.join(recipe, _LOCKS[spec["type"]])), spec["package"]).encode())
        elif spec["type"] in ("module", "chart"):
            digest.update(self._resolve(spec["from"], (*chain, name)).version.encode())
        else:
            for path, content in _files(recipe):
                digest.update(f"{path}\0{len(content)}\0".encode() + content)
        if spec["type"] == "rootfs":
            # No setting of the user's is in a key, so references of images are known without them: every mirror serves the same packages.
            digest.update(json.dumps({"mirror": "", "suite": SUITE}, sort_keys=True).encode())
        for need in needs:
            digest.update(self._resolve(need, (*chain, name)).key.encode())
        artifact = Artifact(name, spec["type"], self._version(name, spec, recipe), digest.hexdigest()[:12], tuple(needs), spec, recipe)
        self._done[name] = artifact
        return artifact

    def closure(self, names: t.Iterable[str]) -> list[Artifact]:
        """The named artifacts and all they need, each after what it needs.

        :raises BundleError: when a name is not in the index.
        """
        ordered: dict[str, Artifact] = {}

        def add(name: str) -> None:
            if name not in self.artifacts:
                raise BundleError(f"bundle: {name} is not in artifacts.yml: choose from {', '.join(sorted(self.artifacts))}")
            for need in self.artifacts[name].needs:
                add(need)
            ordered.setdefault(name, self.artifacts[name])

        for name in names:
            add(name)
        return list(ordered.values())

    def images(self) -> dict[str, Artifact]:
        """Images by their short names."""
        return {a.image: a for a in self.artifacts.values() if a.kind == "image"}
