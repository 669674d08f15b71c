"""Probes in child processes: what is known of one that raises, crashes, hangs, prints, or leaves a child behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from mobiclass.doctor.environment import Environment, run_probe
from mobiclass.doctor.packages import NUMPY, Extra, Package, import_failures

CRASH = "import ctypes\nctypes.string_at(0)\n"
FAULTS = {
    "raises": 'raise RuntimeError("no\\nway")\n',
    "crashes": CRASH,
    "aborts": "import os\nos.abort()\n",
    "ends": "import os, sys\nsys.stderr.write('out of luck\\n')\nsys.stderr.flush()\nos._exit(7)\n",
    "leaves": "import sys\nsys.exit(4)\n",
    "prints": 'import os\nos.write(1, b\'{"step": "forged"}\\n{"imported": 3}\\nnoise\')\nprint("more")\n',
    "hangs": "import time\ntime.sleep(100)\n",
    "hangs_with_child": (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])\n"
        "time.sleep(100)\n"
    ),
}


@pytest.fixture(autouse=True)
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every module of FAULTS be there to be imported."""
    for name, source in FAULTS.items():
        (tmp_path / f"faulty_{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))


def probe(name: str, timeout_seconds: float = 60) -> str | None:
    """Import a faulty module in a child; give what became of it."""
    outcome = run_probe("import_modules", [f"faulty_{name}"], timeout_seconds=timeout_seconds)
    assert outcome.step == f"faulty_{name}"
    return outcome.failure or outcome.facts["failures"].get(f"faulty_{name}")


def test_what_raises_is_told_on_one_line() -> None:
    assert probe("raises") == "RuntimeError: no way"


@pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Windows has no signals")
def test_what_crashes_is_told_with_its_signal() -> None:
    assert (probe("crashes") or "").startswith("crashed (SIGSEGV)")
    assert (probe("aborts") or "").startswith("aborted (SIGABRT)")


def test_what_ends_the_process_is_told_with_its_last_words() -> None:
    assert probe("ends") == "exited with status 7: out of luck"


def test_what_asks_to_leave_is_told() -> None:
    assert probe("leaves") == "SystemExit: 4"


def test_what_prints_does_not_disturb_the_report() -> None:
    outcome = run_probe("import_modules", ["faulty_prints"], timeout_seconds=60)
    assert (outcome.failure, outcome.step, outcome.facts["imported"]) == (None, "faulty_prints", ["faulty_prints"])


@pytest.mark.parametrize("name", ["hangs", "hangs_with_child"])
def test_what_hangs_is_given_up(name: str) -> None:
    begin = time.monotonic()
    assert probe(name, timeout_seconds=3) == "did not finish within 3 s"
    assert time.monotonic() - begin < 15  # and nobody waits for the child of the child


def test_a_package_that_crashes_does_not_take_the_others_with_it() -> None:
    names = ["faulty_raises", "numpy", "faulty_crashes", "json", "faulty_hangs", "csv"]
    packages = [Package(name, name) for name in names]
    failures = import_failures(Environment(timeout_seconds=5), packages)
    assert [failures[package] is None for package in packages] == [False, True, False, True, False, True]
    assert failures[packages[0]] == "cannot be imported: RuntimeError: no way"
    assert "did not finish within 5 s" in (failures[packages[4]] or "")


def test_packages_that_are_missing_are_told_so() -> None:
    missing = Package("no-such", "no_such_module_here")
    assert "is not installed" in (import_failures(Environment(), [missing, NUMPY])[missing] or "")


def test_every_optional_package_of_the_project_is_examined() -> None:
    tomllib = pytest.importorskip("tomllib", reason="NOT TESTED: reading pyproject.toml needs Python 3.11")
    from mobiclass.doctor.packages import EXTRAS

    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    extras = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    of_developers, of_runtimes = {"test", "check", "docs", "tools"}, {"tflite-runtime"}
    assert {extra.extra for extra in EXTRAS} == set(extras) - of_developers - of_runtimes
    assert all(isinstance(extra, Extra) for extra in EXTRAS)
