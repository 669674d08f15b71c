"""The report whatever the rows say and whatever the disk does: text stays text, and it is whole or not there."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mobiclass.errors import SetupError
from mobiclass.report import page as report
from mobiclass.report.page import write_report
from tests.support.report_pages import failure, row, written

HOSTILE = [
    "<img src=x onerror=alert(1)>.jpg",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>&amp;&lt;",
    "line\u2028and\u2029paragraph",
    "\x00\x07\x1b[31m\r\n\t",
    "invoice\u202egpj.exe",
    "$title {{style}} <!-- rows -->",
    "x" * 4000,
    "ünï ☃ 猫 😀",
]


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


# Nothing from outside becomes markup


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_text(output: Path, text: str) -> None:
    plain = written(output, row("a"), failure("b"), row("c", fallback="d"), title="t", summary={"e": "f"})
    page = written(
        output,
        row(text, text),
        failure(text, text, text),
        row("c", text, fallback=text),
        title=text,
        summary={text: text},
    )
    assert [tag for tag, _, _ in page.elements] == [tag for tag, _, _ in plain.elements]
    assert page.rows[0]["path"] == text
    assert page.rows[1]["error"] == {"type": "ImageError", "kind": text, "message": text}
    assert page.labels == [[7, text]]


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60), title=st.text(max_size=60))
def test_any_text_comes_back_as_text(tmp_path_factory: pytest.TempPathFactory, text: str, title: str) -> None:
    output = tmp_path_factory.mktemp("any") / "report.html"
    page = written(output, failure(text, message=text), row("-", text), title=title)
    assert page.rows[0]["path"] == text == page.rows[0]["error"]["message"]
    assert page.labels[0][1] == (text or "class 7")
    assert [name for name, _, _ in page.elements].count("script") == 3


def test_data_blocks_are_plain_ascii_without_angle_brackets(output: Path) -> None:
    page = written(output, *(failure(text, message=text) for text in HOSTILE))
    for text in page.texts("script", class_="rows"):
        assert text.isascii()
        assert not set("<>&") & set(text)


def test_what_reorders_text_is_not_in_the_title(output: Path) -> None:
    page = written(output, title="invoice\u202egpj.exe \ud800")
    assert page.texts("title") == ["invoice\ufffdgpj.exe \ufffd"]


def test_the_policy_allows_this_script_and_this_style_only(output: Path) -> None:
    page = written(output, row("-"))
    (policy,) = [a["content"] for tag, a, _ in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (source,) = ["".join(text) for name, found, text in page.elements if name == tag and "type" not in found]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_the_page_names_no_other_address(output: Path) -> None:
    page = written(output, row("-"))
    assert "http:" not in page.source
    assert "https:" not in page.source
    assert not [a for _, a, _ in page.elements if a.get("src")]
    assert {a["href"] for _, a, _ in page.elements if a.get("href")} == {"#grid", "data:,"}


def test_the_script_never_makes_markup_from_text() -> None:
    script = report._resources(report._SCRIPTS)
    for dangerous in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "</script", "<!--"):
        assert dangerous not in script


# Whole or not at all


def test_the_page_replaces_an_older_one_and_leaves_nothing_beside_it(output: Path) -> None:
    output.write_text("old")
    written(output, row("-"))
    assert output.read_text().startswith("<!doctype html>")
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt(), SetupError("the rows' own disk")])
def test_a_failure_among_the_rows_keeps_the_older_page(output: Path, error: BaseException) -> None:
    output.write_text("old")

    def rows() -> Iterator[dict[str, Any]]:
        for _ in range(300):
            yield row("-")
        raise error

    with pytest.raises(type(error)) as caught:
        write_report(rows(), output, title="t")
    assert caught.value is error
    assert output.read_text() == "old"
    assert list(output.parent.iterdir()) == [output]


def test_no_page_before_the_last_row(output: Path) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for _ in range(500):
            yield row("-")
        assert not output.exists()
        (temporary,) = output.parent.iterdir()
        assert temporary.stat().st_size > 30_000  # the rows so far are on their way to the disk

    write_report(rows(), output, title="t")
    assert output.exists()


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none/report\.html: cannot be written \(No such file"):
        write_report([], tmp_path / "none" / "report.html", title="t")


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not a regular file"):
        write_report([], tmp_path, title="t")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_or_a_device_is_not_replaced(output: Path) -> None:
    os.mkfifo(output)
    with pytest.raises(SetupError, match="not a regular file"):
        write_report([], output, title="t")
    assert stat.S_ISFIFO(output.stat().st_mode)


def test_the_page_is_for_whom_the_umask_allows(output: Path) -> None:
    before = os.umask(0o027)
    try:
        written(output)
    finally:
        os.umask(before)
    assert stat.S_IMODE(output.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="resource limits are POSIX's")
def test_a_full_disk(output: Path) -> None:
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from mobiclass.errors import SetupError\n"
        "from mobiclass.report.page import write_report\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "row = {'path': '-', 'predictions': [], 'error': None, 'model': 'm' * 500}\n"
        "try:\n    write_report((row for _ in range(1000)), Path(sys.argv[1]), title='t')\n"
        "except SetupError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(output)], capture_output=True, text=True, check=True)
    assert "cannot be written (File too large)" in done.stdout
    assert not list(output.parent.iterdir())


# Streaming


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, photo: Path) -> None:
    def peak_bytes(count: int) -> int:
        tracemalloc.start()
        try:
            write_report((row(photo, f"label {n % 10}") for n in range(count)), tmp_path / "r.html", title="t")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(20)  # the imports
    assert peak_bytes(2000) < peak_bytes(200) + 300_000


def test_rows_are_drawn_as_they_are_written(output: Path, photo: Path) -> None:
    drawn = 0
    opened: list[int] = []
    thumbnail = report._thumbnail

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal drawn
        for _ in range(200):
            drawn += 1
            yield row(photo)

    def counting(found: dict[str, Any], number: int) -> bytes | str | None:
        opened.append(drawn - number)
        return thumbnail(found, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_thumbnail", counting)
        write_report(rows(), output, title="t")
    assert max(opened) <= 2 * report._THREADS + 2
