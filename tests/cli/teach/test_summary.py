"""The figures of a taught model as text and JSON: of what is wrong with the photos, and of names that are no text."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.colour_photos import write_colours
from tests.support.program import run
from tests.support.report_pages import Page

TEN = {"red": 10, "green": 10, "blue": 10}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("MOBICLASS_CACHE", str(tmp_path / "cache"))
    write_colours(tmp_path / "photos", TEN)
    write_colours(tmp_path / "wrong", {"red": 1}, seed=1)
    shutil.move(tmp_path / "wrong" / "red" / "000.png", tmp_path / "photos" / "blue" / "wrong.png")


def test_a_mislabelled_photo_is_named_and_first_in_the_report() -> None:
    outcome = run("teach", "photos", "-o", "taught.tflite", "--report", "page.html")
    assert outcome.exit_code == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    place = lines.index("Photos that look mislabelled")
    assert lines[place + 1] == f"  photos{os.sep}blue{os.sep}wrong.png"
    assert lines[place + 2].startswith("    blue, looks like red (")
    first = next(iter(Page(Path("page.html")).rows))
    assert first["path"].endswith("wrong.png")
    shown = json.loads(run("teach", "photos", "-o", "json.tflite", "--format", "json").stdout)
    (suspect,) = shown["suspicions"]["photos"]
    assert (suspect["label"], suspect["looks_like"]) == ("blue", "red")


def test_confusions_and_classes_with_few_photos_are_told() -> None:
    write_colours(Path("photos"), {"yellow": 3})
    outcome = run("teach", "photos", "-o", "taught.tflite")
    assert "blue  taken for red" in outcome.stdout
    assert "Classes with few photos: yellow (3)" in outcome.stdout
