# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests, all of them or the stages named: lint, unit, integration, molecule.

    python scripts/test.py                     everything, a table at the end
    python scripts/test.py lint mypy           one check of lint
    python scripts/test.py unit -k progress    what follows a single stage goes to its program
    python scripts/test.py molecule gateway    one scenario

Every stage runs, whatever became of the others, and the last line is `N passed, N failed`.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
OUTPUT = ROOT / "tests" / "output"


@dataclasses.dataclass
class Result:
    stage: str
    name: str
    passed: int
    failed: int
    seconds: float

    def row(self) -> str:
        verdict = "ok" if not self.failed else "FAILED"
        counts = f"{self.passed} passed" + (f", {self.failed} failed" if self.failed else "")
        return f"{self.stage:<12} {self.name:<20} {verdict:<7} {self.seconds:7.1f} s   {counts}"


def program(name: str) -> str:
    return str(BIN / name)


def lint_checks() -> dict[str, list[str]]:
    """The checks of `make lint`, the slowest first, so that two at a time end together."""
    script = [sys.executable]
    bash = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "scripts").glob("*.sh"))] + [".ci/run"]
    return {
        "ansible-test": [*script, "scripts/sanity.py"],
        "ansible-lint": [program("ansible-lint"), "--offline", "--strict", "--nocolor"],
        "mypy": [program("mypy")],
        "mypy-scripts": [program("mypy"), *map(str, sorted((ROOT / "scripts").glob("*.py")))],
        "ruff": [program("ruff"), "check", "--quiet", "."],
        "yamllint": [program("yamllint"), "--strict", "."],
        "bash": ["bash", "-c", 'for file; do bash -n "$file" || exit; done', "bash", *bash],
        "argument-specs": [*script, "scripts/check_argument_specs.py"],
        "pins": [*script, "scripts/check_pins.py"],
        "docs": [*script, "scripts/generate_docs.py", "--check"],
    }


def lint(arguments: list[str]) -> list[Result]:
    checks = lint_checks()
    unknown = set(arguments) - set(checks)
    if unknown:
        sys.exit(f"lint: no check called {', '.join(sorted(unknown))}; there are: {', '.join(checks)}")
    wanted = arguments or list(checks)

    def run(name: str) -> Result:
        start = time.monotonic()
        done = subprocess.run(checks[name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        (OUTPUT / f"lint-{name}.log").write_bytes(done.stdout)
        ok = done.returncode == 0
        if not ok or arguments:
            lines = done.stdout.decode(errors="replace").splitlines()
            sys.stdout.write("\n".join([f"--- {name}", *lines[-200:], ""]))
        result = Result("lint", name, int(ok), int(not ok), time.monotonic() - start)
        print(result.row(), flush=True)
        return result

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(run, wanted))


def pytest(stage: str, folder: str, arguments: list[str]) -> list[Result]:
    start = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-m", "pytest", "-q", "--numprocesses", "2", f"--junitxml={report.name}", folder, *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        try:
            suite = ElementTree.parse(report.name).find("testsuite")
        except ElementTree.ParseError:
            suite = None
    counts = {name: int(suite.get(name, 0)) if suite is not None else 0 for name in ("tests", "failures", "errors", "skipped")}
    failed = counts["failures"] + counts["errors"] or int(code != 0)
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    return [Result(stage, folder, passed, failed, time.monotonic() - start)]


def unit(arguments: list[str]) -> list[Result]:
    return pytest("unit", "tests/unit", arguments)


def integration(arguments: list[str]) -> list[Result]:
    if not any((ROOT / "tests" / "integration").rglob("test_*.py")):
        print("integration: there is nothing here yet; the document modules bring it")
        return []
    return pytest("integration", "tests/integration", arguments)


def scenarios() -> list[str]:
    return [path.parent.name for path in sorted((ROOT / "molecule").glob("*/molecule.yml"))]


def run_molecule(verb: str, scenario: str) -> int:
    environment = dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", NO_COLOR="1", MOLECULE_GLOB="molecule/*/molecule.yml")
    return subprocess.run([program("molecule"), verb, "--scenario-name", scenario], cwd=ROOT, env=environment, check=False).returncode


def molecule(arguments: list[str]) -> list[Result]:
    """Every scenario, or those named. Molecule removes what a failed scenario made, this what an interrupted one made."""
    destroy = "--destroy" in arguments
    results = []
    for name in [argument for argument in arguments if argument != "--destroy"] or scenarios():
        start = time.monotonic()
        code = 1
        try:
            code = run_molecule("destroy" if destroy else "test", name)
        except KeyboardInterrupt:
            run_molecule("destroy", name)
            raise
        results.append(Result("molecule", name, int(code == 0), int(code != 0), time.monotonic() - start))
    return results


STAGES: dict[str, Callable[[list[str]], list[Result]]] = {"lint": lint, "unit": unit, "integration": integration, "molecule": molecule}


def terminated(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, terminated)
    arguments = sys.argv[1:]
    wanted = [arguments.pop(0)] if arguments and arguments[0] in STAGES else list(STAGES)
    if len(wanted) > 1 and arguments:
        sys.exit(f"test.py: no stage called {arguments[0]}; there are: {', '.join(STAGES)}")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for stage in wanted:
        print(f"=== {stage}", flush=True)
        results += STAGES[stage](arguments)
    (OUTPUT / "results.json").write_text(json.dumps([dataclasses.asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    print("", *[result.row() for result in results], f"{sum(result.seconds for result in results):.0f} s of tests", "", sep="\n")
    print(f"{passed} passed, {failed} failed", flush=True)
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main())
