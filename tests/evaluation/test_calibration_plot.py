"""The picture of coverage against precision."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.errors import SetupError
from mobiclass.evaluation.calibration import fit_and_judge
from mobiclass.evaluation.calibration_plot import draw, write_calibration_plot
from mobiclass.evaluation.figures import require_matplotlib
from tests.evaluation.test_calibration import observed, photos

pytest.importorskip("matplotlib")


def test_it_shows_what_was_chosen_and_what_else_there_is() -> None:
    found = fit_and_judge(photos(300), target=0.9, seed=0)
    (axes,) = draw(found, "a model").axes
    assert axes.get_title() == "a model"
    alone, fitted, chosen = axes.get_lines()[:3]
    assert found.outcome.precision is not None
    assert chosen.get_xydata().tolist() == [[100 * found.outcome.precision, 100 * found.outcome.coverage]]
    assert len(fitted.get_xydata()) > 5
    # At a precision or above it: the line falls.
    heights = alone.get_ydata().tolist()
    assert heights == sorted(heights, reverse=True)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [
        "top-1 alone, any threshold", "class, else group, fitted on the other half", "chosen, with 95 % intervals"
    ]  # fmt: skip
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(low <= x <= high and bottom <= y <= top for x, y in fitted.get_xydata())


def test_without_groups_the_legend_names_none() -> None:
    found = fit_and_judge([observed(0.5 + number / 500, number % 9 != 0) for number in range(200)], target=0.8, seed=0)
    (axes,) = draw(found, "a model").axes
    assert not any("group" in text.get_text() for text in axes.get_legend().get_texts())


@pytest.mark.parametrize(("name", "begin"), [("curve.png", b"\x89PNG"), ("curve.SVG", b"<?xml")])
def test_the_same_photos_give_the_same_file(tmp_path: Path, name: str, begin: bytes) -> None:
    found = fit_and_judge(photos(120), target=0.8, seed=0)
    contents = []
    for _ in range(2):
        write_calibration_plot(found, tmp_path / name, "a $model$ of 100 % & <more>")
        contents.append((tmp_path / name).read_bytes())
    assert contents[0].startswith(begin)
    assert contents[0] == contents[1]


def test_a_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install 'mobiclass\[plots\]'"):
        require_matplotlib()
