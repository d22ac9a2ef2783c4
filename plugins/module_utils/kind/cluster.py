# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a kind cluster, and carries out what the plan says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
import typing as t

from ..contract import read_contract
from . import guard as guards
from . import kubeconfig as kubeconfigs
from .command import KindError, follow
from .engine import Engine, Network
from .names import ANY_ADDRESS, CREATED_MARK, PROVIDERS
from .plan import API_SERVER_PORT, LOOK_AGAIN, Action, Found, Wanted, plan_absent, plan_present

Say = t.Callable[[str], None]


class Settings(t.NamedTuple):
    """How to do it.

    :ivar kubeconfig: file of the cluster's own.
    :ivar merge_into: the user's kubeconfig when its entries are to be there too; empty otherwise.
    :ivar archive: OCI archive of the node image; empty when the engine can pull it.
    :ivar guard: ranges of Services and pods that may not be reached outside of this machine; none for no firewall table.
    :ivar wait: seconds for the creation, and for the API after a start.
    """

    kind: str
    kubeconfig: str
    merge_into: str = ""
    archive: str = ""
    guard: tuple[str, ...] = ()
    wait: float = 300


def adopted_mark(kubeconfig: str) -> str:
    """The file that records that the cluster of this kubeconfig is somebody else's."""
    return os.path.join(os.path.dirname(kubeconfig), "adopted")


def merged_mark(kubeconfig: str) -> str:
    """The file that records into which kubeconfigs the cluster's entries were put, one a line."""
    return os.path.join(os.path.dirname(kubeconfig), "merged")


def merged_into(kubeconfig: str) -> list[str]:
    """The kubeconfigs of users that the cluster's entries were put into."""
    try:
        with open(merged_mark(kubeconfig), encoding="utf-8") as stream:
            return stream.read().splitlines()
    except OSError:
        return []


def look(engine: Engine, name: str, network: str, kubeconfig: str, complete: bool = True) -> Found:
    """What there is of a cluster; changes nothing.

    :param complete: find out too whether its creation ran to the end.
    """
    nodes = tuple(engine.nodes(name))
    controls = [node for node in nodes if node.role == "control-plane"]
    created: bool | None = False
    if controls and not controls[0].running:
        created = None
    elif controls and complete:
        created = engine.execute(controls[0].name, "test", "-e", CREATED_MARK, timeout=20).ok
    return Found(nodes, engine.network(network), os.path.exists(adopted_mark(kubeconfig)), created, tuple(engine.volumes_of(name)))


def platform_networks(engine: Engine) -> list[Network]:
    """Networks of all clusters of the platform, in this engine and in the other one if it is there."""
    others = [Engine(provider) for provider in PROVIDERS if provider != engine.provider]
    return [network for one in (engine, *others) for network in one.platform_networks()]


@contextlib.contextmanager
def alone(folder: str, name: str, say: Say, timeout: float) -> t.Iterator[None]:
    """Holds the cluster, so that two runs at once meet; the lock ends with the process that has it."""
    if not os.path.isdir(folder):  # nothing was ever kept here: nobody to meet
        kubeconfigs.write(os.path.join(folder, ".lock"), "")
    with open(os.path.join(folder, ".lock"), "a", encoding="utf-8") as stream:
        deadline = time.monotonic() + timeout
        told = False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise KindError(f"another run has been working on the cluster {name} for {timeout:.0f} s: let it end, then run again") from None
                if not told:
                    say(f"cluster {name}: another run is working on it; waiting for it")
                    told = True
                time.sleep(0.5)
        yield


class Cluster:
    """A kind cluster that is brought to what is declared, or removed."""

    def __init__(self, engine: Engine, wanted: Wanted, settings: Settings, say: Say) -> None:
        self._engine = engine
        self._wanted = wanted
        self._settings = settings
        self._say = say
        self._steps: dict[str, t.Callable[[str], object]] = {
            "create": self._create,
            "create network": lambda subject: engine.create_network(subject, wanted.name),
            "guard": lambda _subject: guards.write(self._guard()),
            "unguard": lambda _subject: guards.write(self._guard(leaving=wanted.name)),
            "start": engine.start,
            "adopt": lambda _subject: kubeconfigs.write(adopted_mark(settings.kubeconfig), f"{wanted.name}\n"),
            "remove half-made": self._remove_half_made,
            "remove node": lambda subject: engine.remove_nodes([subject]),
            "remove volume": lambda subject: engine.remove_volumes([subject]),
            "remove network": engine.remove_network,
            "leave adopted": lambda _subject: None,
        }

    def look(self, complete: bool = True) -> Found:
        return look(self._engine, self._wanted.name, self._wanted.network, self._settings.kubeconfig, complete)

    def present(self, check: bool) -> list[Action]:
        """Does what is needed, or says it in check mode."""
        done: list[Action] = []
        actions = self._guarded(plan_present(self.look(), self._wanted))
        if LOOK_AGAIN in actions and not check:
            done += self._all(actions)
            actions = plan_present(self.look(), self._wanted)
            if LOOK_AGAIN in actions:
                raise KindError(
                    f"cluster {self._wanted.name}: its node does not stay up: see '{self._engine.provider} logs {self._wanted.name}-control-plane'; "
                    "nothing was removed"
                )
        done += [action for action in actions if action != LOOK_AGAIN] if check else self._all(actions)
        if not (check and done):
            self._wait_for_api()
            done += self._keep_kubeconfig(check)
        return done

    def _all(self, actions: list[Action]) -> list[Action]:
        actions = [action for action in actions if action != LOOK_AGAIN]
        for action in actions:
            if action.verb != "create":  # which says more of itself
                self._say(f"cluster {self._wanted.name}: {action}")
            self._steps[action.verb](action.subject)
        return actions

    def _guarded(self, actions: list[Action]) -> list[Action]:
        """The plan with the firewall table before anything can send a packet."""
        first = [action for action in actions if action.verb == "create network"]
        network = self._engine.network(self._wanted.network)
        if not self._settings.guard or (not first and (network is None or guards.holds(guards.current(), network.bridge, self._settings.guard))):
            return actions
        return [*first, Action("guard", self._wanted.network), *[action for action in actions if action not in first]]

    def _guard(self, leaving: str = "") -> guards.Guard | None:
        """The firewall table as it is to be, for all clusters of the platform but one that is leaving."""
        return guards.wanted(guards.current(), platform_networks(self._engine), self._settings.guard, leaving)

    def absent(self, check: bool) -> list[Action]:
        actions = plan_absent(self.look(complete=False), self._wanted.name, self._wanted.network)
        table = guards.current()
        if table is not None and (any(action.verb == "remove network" for action in actions) or not platform_networks(self._engine)):
            actions.append(Action("unguard", self._wanted.network))
        if not check:
            self._all(actions)
        actions = [action for action in actions if action.verb != "leave adopted"]
        kubeconfig, user = self._settings.kubeconfig, self._settings.merge_into
        for path in sorted({*merged_into(kubeconfig), *([user] if user else [])}):
            actions += self._forget(path, check)
        for path in (kubeconfig, adopted_mark(kubeconfig), merged_mark(kubeconfig)):
            if os.path.exists(path):
                actions.append(Action("remove file", path))
                if not check:
                    os.remove(path)
        return actions

    def _remove_half_made(self, _name: str) -> None:
        found = self.look()
        self._engine.remove_nodes([node.name for node in found.nodes])
        self._engine.remove_volumes(self._engine.volumes_of(self._wanted.name))

    def _create(self, name: str) -> None:
        wanted, settings, engine = self._wanted, self._settings, self._engine
        began = time.monotonic()

        def say(text: str) -> None:
            self._say(f"cluster {name}: {text} ({time.monotonic() - began:.0f} s)")

        if settings.archive and not engine.has_image(wanted.image):
            say(f"load the node image from {os.path.basename(settings.archive)}")
            engine.load(settings.archive, wanted.image)
        environment = {
            **engine.env,
            "KIND_EXPERIMENTAL_PROVIDER": engine.provider,
            f"KIND_EXPERIMENTAL_{engine.provider.upper()}_NETWORK": wanted.network,
        }
        with tempfile.TemporaryDirectory() as folder:  # kind's own kubeconfig is dropped; ours is written when the API answers
            command = [settings.kind, "create", "cluster", "--name", name, "--image", wanted.image, "--config", "-", "--wait", "0s",
                       "--kubeconfig", os.path.join(folder, "kubeconfig")]
            done = follow(command, lambda line: say(told) if (told := _step(line)) else None, timeout=settings.wait,
                          stdin=kubeconfigs.dump(wanted.config), env=environment)
        if not done.ok:
            self._remove_half_made(name)
            cause = done.reason().removeprefix("Command Output: ").removeprefix("Error: ").removeprefix("ERROR: ")
            raise KindError(
                f"kind could not create the cluster {name} on {engine.provider}: {cause}. What was made of it is removed; mend the cause and run again. "
                f"kind's last lines:\n{done.err}"
            )
        node = next(node.name for node in engine.nodes(name) if node.role == "control-plane")
        marked = engine.execute(node, "touch", CREATED_MARK)
        if not marked.ok:
            raise KindError(f"cluster {name}: the node {node} stopped right after its creation ({marked.reason()}): run again")
        say("created")

    def _kubeconfig(self) -> str:
        done = self._engine.execute(f"{self._wanted.name}-control-plane", "cat", "/etc/kubernetes/admin.conf")
        if not done.ok:
            raise KindError(f"cluster {self._wanted.name}: its kubeconfig cannot be read ({done.reason()})")
        return exported(kubeconfigs.parse(done.out), self._wanted.name, self._api_server())

    def _api_server(self) -> str:
        for node in self._engine.nodes(self._wanted.name):
            for port in node.ports:
                if node.role == "control-plane" and port.container == API_SERVER_PORT:
                    host = port.host or self._mapped(node.name)
                    return f"https://{port.address if port.address != ANY_ADDRESS else '127.0.0.1'}:{host}"
        raise KindError(f"cluster {self._wanted.name}: its API server has no port on this machine")

    def _mapped(self, node: str) -> int:
        """The port an engine chose itself."""
        return int(self._engine.order("tell a port", "port", node, f"{API_SERVER_PORT}/tcp").strip().rpartition(":")[2])

    def _wait_for_api(self) -> None:
        name, context = self._wanted.name, f"kind-{self._wanted.name}"
        deadline = time.monotonic() + self._settings.wait
        told = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kubeconfig")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
                stream.write(self._kubeconfig())
            while read_contract(path, context, "default") is None:
                if time.monotonic() > deadline:
                    raise KindError(
                        f"cluster {name}: its nodes run but its API has not answered for {self._settings.wait:.0f} s. "
                        f"Look at '{self._engine.provider} logs {name}-control-plane' and at the kubelet in it; "
                        "its data is still there, and nothing was removed"
                    )
                if time.monotonic() - told > 5:
                    self._say(f"cluster {name}: waiting for its API")
                    told = time.monotonic()
                time.sleep(0.3)

    def _keep_kubeconfig(self, check: bool) -> list[Action]:
        text = self._kubeconfig()
        config = kubeconfigs.parse(text)
        context = f"kind-{self._wanted.name}"
        done = []
        path = self._settings.kubeconfig
        kept = os.path.exists(path) and os.stat(path).st_mode & 0o777 == 0o600
        if not kept or not kubeconfigs.same(kubeconfigs.read(path), config, context):
            done.append(Action("write", path))
            if not check:
                kubeconfigs.write(path, text)
        user = self._settings.merge_into
        recorded = merged_into(path)
        if user and (user not in recorded or not kubeconfigs.same(kubeconfigs.read(user), config, context)):
            done.append(Action("merge into", user))
            if not check:  # recorded first, so that its removal finds it whatever happens in between
                kubeconfigs.write(merged_mark(path), "".join(f"{line}\n" for line in sorted({*recorded, user})))
                kubeconfigs.write(user, kubeconfigs.dump(kubeconfigs.merged(kubeconfigs.read(user), config)))
        return done

    def _forget(self, user: str, check: bool) -> list[Action]:
        kept = kubeconfigs.read(user)
        left = kubeconfigs.without(kept, f"kind-{self._wanted.name}")
        if left == kept:
            return []
        if not check and kubeconfigs.holds_nothing(left):
            os.remove(user)
        elif not check:
            kubeconfigs.write(user, kubeconfigs.dump(left))
        return [Action("remove entries from", user)]


def exported(admin: dict[str, t.Any], name: str, server: str) -> str:
    """A node's own kubeconfig turned into one for this machine: names as kind gives them, the mapped port of the API server."""
    context = f"kind-{name}"
    cluster = {**admin["clusters"][0]["cluster"], "server": server}
    return kubeconfigs.dump({
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": admin["users"][0]["user"]}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    })


def _step(line: str) -> str:
    """What kind is doing, without its drawings; empty for its small talk."""
    text = "".join(c for c in line if c.isascii()).strip()
    return text.rstrip(". ").lower() if line.lstrip().startswith("•") and text else ""
