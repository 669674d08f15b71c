"""How a model's input lays an image out: where height, width and channels are, what of it is open, and its batch.

A dimension is open where the signature says −1, unless the shape gives a size all the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mobiclass.choices import Layout
from mobiclass.tflite.facts import MAX_INPUT_SIDE
from mobiclass.tflite.network import TensorSpec

OPEN: Final = -1

_DEPTHS: Final = (1, 3)
_MIN_SIDE: Final = 2


class ImageLayout(NamedTuple):
    """The image input.

    Attributes:
        kind: where the channels are; of a grey image without a dimension for them, as if they were last.
        batch: how many images it takes at once.
        height: in pixels; `OPEN` where the model leaves it open.
        width: likewise.
        channels: 1 (grey) or 3.
        axes: where height and width stand in the shape.
    """

    kind: Layout
    batch: int
    height: int
    width: int
    channels: int
    axes: tuple[int, int]

    @property
    def is_open(self) -> bool:
        """Whether height and width are to be chosen."""
        return OPEN in (self.height, self.width)

    def shape(self, batch: int = 1) -> tuple[int, int, int, int]:
        """Give the shape of so many images in four dimensions."""
        if self.kind == "nchw":
            return batch, self.channels, self.height, self.width
        return batch, self.height, self.width, self.channels


class Unfit(Exception):
    """A model takes no image or gives no scores, or does so in a way that somebody has to say.

    Attributes:
        advice: whether the message is about what is to be said.
    """

    def __init__(self, reason: str, *, advice: bool = False) -> None:
        super().__init__(reason)
        self.advice = advice


def find_layout(tensor: TensorSpec, wanted: Layout | None, resolution: tuple[int, int] | None) -> ImageLayout:
    """Find how `tensor` lays an image out.

    Args:
        tensor: the input.
        wanted: where the channels are, if somebody says so.
        resolution: the height and width for an input that leaves them open.

    Raises:
        Unfit: it takes no image; it could be read in two ways; or it leaves its size open, and nobody says more.
    """
    dimensions = _dimensions(tensor, chosen=resolution is not None)
    readings = [reading for reading in _readings(dimensions) if wanted in (None, reading.kind)]
    if not readings:
        asked = f" that --layout {wanted} can mean" if wanted else ""
        raise Unfit(
            f"its input has the shape {shape_text(dimensions)}, which is no image{asked}: not 1×height×width×channels "
            "or 1×channels×height×width, with 3 channels (colour) or 1 (grey)"
        )
    if len(readings) > 1:
        raise Unfit(
            f"its input has the shape {shape_text(dimensions)}, in which the channels may be last (NHWC) or first "
            "(NCHW): say which with --layout nhwc or --layout nchw",
            advice=True,
        )
    return _sized(readings[0], resolution)


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape for people; ``?`` is an open dimension."""
    return "×".join("?" if side < 0 else str(side) for side in shape) or "()"


def _dimensions(tensor: TensorSpec, *, chosen: bool) -> tuple[int, ...]:
    """Give the shape with `OPEN` where a dimension is; a size in the shape counts unless one is `chosen`."""
    if len(tensor.signature) != len(tensor.shape):
        return tensor.shape
    pairs = zip(tensor.shape, tensor.signature, strict=True)
    return tuple(OPEN if wild < 0 and (side <= 1 or chosen) else side for side, wild in pairs)


def _readings(dimensions: tuple[int, ...]) -> list[ImageLayout]:
    """List the ways in which the dimensions may be those of an image."""
    if len(dimensions) == 4 and dimensions[0] != 0:
        batch, candidates = max(1, dimensions[0]), (((1, 2), 3), ((2, 3), 1))
    elif len(dimensions) == 3 and dimensions[0] in (1, OPEN) and dimensions[2] not in _DEPTHS:
        height, width = dimensions[1:]  # 1×28×28: grey, without a dimension for that
        return [ImageLayout("nhwc", 1, height, width, 1, (1, 2))] if _are_sides((height, width)) else []
    elif len(dimensions) == 3:
        batch, candidates = 1, (((0, 1), 2), ((1, 2), 0))
    else:
        return []
    found = []
    for axes, channels in candidates:
        height, width = (dimensions[axis] for axis in axes)
        if height == width == 1:  # as old converters wrote an open size
            height = width = OPEN
        if dimensions[channels] in _DEPTHS and _are_sides((height, width)):
            kind: Layout = "nchw" if channels < axes[0] else "nhwc"
            found.append(ImageLayout(kind, batch, height, width, dimensions[channels], axes))
    return found


def _are_sides(sides: tuple[int, ...]) -> bool:
    return all(side == OPEN or side >= _MIN_SIDE for side in sides)


def _sized(layout: ImageLayout, resolution: tuple[int, int] | None) -> ImageLayout:
    if layout.is_open:
        if resolution is None:
            raise Unfit(
                f"it takes images of any size ({_side(layout.height)}×{_side(layout.width)} pixels): say which with "
                "--resolution N or HEIGHTxWIDTH, best the one that it was trained with",
                advice=True,
            )
        for name, side, given in zip(("height", "width"), (layout.height, layout.width), resolution, strict=True):
            if side not in (OPEN, given):
                raise Unfit(
                    f"its input has a {name} of {side} pixels, and a resolution of {given} does not fit", advice=True
                )
        layout = layout._replace(height=resolution[0], width=resolution[1])
    if max(layout.height, layout.width) > MAX_INPUT_SIDE:
        raise Unfit(f"its input is {layout.height}×{layout.width} pixels; fix its resolution when converting it")
    return layout


def _side(side: int) -> str:
    return "?" if side == OPEN else str(side)
