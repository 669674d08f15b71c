"""Does what the owner of a Pi does, from installing to a batch of photos, and checks the outcome.

A failed check is recorded as a complaint, and the others still run.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools.raspberry_pi.agreement import Row, compare, disagreements, read_rows, summary
from tools.raspberry_pi.guest import Guest, Run
from tools.raspberry_pi.photos import make_lessons
from tools.raspberry_pi.processors import PROCESSORS
from tools.raspberry_pi.progress import Progress
from tools.raspberry_pi.recipes import Recipe

PHOTOS: Final = "photos"
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_FINGERPRINTS: Final = Path(__file__).parent / "guest_scripts" / "fingerprints.py"
_LOADED_MODULES: Final = _FINGERPRINTS.with_name("loaded_modules.py")
_PROGRAM: Final = "venv/bin/mobiclass"
_PYTHON: Final = "venv/bin/python"

# The packages that `predict` may load, besides the runtime; platformdirs is for tflite-runtime's entry in the cache.
_NEEDED: Final = frozenset({"PIL", "click", "mobiclass", "numpy", "platformdirs"})
# Modules of Debian's Python and of Cython that are not packages.
_MARKS: Final = frozenset({"cython_runtime", "sitecustomize"})

# More than the top 5, so that their classes are listed on the other machine too.
_LISTED: Final = "20"


@dataclass(frozen=True, slots=True)
class Reference:
    """The results of this machine: the rows, and the fingerprints that must be bit-identical."""

    rows: dict[str, Row]
    fingerprints: dict[str, Any]


@dataclass(slots=True)
class Findings:
    """Complaints and measured figures."""

    complaints: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def expect(self, holds: object, complaint: str) -> None:
        """Record the `complaint` unless the condition `holds`."""
        if not holds:
            self.complaints.append(complaint)

    @contextmanager
    def isolated(self, what: str) -> Iterator[None]:
        """Record output in an unexpected form as a complaint."""
        try:
            yield
        except (KeyError, OSError, TypeError, ValueError) as error:
            self.complaints.append(f"{what}: {type(error).__name__}: {error}")


def reference(folder: Path) -> Reference:
    """Classify the photos in `folder`/photos on this machine, with this checkout.

    Raises:
        subprocess.CalledProcessError: it fails; its message is on stderr.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOBICLASS_")}
    env["PYTHONPATH"] = str(_ROOT)

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    python("-m", "mobiclass", "batch", "-q", PHOTOS, "-k", _LISTED, "-o", "here.jsonl")
    rows = read_rows((folder / "here.jsonl").read_text(encoding="utf-8"))
    return Reference(rows, json.loads(python(str(_FINGERPRINTS), *sorted(rows))))


def examine(guest: Guest, recipe: Recipe, wheel: Path, here: Reference, progress: Progress) -> Findings:
    """Install and run the wheel in `guest`, which already has the photos, and check the outcome.

    Raises:
        SetupError: the wheel cannot be installed.
    """
    findings = Findings()
    guest.become(PROCESSORS[recipe.cpus[0]])
    _install(guest, recipe, wheel, findings, progress)
    progress.step("predict, models show, doctor")
    _try_commands(guest, sorted(here.rows)[0], findings)
    progress.step("teach two classes, and predict")
    _try_teaching(guest, findings)
    progress.step("modules that predict loads, bit-identical tensors")
    _check_imports(guest, recipe, sorted(here.rows)[0], findings)
    _check_fingerprints(guest, here, findings)
    for cpu in recipe.cpus:
        progress.step(f"batch on {len(here.rows)} photos, as on {cpu}")
        guest.become(PROCESSORS[cpu])
        _check_batch(guest, recipe, cpu, here, findings)
    return findings


def _install(guest: Guest, recipe: Recipe, wheel: Path, findings: Findings, progress: Progress) -> None:
    compiler = guest.run("sh", "-c", "command -v cc gcc c++ clang")
    findings.expect(not compiler.stdout, f"the root has a compiler: {compiler.stdout.strip()}")
    guest.put(wheel, wheel.name)
    for script in (_FINGERPRINTS, _LOADED_MODULES):
        guest.put(script, script.name)
    progress.step("python3 -m venv")
    guest.install("python3", "-m", "venv", *(["--system-site-packages"] if recipe.system_packages else []), "venv")
    progress.step(f"pip install {wheel.name} (wheels only)")
    guest.install("venv/bin/pip", "install", "--progress-bar=off", "--only-binary", ":all:", wheel.name)
    shown = guest.run("venv/bin/pip", "show", recipe.runtime)
    findings.expect(shown.exit_code == 0, f"pip did not install the runtime {recipe.runtime}")


def _try_commands(guest: Guest, photo: str, findings: Findings) -> None:
    findings.expect(_done(guest.run(_PROGRAM, "--version"), findings).stdout.startswith("mobiclass "), "--version")
    with findings.isolated("models show"):
        shown = json.loads(
            _done(guest.run(_PROGRAM, "models", "show", "efficientnet_lite0", "--format", "json"), findings).stdout
        )
        findings.expect(shown["labels"] == 1000, f"models show: {shown['labels']} labels")
    with findings.isolated("predict"):
        by_path = _done(guest.run(_PROGRAM, "predict", photo), findings)
        by_stdin = _done(guest.run(_PROGRAM, "predict", "-", stdin=guest.home / photo), findings)
        same = [json.loads(run.stdout)["predictions"] for run in (by_path, by_stdin)]
        findings.expect(same[0] and same[0] == same[1], f"predict {photo} and predict - differ: {same}")
        findings.figures.append(f"predict: {by_path.seconds:.1f} s, {by_path.peak_rss_mb:.0f} MB")
    with findings.isolated("a closed pipe"):
        # Python 3.13 reports errors when streams are closed at exit, which older versions do not.
        left = _done(guest.run("sh", "-c", f"{_PROGRAM} predict {shlex.quote(photo)} | :"), findings)
        findings.expect(not left.stderr, f"predict into a closed pipe is not quiet: {left.stderr}")
    with findings.isolated("doctor"):
        # The default timeout is for real machines.
        doctor = _done(guest.run(_PROGRAM, "doctor", "--timeout", "300", "--format", "json"), findings)
        report = json.loads(doctor.stdout)
        findings.complaints += [
            f"doctor: {c['name']}: {c['text']}" for c in report["checks"] if c["status"] == "problem"
        ]
        findings.expect(report["ok"] and report["checks"], f"doctor ran {len(report['checks'])} checks")


def _try_teaching(guest: Guest, findings: Findings) -> None:
    with findings.isolated("teach"):
        with tempfile.TemporaryDirectory() as name:
            guest.put(make_lessons(Path(name) / "lessons", 3), "lessons")
            guest.put(make_lessons(Path(name) / "unseen", 1, seed=1), "unseen")
        run = _done(guest.run(_PROGRAM, "teach", "lessons", "-o", "taught.tflite", "--format", "json"), findings)
        result = json.loads(run.stdout)
        taught = [each["name"] for each in result["classes"]]
        findings.expect(taught == ["cold", "warm"] and result["photos"] == 6, f"teach: {result}")
        for label in taught:
            command = (_PROGRAM, "predict", f"unseen/{label}/0.jpg", "-m", "taught.tflite", "--format", "jsonl")
            found = json.loads(_done(guest.run(*command), findings).stdout)["predictions"][0]["label"]
            findings.expect(found == label, f"teach: a photo of {label!r} is taken for {found!r}")
        findings.figures.append(f"teach 2 × 3 photos: {run.seconds:.1f} s, {run.peak_rss_mb:.0f} MB")


def _check_imports(guest: Guest, recipe: Recipe, photo: str, findings: Findings) -> None:
    with findings.isolated("modules that predict loads"):
        _done(
            guest.run(_PYTHON, _LOADED_MODULES.name, "predict", photo, variables={"MODULES": "modules.json"}), findings
        )
        loaded = json.loads((guest.home / "modules.json").read_text(encoding="utf-8"))
        runtime = recipe.runtime.replace("-", "_")
        packages = {name for name in loaded if not name.startswith("_")} - _MARKS
        findings.expect("mobiclass" in packages and runtime in packages, f"predict loads {loaded} but not {runtime}")
        extra = packages - _NEEDED - {runtime}
        findings.expect(not extra, f"predict loads more than it needs: {', '.join(sorted(extra))}")


def _check_fingerprints(guest: Guest, here: Reference, findings: Findings) -> None:
    with findings.isolated("bit-identical tensors"):
        there = json.loads(_done(guest.run(_PYTHON, _FINGERPRINTS.name, *sorted(here.rows)), findings).stdout)
        inputs = here.fingerprints["inputs"]
        different = [photo for photo, digest in inputs.items() if there["inputs"].get(photo) != digest]
        findings.expect(not different, f"the input tensors differ there: {', '.join(different)}")
        same = there["output"] == here.fingerprints["output"]
        findings.expect(same, "the output of the reference kernels differs there")
        findings.figures.append(f"bit-identical input tensors: {len(inputs) - len(different)} of {len(inputs)}")


def _check_batch(guest: Guest, recipe: Recipe, cpu: str, here: Reference, findings: Findings) -> None:
    output = f"{cpu}.jsonl"
    command = [_PROGRAM, "batch", "-q", PHOTOS, "-k", _LISTED, "-o", output]
    with findings.isolated(f"batch on {cpu}"):
        run = _done(guest.run(*command), findings)
        written = (guest.home / output).read_bytes()
        agreements, complaints = compare(here.rows, read_rows(written.decode("utf-8")))
        findings.complaints.extend(
            f"{cpu}: {text}" for text in (*complaints, *disagreements(agreements, recipe.tolerance))
        )
        findings.figures.append(f"{cpu}: {summary(agreements)}; {run.seconds:.1f} s, {run.peak_rss_mb:.0f} MB")
        _done(guest.run(*command, "--resume"), findings)
        findings.expect((guest.home / output).read_bytes() == written, f"batch --resume on {cpu} changed finished rows")


def _done(run: Run, findings: Findings) -> Run:
    """Record a program that failed, with the end of its output."""
    said = run.stderr.strip() or run.stdout.strip()
    findings.expect(run.exit_code == 0, f"{' '.join(run.command)}: exit code {run.exit_code}: {said[-500:]}")
    return run
