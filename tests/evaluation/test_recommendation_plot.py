"""The picture of a recommendation."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mobiclass.evaluation.recommendation import Limits, recommend
from mobiclass.evaluation.recommendation_plot import draw, write_recommendation_plot
from tests.evaluation.test_recommendation import candidate


def test_models_their_intervals_and_the_front_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    models = [candidate("good $1$", 90, ms=20), candidate("fast", 70, ms=5), candidate("beaten", 60, ms=9)]
    found = recommend(models, Limits())
    axes = draw(found, "100 photos").axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3"]
    (names,) = axes.figure.texts
    assert names.get_text().splitlines() == [
        "1  good $1$ (recommended), 1.0 MB", "2  fast, 1.0 MB", "3  beaten, 1.0 MB",
    ]  # fmt: skip
    assert axes.get_xlabel() == "median latency on this machine (ms)"
    for suffix in (".png", ".svg"):
        write_recommendation_plot(found, tmp_path / f"p{suffix}", "100 photos")
        first = (tmp_path / f"p{suffix}").read_bytes()
        write_recommendation_plot(found, tmp_path / f"p{suffix}", "100 photos")
        assert (tmp_path / f"p{suffix}").read_bytes() == first
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width > 800


def test_names_that_are_no_text_and_no_formula_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = recommend([candidate("\udcff $\\frac$", 90)], Limits())
    write_recommendation_plot(found, tmp_path / "p.png", "100 photos of $\\frac$ \udcff")
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width > 800
