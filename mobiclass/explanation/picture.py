"""Activation maps drawn over a photo: a panel a class, one scale for all, labels beneath."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mobiclass._system import atomic_write
from mobiclass.explanation.activation_maps import ActivationMap

Box = tuple[float, float, float, float]
"""Left, upper, right, lower, as fractions of a photo's width and height; beyond 0–1 where the model sees padding."""

PICTURE_FORMATS: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
PANEL_SIDE: Final = 480  # pixels of a panel's longer side

_FOR: Final = (255, 140, 0)
_AGAINST: Final = (40, 90, 255)
_STRONGEST: Final = 0.75  # the opacity of the largest value: the photo stays visible beneath
_OUTSIDE: Final = 0.45  # how much the parts that the model does not see are darkened
_BACKGROUND, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)
_GAP: Final = 12
_FONT_SIZE: Final = 16
_SCALE_BAR_HEIGHT: Final = 14
# The font that comes with Pillow has Latin letters; these cover more, and one of them is on most systems.
_SYSTEM_FONTS: Final = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arial.ttf",
    "msgothic.ttc", "PingFang.ttc", "Helvetica.ttc",
)  # fmt: skip


class Panel(NamedTuple):
    """One map, and the two lines beneath it.

    Attributes:
        fallback: stands for `label` where no font on this machine can draw that.
    """

    map: ActivationMap
    label: str
    score: float
    fallback: str


def write_picture(photo: Image.Image, seen: Box, panels: Sequence[Panel], output: Path) -> None:
    """Write a picture of `photo` and of `panels` side by side, by the suffix of `output` as PNG, JPEG or WebP.

    Args:
        photo: an upright RGB image.
        seen: the part of it that the model sees.
        panels: at least one; all maps are drawn to one scale, whose ends are the largest value of any.
        output: the file; an existing one is replaced.

    Raises:
        SetupError: the file cannot be written.
    """
    picture = draw_picture(photo, seen, panels)
    with atomic_write(output) as file:
        picture.save(file, PICTURE_FORMATS[output.suffix.lower()])


def draw_picture(photo: Image.Image, seen: Box, panels: Sequence[Panel]) -> Image.Image:
    """Draw what `write_picture` writes."""
    photo = _limited(photo)
    largest = max(float(np.abs(panel.map.values).max()) for panel in panels) or 1.0
    line = _FONT_SIZE + 6
    width = max(photo.width, 160)
    canvas = Image.new(
        "RGB",
        (
            (width + _GAP) * (len(panels) + 1) + _GAP,
            photo.height + 2 * _GAP + 2 * line + _SCALE_BAR_HEIGHT + line + _GAP,
        ),
        _BACKGROUND,
    )
    draw = ImageDraw.Draw(canvas)
    cells: list[tuple[Image.Image, str, str]] = [(_outlined(photo, seen), "photo", "outlined: what the model sees")]
    for panel in panels:
        label = panel.label if _font_for(panel.label) else panel.fallback
        cells.append((overlay(photo, seen, panel.map, largest), label, f"{panel.score * 100:.1f} %"))
    for place, (image, first, second) in enumerate(cells):
        left, beneath = _GAP + place * (width + _GAP), _GAP + photo.height + 4
        canvas.paste(image, (left, _GAP))
        _write(draw, (left, beneath), first, width, _INK)
        _write(draw, (left, beneath + line), second, width, _FAINT)
    _draw_scale(canvas, draw, largest, panels[0].map.unit, canvas.height - line - _SCALE_BAR_HEIGHT - 4)
    return canvas


def overlay(photo: Image.Image, seen: Box, found: ActivationMap, largest: float | None = None) -> Image.Image:
    """Draw a map over `photo`, which turns grey: orange speaks for the class, blue against it.

    Args:
        photo: an upright RGB image.
        seen: the part of it that the map lies on.
        found: the map.
        largest: the value with the strongest colour; by default the map's own largest.
    """
    box = _pixels(seen, photo)
    height, width = max(1, box[3] - box[1]), max(1, box[2] - box[0])
    values = np.asarray(
        Image.fromarray(found.values.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC), np.float32
    )
    largest = largest or float(np.abs(found.values).max()) or 1.0
    opacity = np.minimum(np.abs(values) / largest, 1) * _STRONGEST
    colour = np.where((values >= 0)[:, :, np.newaxis], np.array(_FOR), np.array(_AGAINST))
    coloured = Image.fromarray(colour.astype(np.uint8))
    drawn = _darkened_outside(photo.convert("L").convert("RGB"), box)  # grey: the only colours are the map's
    drawn.paste(coloured, box[:2], Image.fromarray((opacity * 255).round().astype(np.uint8)))
    return drawn


def _limited(photo: Image.Image) -> Image.Image:
    """Scale `photo` to the size of a panel."""
    scale = PANEL_SIDE / max(photo.size)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.BICUBIC)


def _pixels(seen: Box, photo: Image.Image) -> tuple[int, int, int, int]:
    left, upper, right, lower = seen
    return (
        round(left * photo.width),
        round(upper * photo.height),
        round(right * photo.width),
        round(lower * photo.height),
    )


def _darkened_outside(photo: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    dark = Image.blend(photo, Image.new("RGB", photo.size), _OUTSIDE)
    inside = (max(0, box[0]), max(0, box[1]), min(photo.width, box[2]), min(photo.height, box[3]))
    dark.paste(photo.crop(inside), inside[:2])
    return dark


def _outlined(photo: Image.Image, seen: Box) -> Image.Image:
    outlined = photo.copy()
    left, upper, right, lower = _pixels(seen, photo)
    inside = (max(0, left), max(0, upper), min(photo.width, right) - 1, min(photo.height, lower) - 1)
    draw = ImageDraw.Draw(outlined)
    draw.rectangle(inside, outline=(0, 0, 0), width=3)
    draw.rectangle(inside, outline=(255, 255, 255), width=1)
    return outlined


def _draw_scale(canvas: Image.Image, draw: ImageDraw.ImageDraw, largest: float, unit: str, upper: int) -> None:
    """Draw the scale: blue against the class, orange for it, and what the ends stand for."""
    width = min(360, canvas.width - 2 * _GAP)
    steps = np.linspace(-1, 1, width, dtype=np.float32)
    opacity = np.abs(steps)[:, np.newaxis] * _STRONGEST
    colours = np.where((steps >= 0)[:, np.newaxis], np.array(_FOR), np.array(_AGAINST))
    # Over mid-grey, as over a photo.
    ramp = (colours * opacity + np.float32(150) * (1 - opacity)).round().astype(np.uint8)
    bar = Image.fromarray(np.broadcast_to(ramp, (_SCALE_BAR_HEIGHT, width, 3)).copy())
    canvas.paste(bar, (_GAP, upper))
    text = f"against  -{largest:.2g}   …   +{largest:.2g}  for   ({unit})"
    _write(draw, (_GAP, upper + _SCALE_BAR_HEIGHT + 2), text, canvas.width - 2 * _GAP, _FAINT)


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, width: int, colour: tuple[int, int, int]
) -> None:
    """Write `text` in at most `width` pixels; what does not fit is cut, and so marked."""
    shown = text = "".join("\ufffd" if unicodedata.category(each)[0] == "C" else each for each in text)
    font = _font_for(text) or _plain_font()
    while shown and draw.textlength(shown, font=font) > width:
        shown = f"{shown.removesuffix('...')[:-1]}..." if len(shown) > 4 else ""
    draw.text(place, shown, fill=colour, font=font)


@lru_cache(maxsize=1)
def _plain_font() -> Any:
    try:
        return ImageFont.load_default(_FONT_SIZE)
    except (TypeError, OSError):  # before Pillow 10.1, or without FreeType: a bitmap of one size
        return ImageFont.load_default()


@lru_cache(maxsize=1)
def _fonts() -> tuple[Any, ...]:
    found = [_plain_font()]
    for name in _SYSTEM_FONTS:
        try:
            found.append(ImageFont.truetype(name, _FONT_SIZE))
        except (OSError, ImportError):
            continue
    return tuple(found)


@lru_cache(maxsize=256)
def _font_for(text: str) -> Any | None:
    """Find a font that has a glyph for every character of `text`."""
    if text.isascii():
        return _plain_font()
    return next((font for font in _fonts() if all(_has_glyph(font, character) for character in set(text))), None)


def _has_glyph(font: Any, character: str) -> bool:
    if character.isspace() or character.isascii():
        return True
    try:
        drawn, missing = (_bitmap(font, each) for each in (character, "\U0010fffe"))
    except (UnicodeEncodeError, OSError, ValueError):  # a bitmap font has Latin-1 alone
        return False
    return drawn != missing


def _bitmap(font: Any, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
