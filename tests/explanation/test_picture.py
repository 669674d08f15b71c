"""The picture of an explanation: where it draws, in which colour, and what it writes beneath."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobiclass.errors import SetupError
from mobiclass.explanation.activation_maps import ActivationMap
from mobiclass.explanation.picture import Panel, draw_picture, overlay, write_picture

GREY = Image.new("RGB", (400, 200), (128, 128, 128))
LEFT_FOR_RIGHT_AGAINST = ActivationMap(np.float32([[1, -1], [1, -1]]), "share of the logit")
WHOLE = (0.0, 0.0, 1.0, 1.0)


def pixel(image: Image.Image, across: float, down: float) -> tuple[int, int, int]:
    found = image.getpixel((int(across * image.width), int(down * image.height)))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


def test_what_speaks_for_the_class_is_orange_and_what_speaks_against_it_blue() -> None:
    drawn = overlay(GREY, WHOLE, LEFT_FOR_RIGHT_AGAINST)
    red, _, blue = pixel(drawn, 0.1, 0.5)
    assert red > 200 > 60 > blue
    red, _, blue = pixel(drawn, 0.9, 0.5)
    assert blue > 200 > 80 > red


def test_a_map_lies_on_what_the_model_sees_and_the_rest_is_darker() -> None:
    drawn = overlay(GREY, (0.25, 0.0, 0.75, 1.0), ActivationMap(np.zeros((2, 2), np.float32), ""))
    assert pixel(drawn, 0.5, 0.5) == (128, 128, 128)
    assert max(pixel(drawn, 0.1, 0.5)) < 90


def test_a_map_that_goes_beyond_the_photo_is_cut_at_its_edge() -> None:
    padded = ActivationMap(np.float32([[0, 0], [1, 1]]), "")
    drawn = overlay(GREY, (0.0, -0.5, 1.0, 1.5), padded)
    assert drawn.size == GREY.size
    assert pixel(drawn, 0.5, 0.05) == (128, 128, 128) or pixel(drawn, 0.5, 0.05)[0] < 140
    assert pixel(drawn, 0.5, 0.97)[0] > 190


def test_one_scale_holds_for_all_panels() -> None:
    weak = ActivationMap(LEFT_FOR_RIGHT_AGAINST.values / 10, "share of the logit")
    panels = [Panel(LEFT_FOR_RIGHT_AGAINST, "a", 0.9, "class 0"), Panel(weak, "b", 0.1, "class 1")]
    picture = draw_picture(GREY, WHOLE, panels)
    panel_width = (picture.width - 12) // 3
    strong, faint = (picture.getpixel((12 + panel_width * place + 20, 100)) for place in (1, 2))
    assert isinstance(strong, tuple)
    assert isinstance(faint, tuple)
    assert strong[2] < 60
    assert abs(faint[2] - 128) < 20


@pytest.mark.parametrize("label", ["cat", "Ärger", "猫", "x" * 500, "", "a\nb", "\u202ecat", "\U0001f63a"])
def test_any_label_is_written_or_replaced(label: str, tmp_path: Path) -> None:
    path = tmp_path / "why.png"
    write_picture(GREY, WHOLE, [Panel(LEFT_FOR_RIGHT_AGAINST, label, 0.5, "class 7")], path)
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"


@pytest.mark.parametrize(("suffix", "name"), [(".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP")])
def test_the_suffix_decides_the_format(suffix: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"why{suffix}"
    write_picture(GREY, WHOLE, [Panel(LEFT_FOR_RIGHT_AGAINST, "cat", 0.5, "class 0")], path)
    with Image.open(path) as picture:
        assert picture.format == name


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (5000, 4000)])
def test_photos_of_any_shape_are_drawn(size: tuple[int, int]) -> None:
    picture = draw_picture(Image.new("RGB", size), WHOLE, [Panel(LEFT_FOR_RIGHT_AGAINST, "cat", 0.5, "class 0")])
    assert max(picture.size) < 2000


def test_a_folder_that_cannot_be_written_is_a_setup_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"why\.png"):
        write_picture(
            GREY, WHOLE, [Panel(LEFT_FOR_RIGHT_AGAINST, "cat", 0.5, "class 0")], tmp_path / "none" / "why.png"
        )
