"""``mobiclass results review``: a page out of rows, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.program import run
from tests.support.report_pages import Page
from tests.support.sorted_photos import failed, row, write_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photos and their rows, and those of another model that differs in one."""
    rows = []
    for number in range(6):
        blocks = np.random.default_rng(number).integers(0, 256, (9, 9), np.uint8)
        Image.fromarray(blocks).resize((60, 60)).convert("RGB").save(tmp_path / f"{number}.png")
        rows.append(row(f"{number}.png", "cat", 0.5 + number / 20))
    write_rows(tmp_path / "rows.jsonl", [*rows, failed("broken.png")])
    rows[5]["predictions"][0]["label"] = "dog"
    write_rows(tmp_path / "other.jsonl", rows)
    return tmp_path


def test_a_page_with_the_photos_to_look_at(folder: Path) -> None:
    done = run("results", "review", "rows.jsonl", "-o", "page.html", "--per-label", "0", cwd=folder)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "page.html: 6 of 7 photos to review" in done.stderr
    assert "left out: 1 rows have an error instead of an answer" in done.stderr
    page = Page(folder / "page.html")
    assert [Path(each["path"]).name for each in page.rows] == [f"{number}.png" for number in range(6)]
    assert all(each["review"]["photo"] == str(folder / f"{n}.png") for n, each in enumerate(page.rows))
    facts = json.loads(page.texts("script", id="page-facts")[0])
    assert (facts["review"]["labels"], facts["review"]["file"], facts["review"]["none"]) == (
        ["cat"], "corrections.csv", "none",
    )  # fmt: skip


def test_what_two_runs_answer_differently_comes_first(folder: Path) -> None:
    done = run("results", "review", "rows.jsonl", "--against", "other.jsonl", "-o", "page.html", "-q", cwd=folder)
    assert (done.exit_code, done.stderr) == (0, "")
    first = Page(folder / "page.html").rows[0]
    assert Path(first["path"]).name == "5.png"
    assert first["review"]["reason"] == "two answers: cat (75%), and dog (75%) in the other run"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["rows.jsonl", "-o", "page.txt"], 2, "the suffix must be .html"),
        (["rows.jsonl", "-o", "none/page.html"], 3, "the folder none does not exist"),
        (["none.jsonl", "-o", "page.html"], 3, "none.jsonl: the rows cannot be read"),
        (["rows.jsonl", "-o", "page.html", "--root", "elsewhere"], 3, "no photo to review"),
        (["rows.jsonl"], 2, "--output"),
        (["rows.jsonl", "-o", "page.html", "--limit", "0"], 2, "--limit"),
    ],
)
def test_what_is_refused(arguments: list[str], exit_code: int, message: str, folder: Path) -> None:
    done = run("results", "review", *arguments, cwd=folder)
    assert done.exit_code == exit_code
    assert message in done.stderr
    assert not (folder / "page.html").exists()


def test_a_page_that_is_there_is_replaced_only_on_request(folder: Path) -> None:
    (folder / "page.html").write_text("mine")
    assert run("results", "review", "rows.jsonl", "-o", "page.html", cwd=folder).exit_code == 3
    assert (folder / "page.html").read_text() == "mine"
    assert run("results", "review", "rows.jsonl", "-o", "page.html", "--overwrite", cwd=folder).exit_code == 0
