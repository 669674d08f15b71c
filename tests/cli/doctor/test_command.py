"""`mobiclass doctor` as a process, on installations that are broken for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import mobiclass
from mobiclass.choices import RuntimeChoice
from mobiclass.hub.catalog import BUILT_IN, find_model
from mobiclass.runtime.backends import RUNTIMES, Runtime, choose_runtime
from tests.conftest import MakeModel
from tests.support.edge_tpus import Simulator, simulated_edge_tpu
from tests.support.program import COMMAND, PACKAGE_PARENT, PROGRAM, Outcome, run, run_and_list_modules
from tests.support.tiny_models import edgetpu_model

CRASH = "import ctypes\nctypes.string_at(0)\n"
HANG = "import time\ntime.sleep(100)\n"
STATUSES = {"ok", "warning", "problem", "info"}


def chosen() -> Runtime:
    choice: RuntimeChoice = "tflite" if os.environ.get("MOBICLASS_RUNTIME") == "tflite" else "auto"
    return choose_runtime(choice)


def parse(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Give the checks of a report in JSON by name, when the report as a whole is in order."""
    report = json.loads(outcome.stdout)
    assert set(report) == {"ok", "checks"}
    for check in report["checks"]:
        assert list(check) == ["name", "status", "text", "fix"]
        assert check["status"] in STATUSES
        assert check["text"]
    assert report["ok"] is all(check["status"] != "problem" for check in report["checks"])
    assert outcome.exit_code == (0 if report["ok"] else 3)
    assert "Traceback" not in outcome.stderr
    return {check["name"]: check for check in report["checks"]}


def doctor(
    *arguments: str, env: Mapping[str, str] | None = None, command: tuple[str, ...] = COMMAND
) -> dict[str, dict[str, Any]]:
    return parse(run("doctor", "--format", "json", *arguments, env=env, command=command))


def statuses(checks: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["status"] for name, check in checks.items()}


@pytest.fixture
def put_first(tmp_path: Path) -> Any:
    """Give a function that puts a module before the real one, and gives the environment in which it is found."""

    def put(module: str, source: str) -> dict[str, str]:
        folder = tmp_path / "first"
        file = folder / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        for parent in file.relative_to(folder).parents:
            if parent != Path():
                (folder / parent / "__init__.py").touch()
        return {"PYTHONPATH": f"{folder}{os.pathsep}{PACKAGE_PARENT}"}

    return put


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a copy of the package that may be damaged: its built-in model, and the environment that uses it."""
    folder = tmp_path / "installation"
    shutil.copytree(Path(mobiclass.__file__).parent, folder / "mobiclass", ignore=shutil.ignore_patterns("__pycache__"))
    models = find_model().parent
    if models.parent.name != "mobiclass" or not (models.parent / "errors.py").is_file():
        (folder / "models").mkdir()
        for name in (f"{BUILT_IN}.tflite", "catalog.toml", "imagenet_taxonomy.tsv"):
            shutil.copy(models / name, folder / "models")
    model = next(folder.rglob(f"{BUILT_IN}.tflite"))
    yield model, {"PYTHONPATH": str(folder)}


def test_all_is_well_here() -> None:
    checks = doctor()
    assert "problem" not in statuses(checks).values()
    for name in ("python", "packages", "numpy", "pillow", chosen().package, "built-in model", "self-test"):
        assert checks[name]["status"] == "ok", checks[name]
    assert checks["self-test"]["text"].startswith("honeycomb 9")
    assert {"system", "xnnpack", "cpu", "cores", "memory", "temperature", "cache", "heif", "parquet"} <= set(checks)
    assert {"libedgetpu", "edgetpu"} <= set(checks)
    assert " ms" in checks["xnnpack"]["text"]


def test_xnnpack_is_measured() -> None:
    # LiteRT has it for this model on the machines where the tests run; tflite-runtime does not.
    text = doctor()["xnnpack"]["text"]
    has_processors = sys.platform != "linux" or Path("/sys/devices/system/cpu/possible").exists()
    assert text.startswith("in use: " if chosen().name == "litert" and has_processors else "not in use: ")


def test_a_pipe_gets_plain_lines_with_the_fix_in_them() -> None:
    outcome = run("doctor", env={"MOBICLASS_THREADS": "0"})
    assert outcome.exit_code == 3
    lines = outcome.stdout.splitlines()
    assert all(line.split()[0] in STATUSES for line in lines)
    assert "\x1b" not in outcome.stdout
    (line,) = [line for line in lines if "MOBICLASS_THREADS" in line.split()]
    assert line.startswith("problem  MOBICLASS_THREADS  0 is not in the range 1<=x<=256; fix: correct it, or unset")
    assert outcome.stderr == "classification fails: 1 problem, " + outcome.stderr.partition("problem, ")[2]


def test_quiet_is_quiet() -> None:
    outcome = run("doctor", "-q")
    assert (outcome.exit_code, outcome.stderr) == (0, "")


def test_verbose_reports_how_long_the_checks_took() -> None:
    first, last = run("doctor", "-v").stderr.splitlines()
    assert re.fullmatch(r"checks took \d+\.\d s in all(, [\w -]+ \d+\.\d s)+", first)
    assert last.startswith("classif")


def test_without_packages_at_all_the_report_is_whole(tmp_path: Path) -> None:
    import click

    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "click").symlink_to(Path(click.__file__).parent)
    bare = (sys.executable, "-S", "-c", PROGRAM)
    checks = doctor(env={"PYTHONPATH": f"{packages}{os.pathsep}{PACKAGE_PARENT}"}, command=bare)
    expected = {"packages", "numpy", "pillow", "ai-edge-litert", "self-test"}
    assert {name for name, status in statuses(checks).items() if status == "problem"} >= expected
    assert checks["numpy"]["fix"] == "pip install --force-reinstall numpy"
    assert "pip install" in checks["ai-edge-litert"]["fix"] or "use a" in checks["ai-edge-litert"]["fix"]
    assert {"cores", "memory", "heif", "libedgetpu"} <= set(checks)
    assert checks["heif"]["fix"] == "pip install 'mobiclass[heif]'"


@pytest.mark.parametrize(("module", "check"), [("numpy", "numpy"), ("PIL", "pillow")])
def test_a_package_that_cannot_be_imported_is_a_problem(module: str, check: str, put_first: Any) -> None:
    env = put_first(f"{module}.__init__", 'raise ImportError("libopenblas.so.0: cannot open")\n')
    checks = doctor(env=env)
    assert checks[check]["status"] == checks["self-test"]["status"] == "problem"
    assert "libopenblas.so.0" in checks[check]["text"]
    assert "--force-reinstall" in checks[check]["fix"]


def test_a_package_that_crashes_is_a_line(put_first: Any) -> None:
    checks = doctor(env=put_first("PIL.__init__", CRASH))
    assert checks["pillow"]["status"] == checks["self-test"]["status"] == "problem"
    assert "SIGSEGV" in checks["pillow"]["text"] or sys.platform == "win32"
    assert checks["numpy"]["status"] == checks[chosen().package]["status"] == "ok"


@pytest.mark.parametrize(("source", "death"), [(CRASH, "SIGSEGV"), (HANG, "did not finish within 5 s")])
def test_a_runtime_that_crashes_or_hangs_is_a_line(source: str, death: str, put_first: Any) -> None:
    runtime = chosen()
    checks = doctor("--timeout", "5", env=put_first(runtime.module, source))
    assert checks[runtime.package]["status"] == checks["self-test"]["status"] == "problem"
    assert f"cannot import {runtime.module}: " in checks[runtime.package]["text"]
    assert death in checks[runtime.package]["text"] or sys.platform == "win32"
    assert f"pip install --force-reinstall {runtime.package}" in checks[runtime.package]["fix"]
    assert checks["numpy"]["status"] == checks["pillow"]["status"] == checks["built-in model"]["status"] == "ok"


def test_a_broken_runtime_that_is_not_in_use_is_a_warning(put_first: Any) -> None:
    runtime = chosen()
    other = next(one for one in RUNTIMES.values() if one is not runtime)
    checks = doctor(env={**put_first(other.module, CRASH), "MOBICLASS_RUNTIME": runtime.name})
    assert checks[other.package]["status"] == "warning"
    assert checks["self-test"]["status"] == "ok"


@pytest.mark.skipif(
    not RUNTIMES["tflite"].installed, reason="NOT TESTED: tflite-runtime beside NumPy 2, it is not installed"
)
def test_tflite_runtime_beside_numpy_2_is_a_problem_with_its_fix(tmp_path: Path) -> None:
    numpy_2 = tmp_path / "numpy2"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*install, "--target", numpy_2, "numpy>=2"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NOT TESTED: NumPy 2 cannot be installed here: {done.stderr[-200:]}")
    checks = doctor(env={"PYTHONPATH": f"{numpy_2}{os.pathsep}{PACKAGE_PARENT}", "MOBICLASS_RUNTIME": "tflite"})
    check = checks["tflite-runtime"]
    assert check["status"] == checks["self-test"]["status"] == "problem"
    assert check["text"].startswith("2.14.0 needs NumPy 1 and this is NumPy 2.")
    assert "cannot load the model: " in check["text"]  # tried, not only concluded
    assert check["fix"].startswith("pip install 'numpy<2'")


def test_a_damaged_model_is_told_by_its_checksum(installation: tuple[Path, dict[str, str]]) -> None:
    model, env = installation
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    check = doctor(env=env)["built-in model"]
    assert check["status"] == "problem"
    assert str(model) in check["text"]
    assert "is damaged, or not the catalogue's file: sha256 " in check["text"]
    assert "--force-reinstall mobiclass" in check["fix"]


def test_a_model_that_answers_wrongly_fails_the_self_test(installation: tuple[Path, dict[str, str]]) -> None:
    model, env = installation
    content = bytearray(model.read_bytes())
    half = len(content) // 2
    content[half : half + 200_000] = bytes(200_000)  # weights
    model.write_bytes(content)
    check = doctor(env=env)["self-test"]
    assert check["status"] == "problem"
    assert check["text"].startswith("a wrong answer: ")


@pytest.mark.parametrize("content", [None, b"", b"TFL3" * 1000])
def test_a_missing_model_or_one_that_is_none(content: bytes | None, installation: tuple[Path, dict[str, str]]) -> None:
    model, env = installation
    model.unlink() if content is None else model.write_bytes(content)
    checks = doctor(env=env)
    assert checks["built-in model"]["status"] == checks["self-test"]["status"] == "problem"
    assert not [check for check in checks.values() if "cannot be examined" in check["text"]]


def test_the_self_test_sees_red_and_blue_confused(put_first: Any) -> None:
    # A Pillow that hands the channels over in another order, as OpenCV would.
    source = (
        "import mobiclass.doctor.known_picture as picture\n"
        "picture._WAX, picture._CELL = picture._WAX[::-1], picture._CELL[::-1]\n"
    )
    env = put_first("sitecustomize", source)
    assert doctor(env=env)["self-test"]["text"].startswith("a wrong answer: honeycomb ")


def test_a_cache_that_cannot_be_written_to_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for cache in (tmp_path / "file", tmp_path / "file/below"):
        checks = doctor(env={"MOBICLASS_CACHE": str(cache)})
        assert checks["cache"]["status"] == "warning"
        assert f"{cache} cannot be " in checks["cache"]["text"]
        assert "MOBICLASS_CACHE" in checks["cache"]["fix"]
        assert "problem" not in statuses(checks).values()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="NOT TESTED: root may write to read-only folders"
)
def test_a_read_only_cache_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert doctor(env={"MOBICLASS_CACHE": str(tmp_path)})["cache"]["status"] == "warning"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="NOT TESTED: only root can mount")
def test_a_cache_on_a_read_only_file_system_is_a_warning(tmp_path: Path) -> None:
    mounted = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
    command = ("unshare", "-m", "sh", "-c", mounted, "sh", str(tmp_path), *COMMAND)
    try:
        probe = subprocess.run([*command[:7], "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: there is no unshare here")
    if probe.returncode:
        pytest.skip("NOT TESTED: mounting is not allowed here")
    check = doctor(env={"MOBICLASS_CACHE": str(tmp_path)}, command=command)["cache"]
    assert check["status"] == "warning"
    assert "Read-only file system" in check["text"]


def test_a_cache_is_left_as_it_was(tmp_path: Path) -> None:
    cache = tmp_path / "cache/deep"
    assert doctor(env={"MOBICLASS_CACHE": str(cache), "MOBICLASS_RUNTIME": "auto"})["cache"]["status"] == "ok"
    if chosen().name == "litert":  # tflite-runtime remembers there what it has loaded
        assert list(tmp_path.iterdir()) == []


def check_settings(expected: Mapping[str, tuple[str, str, str]]) -> None:
    """Set variables, name to (value, status, how the text begins), and look at their lines."""
    checks = doctor(env={variable: value for variable, (value, _, _) in expected.items()})
    for variable, (_, status, text) in expected.items():
        check = checks[variable]
        assert (check["status"], check["text"][: len(text)]) == (status, text)
        assert (check["fix"] is not None) == (status != "ok")


def test_settings_that_are_possible() -> None:
    check_settings({
        "MOBICLASS_THREADS": ("2", "ok", "2, for --threads"),
        "MOBICLASS_DEVICE": ("cpu", "ok", "cpu, for --device"),
        "MOBICLASS_RUNTIME": (chosen().name, "ok", f"{chosen().name}, for --runtime"),
        "MOBICLASS_MODEL": (BUILT_IN, "ok", f"{BUILT_IN}, for --model"),
        "MOBICLASS_MIRROR": ("http://mirror.example/m", "ok", "where models are pulled from, for instance http://mirror"),
        "MOBICLASS_OFFLINE": ("1", "ok", "1: models are never downloaded"),
    })  # fmt: skip


def test_settings_that_are_impossible() -> None:
    check_settings({
        "MOBICLASS_THREADS": ("x", "problem", "'x' is not a valid integer"),
        "MOBICLASS_DEVICE": ("gpu", "problem", "'gpu' is not one of auto, cpu, edgetpu"),
        "MOBICLASS_RUNTIME": ("onnx", "problem", "'onnx' is not one of"),
        "MOBICLASS_MODEL": ("zebra", "problem", "there is no model named 'zebra' here"),
        "MOBICLASS_MIRROR": ("ftp://x", "problem", "MOBICLASS_MIRROR must be a URL"),
        "MOBICLASS_OFFLINE": ("0", "ok", "0: `models pull` may download"),
        "MOBICLASS_THREDS": ("2", "warning", "is not a setting of mobiclass"),
    })  # fmt: skip


def test_a_model_file_that_is_missing_is_a_problem() -> None:
    check_settings({"MOBICLASS_MODEL": ("no/such.tflite", "problem", "no/such.tflite: there is no such model file")})


def test_a_password_in_a_mirror_is_not_repeated() -> None:
    outcome = run("doctor", env={"MOBICLASS_MIRROR": "https://me:secret@mirror.example/"})
    assert outcome.exit_code == 3
    assert "secret" not in outcome.stdout + outcome.stderr


def test_a_model_that_is_set_is_tried(colours: Path, make_model: MakeModel) -> None:
    checks = doctor(env={"MOBICLASS_MODEL": str(colours)})
    assert checks["as configured"]["status"] == checks["MOBICLASS_MODEL"]["status"] == "ok"
    compiled = make_model(edgetpu_model(), name="birds")
    check = doctor(env={"MOBICLASS_MODEL": str(compiled)})["as configured"]
    assert check["status"] == "problem"
    assert "libedgetpu" in check["text"]


def test_a_device_that_is_set_and_not_there_is_a_problem(colours: Path) -> None:
    check = doctor(env={"MOBICLASS_MODEL": str(colours), "MOBICLASS_DEVICE": "edgetpu"})["as configured"]
    assert check["status"] == "problem"
    assert "unset MOBICLASS_MODEL and MOBICLASS_DEVICE" in check["fix"]


def test_a_model_on_a_simulated_edge_tpu(tmp_path: Path, simulator: Simulator) -> None:
    edge_tpu = simulated_edge_tpu(tmp_path, simulator)
    env = {"MOBICLASS_MODEL": str(edge_tpu.model)}
    checks = doctor(env=env)
    assert checks["libedgetpu"]["status"] == "ok"
    assert checks["as configured"]["text"] == f"{edge_tpu.model} classifies on edgetpu"
    simulator.switch(no_device=1)
    check = doctor(env=env)["as configured"]
    assert check["status"] == "warning"
    assert check["text"].startswith("runs on the CPU instead: ")
    check = doctor(env={**env, "MOBICLASS_DEVICE": "edgetpu"})["as configured"]
    assert check["status"] == "problem"
    assert "libedgetpu" in check["text"]


def test_a_libedgetpu_that_crashes_is_a_line(tmp_path: Path, simulator: Simulator) -> None:
    simulator.switch(crash="load")
    checks = doctor()
    assert checks["libedgetpu"]["status"] == "warning"
    assert "is installed but cannot be loaded: " in checks["libedgetpu"]["text"]
    assert "problem" not in statuses(checks).values()


def test_control_sequences_in_settings_are_not_obeyed() -> None:
    outcome = run("doctor", env={"MOBICLASS_MODEL": "\x1b[2J\u202ezebra"})
    assert outcome.exit_code == 3
    assert not set(outcome.stdout) & {"\x1b", "\u202e"}


def test_nothing_but_the_standard_library_and_click_is_loaded(tmp_path: Path) -> None:
    _, loaded = run_and_list_modules("doctor", "-q", folder=tmp_path)
    assert "mobiclass.cli.doctor.command" in loaded
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint({"numpy", "PIL", "ai_edge_litert", "tflite_runtime", "pyarrow", "pi_heif"})


def test_the_help_says_what_the_json_is() -> None:
    outcome = run("doctor", "--help")
    assert outcome.exit_code == 0
    assert '"status": "ok|warning|problem|info"' in outcome.stdout
