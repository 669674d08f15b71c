"""What of the Raspberry Pi's test can be tested without an emulated system: `make test-pi` tests the rest."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.batch_runs import wait_until
from tests.support.program import run as run_program

pytest.importorskip("skimage", reason="NOT TESTED: the Raspberry Pi's test, for scikit-image is not installed")

from mobiclass.images.decode import load_image
from tools.raspberry_pi import checks, emulation, progress
from tools.raspberry_pi.agreement import Tolerance, compare, disagreements, read_rows, summary
from tools.raspberry_pi.emulation import registration, unfit
from tools.raspberry_pi.package_sources import local_files, pip_variables
from tools.raspberry_pi.photos import make_lessons, make_photos
from tools.raspberry_pi.processors import PROCESSORS, write_sysfs
from tools.raspberry_pi.progress import Progress
from tools.raspberry_pi.recipes import RECIPES
from tools.raspberry_pi.roots import STAMP, debian_mirror, is_current

ROOT = Path(__file__).resolve().parents[3]
RECIPE = RECIPES["trixie-arm64"]
AARCH64 = r":qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01:\xff\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF"


def row(path: str, *predictions: tuple[int, float]) -> str:
    """Write a row with `predictions` of (index, score)."""
    found = [{"index": index, "label": f"class {index}", "score": score} for index, score in predictions]
    return json.dumps({"path": path, "predictions": found, "error": None})


# -- recipes and roots


@pytest.mark.parametrize("change", [{"suite": "forky"}, {"architecture": "armhf"}, {"packages": ("python3",)}])
def test_a_recipe_has_another_digest_when_its_root_would_be_another(change: dict[str, Any]) -> None:
    assert replace(RECIPE, **change).digest() != RECIPE.digest()


def test_what_is_tested_in_a_root_does_not_make_it_another() -> None:
    assert replace(RECIPE, cpus=("cortex-a76",), tolerance=Tolerance(9, 9, 9)).digest() == RECIPE.digest()


def test_a_root_is_taken_again_only_if_its_recipe_is_unchanged(tmp_path: Path) -> None:
    assert not is_current(tmp_path, RECIPE)
    (tmp_path / STAMP).parent.mkdir()
    (tmp_path / STAMP).write_text(RECIPE.digest())
    assert is_current(tmp_path, RECIPE)
    assert not is_current(tmp_path, replace(RECIPE, packages=(*RECIPE.packages, "gcc")))
    (tmp_path / STAMP).write_bytes(b"\xff")
    assert not is_current(tmp_path, RECIPE)


def test_debian_comes_from_the_mirror_that_apt_uses() -> None:
    uris = ["http://one.example/debian-security/", "cdrom:[x]/debian", "http://two.example/debian/", "http://x/debian"]
    assert debian_mirror(uris) == "http://two.example/debian/"
    assert debian_mirror(["http://archive.example/ubuntu/"]) is None


# -- emulation


def test_the_registration_is_found_among_comments_and_others() -> None:
    text = f"# qemu\n;:qemu-aarch64:no\n:qemu-aarch64_be:M::x:y:/z:F\n\n{AARCH64}\n"
    assert registration(text, "qemu-aarch64") == AARCH64
    assert registration(AARCH64.replace(":", "|"), "qemu-aarch64") == AARCH64.replace(":", "|")
    assert registration(text, "qemu-arm") is None


def test_a_handler_must_be_enabled_and_carry_its_interpreter() -> None:
    state = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: {}\noffset 0\nmagic 7f45\n"
    assert not unfit(state.format("POF"))
    assert "no flag F" in unfit(state.format("OC"))
    assert "is disabled" in unfit(state.format("POF").replace("enabled", "disabled"))


def run(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with `path` as the PATH."""
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tools.raspberry_pi", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_machine_that_cannot_run_it_says_so_and_does_not_pass(tmp_path: Path) -> None:
    done = run(path=str(tmp_path))
    assert done.returncode == 77
    assert done.stderr == "SKIPPED: debootstrap is not installed: apt-get install debootstrap\n"


def test_ci_can_go_on_and_tell_why(tmp_path: Path) -> None:
    note = tmp_path / "new" / "skipped"
    done = run("--skipped", str(note), path=str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.startswith("SKIPPED: debootstrap is not installed")
    assert note.read_text() == "debootstrap is not installed: apt-get install debootstrap\n"


def test_only_root_can_run_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("debootstrap", "unshare", "chroot", "mount"):
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(emulation.ImpossibleError, match="only root can build and enter a root: sudo make test-pi"):
        emulation.check_machine()


def test_a_processor_is_described_as_linux_does(tmp_path: Path) -> None:
    text = PROCESSORS["cortex-a53"].cpuinfo(cores=2)
    assert text.startswith("processor\t: 0\nFeatures\t: fp asimd")
    assert text.count("CPU part\t: 0xd03\n") == 2
    assert text.endswith("\n\nModel\t\t: Raspberry Pi 3 Model B Rev 1.2\n")
    write_sysfs(tmp_path / "four", cores=4)
    write_sysfs(tmp_path / "one", cores=1)
    present = [(tmp_path / name / "devices/system/cpu/present").read_text() for name in ("four", "one")]
    assert present == ["0-3\n", "0\n"]


def test_every_recipe_names_processors_that_are_known() -> None:
    assert {cpu for recipe in RECIPES.values() for cpu in recipe.cpus} <= set(PROCESSORS)


def test_a_program_that_fails_is_shown_with_what_it_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Progress(tmp_path / "log", verbose=False).run(["sh", "-c", "echo said; exit 4"]) == 4
    assert capsys.readouterr().err == "\n$ sh -c echo said; exit 4\nsaid\nexit code 4\n"


def test_a_program_that_hangs_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_TIMEOUT_S", 1)
    child = tmp_path / "child"
    script = f"sleep 100 & echo $! > {child}; wait"
    assert Progress(tmp_path / "log", verbose=False).run(["sh", "-c", script]) == -9
    assert "sh took longer than 0 minutes\n" in capsys.readouterr().err
    state = Path("/proc", child.read_text().strip(), "stat")

    def gone() -> bool:
        try:
            return ") Z " in state.read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_until(gone, "the end of what it started")  # a signal takes its time to arrive


# -- where packages come from


def test_pip_is_told_where_packages_come_from_and_nothing_else() -> None:
    configuration = """\
:env:.find-links='/wheels'
:env:.disable-pip-version-check='1'
global.extra-index-url='\\nhttps://one.example/simple\\nfile:///srv/simple'
global.find-links='/other'
global.index-url='https://user:word=x@index.example/simple'
global.target='/tmp/elsewhere'
global.require-virtualenv='true'
install.no-index='true'
wheel.no-index='false'
"""
    assert pip_variables(configuration) == {
        "PIP_FIND_LINKS": "/wheels",
        "PIP_EXTRA_INDEX_URL": "https://one.example/simple file:///srv/simple",
        "PIP_INDEX_URL": "https://user:word=x@index.example/simple",
        "PIP_NO_INDEX": "true",
    }


def test_the_files_that_the_settings_name_are_shown_to_the_guest(tmp_path: Path) -> None:
    folder, file = tmp_path / "an index", tmp_path / "ca.pem"
    (folder / "simple").mkdir(parents=True)
    file.touch()
    variables = {
        "PIP_EXTRA_INDEX_URL": f"https://one.example/simple file://{str(folder).replace(' ', '%20')}/simple",
        "PIP_FIND_LINKS": f"{tmp_path}/missing / relative",
        "PIP_CERT": str(file),
    }
    found = [path for path in local_files(variables) if path.is_relative_to(tmp_path)]
    assert found == [folder, file]  # the index may lead to what lies beside it
    assert local_files({"PIP_CERT": str(file), "PIP_FIND_LINKS": str(tmp_path)})[-1] == tmp_path
    assert Path("/") not in local_files(variables)


# -- agreement


def test_scores_are_compared_class_by_class() -> None:
    here = read_rows(row("a", (3, 0.5), (1, 0.25), (2, 0.125)))
    there = read_rows(row("a", (3, 0.4375), (2, 0.25), (1, 0.25)))
    (photo,), complaints = compare(here, there)
    assert (photo.same_top_1, photo.gap_steps, photo.score_steps) == (True, 0, 32)
    assert complaints == []
    assert summary([photo]) == (
        "same top-1 on 1 of 1 photos; scores of the top 5 within 32.0 steps of 1/256 on average, 32 at most"
    )


def test_a_class_that_the_other_does_not_list_has_at_most_its_last_score() -> None:
    here = read_rows(row("a", (3, 0.5), (1, 0.25)))
    there = read_rows(row("a", (7, 0.5), (8, 0.125)))
    (photo,), _ = compare(here, there)
    assert (photo.same_top_1, photo.gap_steps, photo.score_steps) == (False, 64, 96)


def test_another_top_1_is_a_disagreement_unless_a_near_tie_is_tolerated() -> None:
    here, there = read_rows(row("a", (3, 0.5), (1, 0.484375))), read_rows(row("a", (1, 0.5), (3, 0.484375)))
    agreements, _ = compare(here, there)
    (complaint,) = disagreements(agreements, Tolerance(4, 4, near_tie_steps=3))
    assert complaint == "a: class 1 there, class 3 here by 4 steps of 1/256"
    assert disagreements(agreements, Tolerance(4, 4, near_tie_steps=4)) == []


def test_64_bit_systems_must_agree_on_every_photo() -> None:
    ties = {recipe.tolerance.near_tie_steps for recipe in RECIPES.values() if recipe.architecture == "arm64"}
    assert ties == {0}


def test_scores_far_apart_are_a_disagreement() -> None:
    here, there = read_rows(row("a", (3, 0.5), (1, 0.0))), read_rows(row("a", (3, 0.75), (1, 0.0)))
    agreements, _ = compare(here, there)
    assert disagreements(agreements, Tolerance(63, 63, 0)) == [
        "a: a score differs by 64 steps of 1/256",
        "scores differ by 64.0 steps of 1/256 on average",
    ]


def test_rows_that_are_missing_or_failed_are_complaints() -> None:
    broken = json.dumps({"path": "b", "predictions": [], "error": {"message": "b: truncated"}})
    agreements, complaints = compare(read_rows("\n".join([row("a", (1, 0.5)), row("b", (1, 0.5))])), read_rows(broken))
    assert agreements == []
    assert complaints == ["a: 1 predictions here, no row there", "b: 1 predictions here, b: truncated there"]


# -- what runs on both machines


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the photos, with two from a folder whose names are the same."""
    more = tmp_path_factory.mktemp("more")
    for name in ("one", "two"):
        (more / name).mkdir()
    folder = tmp_path_factory.mktemp("desk") / "photos"
    first = make_photos(folder)[0]
    for name in ("one", "two"):
        (more / name / "same.png").write_bytes(first.read_bytes())
    make_photos(folder.parent / "more", more)
    return folder


def test_the_photos_are_of_many_kinds_and_can_all_be_read(photos: Path) -> None:
    paths = sorted(photos.iterdir())
    assert len(paths) >= 15
    assert {path.suffix for path in paths} == {".gif", ".jpg", ".png", ".tif", ".webp"}
    for path in paths:
        assert load_image(str(path), min_height=224, min_width=224).mode == "RGB"
    camera = load_image(str(photos / "camera-12-megapixels.jpg"), min_height=224, min_width=224)
    assert camera.height > camera.width  # turned as Exif says


def test_more_photos_keep_apart_what_has_the_same_name(photos: Path) -> None:
    names = {path.name for path in (photos.parent / "more").iterdir()} - {path.name for path in photos.iterdir()}
    assert names == {"00000-same.png", "00001-same.png"}


def test_this_machine_agrees_with_itself(photos: Path) -> None:
    here = checks.reference(photos.parent)
    assert set(here.rows) == {f"photos/{path.name}" for path in photos.iterdir()} == set(here.fingerprints["inputs"])
    agreements, complaints = compare(here.rows, here.rows)
    assert complaints == []
    assert {(photo.same_top_1, photo.score_steps) for photo in agreements} == {(True, 0)}


def test_what_a_guest_is_taught_can_be_told_apart(tmp_path: Path) -> None:
    make_lessons(tmp_path / "lessons", 3)
    make_lessons(tmp_path / "unseen", 1, seed=1)
    taught = run_program("teach", "lessons", "-o", "taught.tflite", cwd=tmp_path)
    assert taught.exit_code == 0, taught.stderr
    judged = run_program("evaluate", "unseen", "-m", "taught.tflite", "--format", "json", cwd=tmp_path)
    assert json.loads(judged.stdout)["top1"] == 1.0


def test_guest_scripts_import_the_wheel_alone() -> None:
    for script in (ROOT / "tools" / "raspberry_pi" / "guest_scripts").glob("*.py"):
        nodes = list(ast.walk(ast.parse(script.read_text(encoding="utf-8"))))
        imported = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert {name.partition(".")[0] for name in imported} <= {*sys.stdlib_module_names, "mobiclass"}


def test_predict_loads_what_it_needs_and_the_script_reports_it(photos: Path, tmp_path: Path) -> None:
    helper = ROOT / "tools" / "raspberry_pi" / "guest_scripts" / "loaded_modules.py"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MODULES": str(tmp_path / "modules.json")}
    subprocess.run([sys.executable, helper, "predict", photos / "rocket.jpg"], env=env, check=True, capture_output=True)
    loaded = set(json.loads((tmp_path / "modules.json").read_text()))
    assert {"PIL", "click", "mobiclass", "numpy"} <= loaded


# -- the units that docs/raspberry-pi.md ships


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    units = []
    for unit in sorted((ROOT / "docs" / "systemd").iterdir()):
        # The program is not installed here.
        text = unit.read_text(encoding="utf-8").replace("/opt/mobiclass/bin/mobiclass", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
        units.append(tmp_path / unit.name)
    assert [unit.suffix for unit in units] == [".path", ".service", ".timer"]
    try:
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: the systemd units, for systemd is not installed")
    assert (done.returncode, done.stderr) == (0, "")
