"""The README's commands and code do what it says."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.known_models import catalog_table, copy_package
from tests.support.program import PROGRAM, environment, run

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def blocks(language: str) -> list[str]:
    """Give the README's code blocks in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Give the README's lines that call the program, without their comments."""
    lines = "\n".join(blocks("sh")).splitlines()
    return [
        line.partition("  #")[0].strip()
        for line in lines
        if re.search(r"(^|\| )mobiclass (predict|batch|benchmark|models)", line)
    ]


@pytest.fixture
def desk(tmp_path: Path, photos: dict[str, Path], colours: Path) -> Path:
    """Make a folder with all that the README's commands name, and a `mobiclass` and a camera on the PATH."""
    with Image.open(photos["chelsea.png"]) as image:
        for name in ("photo.jpg", "a.jpg", "b.jpg", "photos/1.jpg", "photos/sub/2.jpg"):
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            image.save(tmp_path / name)
    (tmp_path / "mobilenet_v2.tflite").write_bytes(colours.read_bytes())
    tools = tmp_path / "bin"
    tools.mkdir()
    # The model that is pulled is one that is here: the catalogue of a copy of the package says so.
    pulled = catalog_table(
        "mobilenet_v1_0.25_128_quant", colours.read_bytes(), edgetpu="mobilenet_v1_0.25_128_quant_edgetpu"
    )
    sibling = catalog_table("mobilenet_v1_0.25_128_quant_edgetpu", colours.read_bytes(), cpu=pulled["name"])
    package = copy_package(tmp_path / "package", [pulled, sibling])
    for table in (pulled, sibling):
        (tmp_path / table["file"]).write_bytes(colours.read_bytes())
    variables = {**package, "MOBICLASS_CACHE": tmp_path / "cache", "MOBICLASS_MIRROR": tmp_path.as_uri()}
    settings = " ".join(f"{name}='{value}'" for name, value in variables.items())
    script(tools / "mobiclass", f'{settings} exec "{sys.executable}" -c \'{PROGRAM}\' "$@"')
    script(tools / "rpicam-still", f'exec cat "{tmp_path}/photo.jpg"')
    return tmp_path


def script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: the README's commands are for a POSIX shell")
def test_every_command_works(desk: Path) -> None:
    assert len(commands()) >= 8
    env = {"PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for command in commands():
        # All in one folder, one after the other, as a reader would.
        outcome = run("-c", command, command=("sh",), cwd=desk, env=env)
        assert outcome.exit_code == 0, f"{command}: {outcome.stderr}"
    rows = list(csv.DictReader((desk / "labels.csv").open(encoding="utf-8")))
    assert [row["path"] for row in rows] == ["a.jpg", "b.jpg", "photo.jpg"]
    results = [json.loads(line) for line in (desk / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["path"] for row in results] == ["photos/1.jpg", "photos/sub/2.jpg"]
    assert "<title>" in (desk / "results.html").read_text(encoding="utf-8")


def test_the_python_code_works(desk: Path) -> None:
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=desk, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0].startswith("tiger cat 0.")
    assert len(done.stdout.splitlines()) == 5 + 2


def test_the_sample_of_a_configuration_is_accepted(desk: Path) -> None:
    (sample,) = [block for block in blocks("json") if '"format"' in block]
    (desk / "mobilenet_v2.json").write_text(sample, encoding="utf-8")
    outcome = run("models", "show", str(desk / "mobilenet_v2.tflite"), "--format", "json")
    assert outcome.exit_code == 0, outcome.stderr
    shown = json.loads(outcome.stdout)
    assert shown["description"] == "birds of Europe"
    assert shown["preprocessing"]["mean"] == {"value": [127.5, 127.5, 127.5], "source": "mobilenet_v2.json"}


def test_the_sample_of_a_row_has_a_row_s_fields(desk: Path) -> None:
    (sample,) = [json.loads(block) for block in blocks("json") if '"predictions"' in block]
    row = json.loads(run("predict", str(desk / "photo.jpg")).stdout)
    assert list(sample) == list(row)
    assert list(sample["predictions"][0]) == list(row["predictions"][0])


def test_its_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make ([a-z-]+)", "\n".join(blocks("sh")), re.MULTILINE)
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
