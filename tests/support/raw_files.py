"""Cameras' raw files that the tests make: a mosaic of a photo in a TIFF, with or without the camera's previews."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from PIL import Image

from tests.support.made_images import encode, stored

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_FORMATS: Final = {_BYTE: "B", _ASCII: "c", _SHORT: "H", _LONG: "I", _RATIONAL: "I", _SRATIONAL: "i"}
_XYZ_TO_SRGB: Final = (3.2405, -1.5371, -0.4985, -0.9693, 1.876, 0.0416, 0.0556, -0.204, 1.0572)
_NEUTRAL: Final = (0.5, 1.0, 0.65)  # what a gray wall is to the sensor
_WHITE: Final = 16383
_BLACK: Final = 512


@dataclass
class Directory:
    """A TIFF directory: its tags (type and values), its one strip, and the directories nested in it."""

    tags: dict[int, tuple[int, Sequence[Any]]]
    strip: bytes = b""
    nested: list[Directory] = field(default_factory=list)


def tiff_file(directories: list[Directory], order: str = "<", header: bytes = b"") -> bytes:
    """Write `directories` one after the other, the nested ones before their parents, and then their strips; `header`
    stands after the first eight bytes."""
    file = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4) + header)
    strips: list[tuple[int, bytes]] = []

    def write(directory: Directory, following: int) -> int:
        nested = [write(child, 0) for child in directory.nested]
        tags = dict(directory.tags)
        if directory.strip:
            tags |= {273: (_LONG, (0,)), 279: (_LONG, (len(directory.strip),))}
        if nested:
            tags[330] = (_LONG, nested)
        entries = []
        for tag, (kind, values) in sorted(tags.items()):
            raw = b"".join(
                value if isinstance(value, bytes) else struct.pack(order + _FORMATS[kind], value) for value in values
            )
            count = len(values) // (2 if kind in (_RATIONAL, _SRATIONAL) else 1)
            value = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", _append(raw))
            entries.append(struct.pack(order + "HHI", tag, kind, count) + value)
        place = _append(
            struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", following)
        )
        if directory.strip:
            strips.append((place + 2 + 12 * sorted(tags).index(273) + 8, directory.strip))
        return place

    def _append(content: bytes) -> int:
        file.extend(bytes(len(file) % 2))
        file.extend(content)
        return len(file) - len(content)

    place = 0
    for directory in reversed(directories):
        place = write(directory, place)
    file[4:8] = struct.pack(order + "I", place)
    for value, strip in strips:
        file[value : value + 4] = struct.pack(order + "I", _append(strip))
    return bytes(file)


def mosaic_of(photo: Image.Image, *, exposure: float = 1.0, noise: float = 0.0) -> np.ndarray:
    """Give what a sensor of 14 bits with an RGGB filter sees of an RGB `photo`: uint16 (height, width).

    Args:
        photo: as a camera would have made it: sRGB.
        exposure: how much darker than white the brightest pixel is; cameras leave room for highlights.
        noise: standard deviation at white, of its shot noise, as a part of white.
    """
    values = np.asarray(photo, np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) * exposure
    linear += np.random.default_rng(0).normal(0, 1, linear.shape) * noise * np.sqrt(linear)
    sensor = np.clip(linear * _NEUTRAL, 0, 1) * (_WHITE - _BLACK) + _BLACK
    mosaic = sensor[:, :, 1].copy()
    mosaic[::2, ::2] = sensor[::2, ::2, 0]
    mosaic[1::2, 1::2] = sensor[1::2, 1::2, 2]
    return np.round(mosaic).astype(np.uint16)


def mosaic_directory(mosaic: np.ndarray, order: str = "<", **tags: tuple[int, Sequence[Any]]) -> Directory:
    """Give the directory that holds `mosaic`, uncompressed."""
    height, width = mosaic.shape
    own: dict[int, tuple[int, Sequence[Any]]] = {
        254: (_LONG, (0,)), 256: (_LONG, (width,)), 257: (_LONG, (height,)), 258: (_SHORT, (16,)),
        259: (_SHORT, (1,)), 262: (_SHORT, (32803,)), 277: (_SHORT, (1,)), 278: (_LONG, (height,)),
        33421: (_SHORT, (2, 2)), 33422: (_BYTE, (0, 1, 1, 2)), 50714: (_LONG, (_BLACK,)), 50717: (_LONG, (_WHITE,)),
    }  # fmt: skip
    return Directory(own, mosaic.astype(order + "u2").tobytes())


def preview_directory(preview: bytes, width: int, height: int) -> Directory:
    """Give the directory that holds the JPEG `preview`."""
    return Directory(
        {
            254: (_LONG, (1,)), 256: (_LONG, (width,)), 257: (_LONG, (height,)), 258: (_SHORT, (8, 8, 8)),
            259: (_SHORT, (7,)), 262: (_SHORT, (6,)), 277: (_SHORT, (3,)), 278: (_LONG, (height,)),
        },
        preview,
    )  # fmt: skip


def thumbnail_tags(height: int = 10, width: int = 15) -> dict[int, tuple[int, Sequence[Any]]]:
    """Give the tags of a small uncompressed RGB picture."""
    return {
        254: (_LONG, (1,)), 256: (_LONG, (width,)), 257: (_LONG, (height,)), 258: (_SHORT, (8, 8, 8)),
        259: (_SHORT, (1,)), 262: (_SHORT, (2,)), 277: (_SHORT, (3,)), 278: (_LONG, (height,)),
    }  # fmt: skip


def camera_tags(make: str, model: str, orientation: int = 1) -> dict[int, tuple[int, Sequence[Any]]]:
    """Give the tags that say which camera, and how it was held."""
    return {
        271: (_ASCII, [bytes((byte,)) for byte in make.encode() + b"\0"]),
        272: (_ASCII, [bytes((byte,)) for byte in model.encode() + b"\0"]),
        274: (_SHORT, (orientation,)),
    }


def dng(
    photo: Image.Image,
    *,
    orientation: int = 1,
    preview: Image.Image | bytes | None = None,
    order: str = "<",
    **light: float,
) -> bytes:
    """Give a DNG of an upright `photo`, laid out as cameras do: a gray thumbnail first, the mosaic and previews nested.

    Args:
        photo: what the camera saw, upright; RGB, of even height and width.
        orientation: how the camera was held, as Exif has it.
        preview: the camera's JPEG of it, upright, or the bytes of one; ``None`` for none.
        order: ``<`` or ``>``.
        light: see `mosaic_of`.
    """
    lying = stored(photo, orientation)
    nested = [mosaic_directory(mosaic_of(lying, **light), order)]
    if preview is not None:
        size = (preview if isinstance(preview, Image.Image) else photo).size
        if isinstance(preview, Image.Image):
            preview = encode(stored(preview, orientation), "JPEG", quality=90)
        nested.append(preview_directory(preview, *(size if orientation < 5 else size[::-1])))
    matrix = [part for value in _XYZ_TO_SRGB for part in (round(value * 10_000), 10_000)]
    neutral = [part for value in _NEUTRAL for part in (round(value * 1000), 1000)]
    tags = thumbnail_tags() | camera_tags("Acme", "Acme 1", orientation)
    tags |= {
        50706: (_BYTE, (1, 4, 0, 0)), 50707: (_BYTE, (1, 1, 0, 0)),
        50708: (_ASCII, [bytes((byte,)) for byte in b"Acme 1\0"]),
        50721: (_SRATIONAL, matrix), 50728: (_RATIONAL, neutral), 50778: (_SHORT, (21,)),
    }  # fmt: skip
    return tiff_file([Directory(tags, bytes(450), nested)], order)
