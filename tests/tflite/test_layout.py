"""How an input lays an image out: which shapes are images, what has to be said, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mobiclass.tflite.layout import Unfit, find_layout
from mobiclass.tflite.network import TensorSpec


def layout_of(
    shape: tuple[int, ...], *, signature: tuple[int, ...] = (), wanted: Any = None, resolution: Any = None
) -> Any:
    """Find the layout of an input of `shape`: channels last or first, and batch, height, width and channels."""
    found = find_layout(TensorSpec("image", shape, "float32", None, signature), wanted, resolution)
    return found.kind, (found.batch, found.height, found.width, found.channels)


@pytest.mark.parametrize(
    ("shape", "kind", "sizes"),
    [
        ((1, 8, 9, 3), "nhwc", (1, 8, 9, 3)),
        ((1, 3, 8, 9), "nchw", (1, 8, 9, 3)),
        ((1, 8, 9, 1), "nhwc", (1, 8, 9, 1)),
        ((1, 1, 8, 9), "nchw", (1, 8, 9, 1)),
        ((4, 8, 9, 3), "nhwc", (4, 8, 9, 3)),
        ((4, 3, 8, 9), "nchw", (4, 8, 9, 3)),
        ((1, 28, 28), "nhwc", (1, 28, 28, 1)),
        ((8, 9, 3), "nhwc", (1, 8, 9, 3)),
        ((3, 8, 9), "nchw", (1, 8, 9, 3)),
        ((1, 3, 8, 1), "nhwc", (1, 3, 8, 1)),  # as channels first it would be one pixel wide
    ],
)
def test_the_shape_tells(shape: tuple[int, ...], kind: str, sizes: tuple[int, ...]) -> None:
    assert layout_of(shape) == (kind, sizes)


@pytest.mark.parametrize("shape", [(1, 3, 3, 3), (1, 3, 8, 3), (3, 3, 3)])
def test_what_may_be_either_wants_to_be_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(Unfit, match="--layout nhwc or --layout nchw") as caught:
        layout_of(shape)
    assert caught.value.advice
    assert layout_of(shape, wanted="nchw")[0] == "nchw"
    assert layout_of(shape, wanted="nhwc")[0] == "nhwc"


def test_a_layout_that_the_shape_cannot_have_is_refused() -> None:
    with pytest.raises(Unfit, match="1×8×8×3, which is no image that --layout nchw can mean"):
        layout_of((1, 8, 8, 3), wanted="nchw")


OPEN = [
    ((1, 1, 1, 3), (-1, -1, -1, 3)),
    ((1, -1, -1, 3), ()),
    ((1, 1, 1, 3), ()),
    ((1, 3, 1, 1), (1, 3, -1, -1)),
    ((1, 3, -1, -1), ()),
]


@pytest.mark.parametrize(("shape", "signature"), OPEN)
def test_an_open_size_is_asked_for(shape: tuple[int, ...], signature: tuple[int, ...]) -> None:
    with pytest.raises(Unfit, match=r"any size \(\?×\? pixels\).*--resolution") as caught:
        layout_of(shape, signature=signature)
    assert caught.value.advice
    assert layout_of(shape, signature=signature, resolution=(6, 7))[1] == (1, 6, 7, 3)


def test_the_size_in_an_open_shape_counts_until_another_one_is_said() -> None:
    assert layout_of((1, 8, 8, 3), signature=(-1, -1, -1, 3))[1] == (1, 8, 8, 3)
    assert layout_of((1, 8, 8, 3), signature=(-1, -1, -1, 3), resolution=(16, 12))[1] == (1, 16, 12, 3)


def test_a_fixed_side_of_an_open_size_stays() -> None:
    assert layout_of((1, 96, -1, 3), resolution=(96, 64))[1] == (1, 96, 64, 3)
    with pytest.raises(Unfit, match="height of 96 pixels, and a resolution of 64"):
        layout_of((1, 96, -1, 3), resolution=(64, 64))


def test_a_dynamic_batch_is_one() -> None:
    assert layout_of((8, 8, 8, 3), signature=(-1, 8, 8, 3))[1] == (8, 8, 8, 3)
    assert layout_of((8, 8, 8, 3), signature=(-1, 8, 8, 3), resolution=(8, 8))[1] == (1, 8, 8, 3)
    assert layout_of((1, 8, 8, 3), signature=(-1, 8, 8, 3))[1] == (1, 8, 8, 3)


@pytest.mark.parametrize("shape", [(), (3,), (1, 192), (1, 8, 8, 4), (1, 8, 8, 2), (0, 8, 8, 3), (1, 1, 8, 8, 3)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(Unfit, match="which is no image"):
        layout_of(shape)


def test_an_input_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(Unfit, match="5000×8 pixels; fix its resolution"):
        layout_of((1, 5000, 8, 3))
