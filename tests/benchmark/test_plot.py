"""The picture of accuracy over latency."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from PIL import Image

from mobiclass.benchmark.plot import Bubble, draw, require_matplotlib, write_plot
from mobiclass.errors import SetupError

if importlib.util.find_spec("matplotlib") is None:
    pytest.skip("Matplotlib is not installed: pip install 'mobiclass[plots]'", allow_module_level=True)

BUBBLES = [
    Bubble("small", 1.0, 0.5, 500_000),
    Bubble("large", 4.0, 0.75, 5_000_000),
    Bubble("<b>своя</b>", 2.0, None, 1_000_000),
]


def test_each_model_is_a_bubble_at_its_place() -> None:
    axes = draw(BUBBLES, "title").axes[0]
    places = axes.collections[0].get_offsets()
    assert [tuple(place) for place in places[:2]] == [(1.0, 50.0), (4.0, 75.0)]
    assert places[2][0] == 2.0
    assert places[2][1] < 50.0  # below the line: nothing was published of it
    sizes = axes.collections[0].get_sizes()
    assert sizes[1] / sizes[0] == pytest.approx(10)  # areas, as the bytes
    assert "no published top-1" in [text.get_text() for text in axes.texts]


def test_models_are_numbered_and_named_once() -> None:
    figure = draw(BUBBLES, "title")
    numbers = [text.get_text() for text in figure.axes[0].texts if text.get_text().isdecimal()]
    assert numbers == ["1", "2", "3"]
    (names,) = (text.get_text() for text in figure.texts)
    assert names.splitlines() == ["1  small, 0.5 MB", "2  large, 5.0 MB", "3  <b>своя</b>, 1.0 MB"]


def test_numbers_of_models_at_one_place_do_not_cover_each_other() -> None:
    figure = draw([BUBBLES[0], BUBBLES[0]], "title")
    first, second = (text.get_position() for text in figure.axes[0].texts)
    assert first != second


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("known", [True, False])
def test_a_picture_is_written(count: int, known: bool, tmp_path: Path) -> None:
    path = tmp_path / "latency.png"
    write_plot([each if known else each._replace(top1=None) for each in BUBBLES[:count]], path, "title")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width > 800
        assert len(image.convert("L").getcolors() or [0] * 300) > 10  # not blank
    assert [file.name for file in tmp_path.iterdir()] == ["latency.png"]


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"mobiclass\[plots\]"):
        require_matplotlib()
