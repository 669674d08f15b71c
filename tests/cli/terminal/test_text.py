"""Other people's text on a terminal, and tables of it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.cli.terminal.table import TableWriter
from mobiclass.cli.terminal.text import fit_text, safe_text, text_width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – grün 日本 🐈", "plain – grün 日本 🐈"),
        ("\x1b[31m", "\ufffd[31m"),
        ("a\nb\tc\x7f\x9b", "a\ufffdb\ufffdc\ufffd\ufffd"),
        ("\u202egpj.exe\u2066", "\ufffdgpj.exe\ufffd"),
        ("\udce9", "\ufffd"),
        ("\u2028\u00ad\ufeff", "\ufffd\ufffd\ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_replaced(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@given(st.text())
def test_safe_text_is_printable_and_as_long(text: str) -> None:
    shown = safe_text(text)
    assert shown.isprintable()
    assert len(shown) == len(text)


@pytest.mark.parametrize(("text", "cells"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("ｗ", 2)])
def test_cells(text: str, cells: int) -> None:
    assert text_width(text) == cells


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [("abc", 5, "abc  "), ("abcdef", 4, "abc…"), ("日本語", 4, "日… "), ("日本語", 6, "日本語"), ("abc", 3, "abc")],
)
def test_text_is_cut_or_padded(text: str, width: int, fitted: str) -> None:
    assert fit_text(text, width) == fitted


@given(st.text(st.characters(min_codepoint=32, blacklist_categories=["Cs"])), st.integers(1, 30))
def test_fitted_text_takes_exactly_its_width(text: str, width: int) -> None:
    assert text_width(fit_text(text, width)) == width


def row(*predictions: tuple[int, str | None, float], path: str = "a.jpg", **more: Any) -> dict[str, Any]:
    """Make a result."""
    listed = [{"index": index, "label": label, "score": score} for index, label, score in predictions]
    return {"path": path, "predictions": listed, "error": None, **more}


def table(*rows: dict[str, Any], with_paths: bool = False) -> list[str]:
    """Write a table; give its lines."""
    stream = io.StringIO()
    writer = TableWriter(stream, with_paths=with_paths)
    for one in rows:
        writer.write(one)
    assert stream.getvalue().endswith("\n")
    return stream.getvalue().splitlines()


def test_columns_are_aligned() -> None:
    assert table(row((1, "cat", 1.0), (0, "日本", 0.5), (7, None, 0.003))) == [
        "cat      100.0 %  ████████████████████",
        "日本      50.0 %  ██████████",
        "class 7    0.3 %",
    ]


def test_an_empty_label_is_named_by_its_index() -> None:
    assert table(row((3, "", 0.25))) == ["class 3   25.0 %  █████"]


def test_a_score_over_one_does_not_break_the_bar() -> None:
    # A quantized softmax may reach 255/255 of its scale and a little more.
    assert table(row((0, "a", 1.003))) == ["a  100.3 %  ████████████████████"]


def test_long_labels_leave_room_for_the_score() -> None:
    (line,) = table(row((0, "x" * 200, 0.5)))
    assert len(line) == 80 - 10
    assert "x…   50.0 %" in line


def test_errors_empty_results_and_timing() -> None:
    error = {"path": "b\n.jpg", "predictions": [], "error": {"kind": "truncated", "message": "cut\x1b short"}}
    timing = {"decode": 1.26, "preprocess": 0.5, "invoke": 4.0, "postprocess": 0.04}
    assert table(row((0, "a", 0.5), timing_ms=timing), error, row(), with_paths=True) == [
        "a.jpg",
        "  a   50.0 %  ██████████",
        "  decode 1.3 ms, preprocess 0.5 ms, invoke 4.0 ms, postprocess 0.0 ms",
        "",
        "b\ufffd.jpg",
        "  not classified: cut\ufffd short",
        "",
        "a.jpg",
        "  no prediction reaches the threshold",
    ]
