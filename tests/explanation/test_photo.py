"""``predict --explain``: one picture of one photo, and errors that say what is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.support.program import run
from tests.support.tiny_models import colour_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "colours.tflite"
    path.write_bytes(colour_model())
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (120, 80), (220, 30, 30)).save(path)
    return path


def test_a_picture_has_a_panel_a_prediction(model: Path, photo: Path, tmp_path: Path) -> None:
    widths = []
    for top_k in ("1", "3"):
        done = run("predict", photo, "--model", model, "-k", top_k, "--explain", tmp_path / "why.png")
        assert (done.exit_code, done.stderr) == (0, "")
        with Image.open(tmp_path / "why.png") as picture:
            widths.append(picture.width)
    assert widths[1] == pytest.approx(widths[0] * 2, rel=0.05)


def test_a_photo_from_standard_input(model: Path, photo: Path, tmp_path: Path) -> None:
    done = run("predict", "-", "--model", model, "--explain", tmp_path / "why.jpg", stdin=photo.read_bytes())
    assert done.exit_code == 0
    assert Image.open(io.BytesIO((tmp_path / "why.jpg").read_bytes())).format == "JPEG"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["photo.png", "photo.png", "--explain", "why.png"], 2, "--explain takes one IMAGE"),
        (["photo.png", "--explain", "why.txt"], 2, "the suffix must be one of .png, .jpg, .jpeg, .webp"),
        (["photo.png", "--explain", "photo.png"], 2, "name the same file"),
        (["photo.png", "--explain", "none/why.png"], 3, "the folder none does not exist"),
        (["gone.png", "--explain", "why.png"], 4, "gone.png"),
    ],
)
def test_what_cannot_be_explained(
    arguments: list[str], exit_code: int, message: str, model: Path, photo: Path, tmp_path: Path
) -> None:
    before = photo.read_bytes()
    done = run("predict", "--model", model, *arguments, cwd=tmp_path)
    assert done.exit_code == exit_code
    assert message in done.stderr
    assert photo.read_bytes() == before
    assert not (tmp_path / "why.png").exists()


def test_no_prediction_over_the_threshold_is_said(model: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), (100, 100, 100)).save(tmp_path / "grey.png")
    done = run("predict", "grey.png", "--model", model, "--threshold", "0.99", "--explain", "why.png", cwd=tmp_path)
    assert done.exit_code == 0
    assert "nothing to explain: no prediction reaches the threshold" in done.stderr
    assert not (tmp_path / "why.png").exists()


def test_the_report_of_an_evaluation_explains_its_mistakes(model: Path, tmp_path: Path) -> None:
    for folder, colour in (("red", (220, 30, 30)), ("green", (30, 30, 220))):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        Image.new("RGB", (60, 60), colour).save(tmp_path / "photos" / folder / "one.png")
    done = run("evaluate", "photos", "--model", model, "--report", "page.html", "--explain", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    page = (tmp_path / "page.html").read_text()
    assert page.count('"explained":') == 1
    assert page.count('type="text/plain" id="e') == 1


def test_explain_needs_a_report(model: Path, tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    done = run("evaluate", tmp_path, "--model", model, "--explain")
    assert done.exit_code == 2
    assert "add --report FILE.html" in done.stderr
