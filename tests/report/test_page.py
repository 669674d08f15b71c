"""The report as a file: what is in it."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mobiclass.report import page as report
from mobiclass.report.page import write_report
from tests.support.report_pages import Page, failure, row, written


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "report.html"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (640, 480), (200, 30, 40)).save(path)
    return path


# What is in it


def test_rows_keep_their_order_and_facts(output: Path, photo: Path) -> None:
    rows = [row(photo, "cat"), failure("bad.jpg"), row(photo, "dog", fallback="no Edge TPU")]
    page = written(output, *rows)
    assert [found["path"] for found in page.rows] == [str(photo), "bad.jpg", str(photo)]
    assert page.rows[1]["error"] == rows[1]["error"]
    assert page.rows[2]["fallback"] == "no Edge TPU"
    assert {found["device"] for found in page.rows} == {"cpu"}
    assert "fallback" not in page.rows[0]


def test_every_label_is_written_once(output: Path) -> None:
    page = written(output, *(row("-", f"label {number % 3}") for number in range(250)))
    assert [len(block["rows"]) for block in page.blocks] == [100, 100, 50]
    assert page.labels == [[7, "label 0"], [7, "label 1"], [7, "label 2"]]
    assert [found["scores"] for found in page.rows[:4]] == [[[0, 0.9]], [[1, 0.9]], [[2, 0.9]], [[0, 0.9]]]


@pytest.mark.parametrize("label", [None, ""])
def test_a_class_without_a_label_is_named_by_its_index(output: Path, label: str | None) -> None:
    assert written(output, row("-", label)).labels == [[7, "class 7"]]


def test_classes_of_one_name_stay_apart(output: Path) -> None:
    crane = {
        "path": "-",
        "error": None,
        "predictions": [{"index": i, "label": "crane", "score": 0.5} for i in (134, 517)],
    }
    assert written(output, crane).labels == [[134, "crane"], [517, "crane"]]


def test_no_rows(output: Path) -> None:
    page = written(output)
    assert page.rows == []
    assert "Images: 0" in " ".join(page.source.replace("<bdi>", "").replace("</bdi>", "").split())


def test_totals_without_javascript(output: Path) -> None:
    written(output, row("-", "cat"), row("-", "cat"), failure("a"), row("-", "<b>"))
    noscript = output.read_text().split("<noscript>")[1].split("</noscript>")[0]
    for total in (("Images", 4), ("Classified", 3), ("Failed", 1), ("Failed: truncated", 1), ("Label: cat", 2)):
        assert "<li><bdi>{}</bdi>: {}</li>".format(*total) in noscript
    assert "Label: &lt;b&gt;" in noscript


def test_summary_is_read_after_the_last_row(output: Path) -> None:
    summary: dict[str, Any] = {}

    def rows() -> Iterator[dict[str, Any]]:
        yield row("-")
        summary["Images a second"] = 12.5

    write_report(rows(), output, title="t", summary=summary)
    (facts,) = Page(output).texts("script", id="page-facts")
    assert json.loads(facts)["summary"] == [["Images a second", "12.5"]]


# Thumbnails


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_thumbnails_are_small_jpegs(output: Path, tmp_path: Path, format_name: str) -> None:
    path = tmp_path / "photo.any"
    Image.new("RGB", (1200, 600), (10, 200, 30)).save(path, format_name)
    page = written(output, row(path))
    thumbnail = page.thumbnail(page.rows[0])
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (176, 88))
    assert all(abs(a - b) < 12 for a, b in zip(thumbnail.getpixel((40, 40)), (10, 200, 30), strict=True))


def test_thumbnails_stand_upright_and_with_their_own_row(output: Path, tmp_path: Path) -> None:
    rows = []
    for number in range(30):
        exif = Image.Exif()
        exif[0x0112] = 6
        path = tmp_path / f"{number}.jpg"
        Image.new("RGB", (300, 150), (number * 8, 0, 0)).save(path, exif=exif)
        rows.append(row(path))
    page = written(output, *rows)
    for number, found in enumerate(page.rows):
        thumbnail = page.thumbnail(found)
        assert thumbnail.size == (88, 176)
        assert abs(thumbnail.getpixel((40, 40))[0] - number * 8) < 6


def test_a_small_image_is_not_enlarged(output: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "small.png")
    page = written(output, row(tmp_path / "small.png"))
    assert page.thumbnail(page.rows[0]).size == (20, 10)


def test_a_file_that_has_gone_has_a_reason(output: Path, photo: Path) -> None:
    page = written(output, row("gone.jpg"), row(photo))
    assert page.rows[0]["no_thumbnail"] == "there is no such file"
    assert "thumbnail" not in page.rows[0]
    assert page.thumbnail(page.rows[1])


def test_a_file_that_has_changed_to_something_else_has_a_reason(output: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("not an image")
    page = written(output, row(tmp_path / "a.jpg"), row(tmp_path))
    assert page.rows[0]["no_thumbnail"] == "not an image in any known format"
    assert page.rows[1]["no_thumbnail"] == "a folder, not an image file"


def test_a_photo_that_was_cut_short_shows_what_there_is(output: Path, tmp_path: Path) -> None:
    jpeg = io.BytesIO()
    Image.effect_noise((640, 480), 50).convert("RGB").save(jpeg, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(jpeg.getvalue()[: len(jpeg.getvalue()) // 2])
    page = written(output, row(tmp_path / "cut.jpg"))
    assert page.thumbnail(page.rows[0])


def test_a_failed_file_is_not_opened(output: Path, photo: Path) -> None:
    page = written(output, failure(str(photo)))
    assert not {"thumbnail", "no_thumbnail"} & set(page.rows[0])


def test_standard_input_is_no_file(output: Path) -> None:
    page = written(output, row("-"))
    assert page.rows[0]["no_thumbnail"] == "read from standard input"
    assert "uri" not in page.rows[0]


def test_thumbnails_end_at_the_bound(output: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_THUMBNAILS", 2)
    page = written(output, row(photo), row(photo), row(photo))
    assert ["thumbnail" in found for found in page.rows] == [True, True, False]
    assert page.rows[2]["no_thumbnail"] == "only the first 2 images have a thumbnail"


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="the file system has UTF-8 names only")
def test_a_name_that_is_not_utf8_is_found(output: Path, tmp_path: Path, photo: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(name)).write_bytes(photo.read_bytes())
    encoded = base64.b64encode(name).decode()
    page = written(output, row(name.decode("utf-8", "replace"), path_base64=encoded))
    assert page.thumbnail(page.rows[0])
    assert page.rows[0]["uri"].endswith("/caf%E9.jpg")
    assert page.rows[0]["path"].endswith("/caf\ufffd.jpg")


def test_a_damaged_path_base64_is_no_crash(output: Path) -> None:
    assert written(output, row("a\ufffd.jpg", path_base64="?")).rows[0]["no_thumbnail"] == "there is no such file"


def test_links_are_file_uris(output: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    page = written(output, row("a b#?%.jpg"), row("javascript:alert(1)"))
    assert page.rows[0]["uri"] == f"{tmp_path.as_uri()}/a%20b%23%3F%25.jpg"
    assert page.rows[1]["uri"].startswith("file:///")
