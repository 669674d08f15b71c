"""A tiny TFLite model for the tools to work on, and the photos that scikit-image carries."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tiny_models import DTYPES, INT32, RESHAPE, Operator, Tensor, graph

MakeModel = Callable[..., bytes]


def _make_model(dtype: str = "uint8", operator: int = RESHAPE) -> bytes:
    """Flatten 1×2×2×3 pixels into 12 outputs; the new shape is a constant in a buffer of its own."""
    kind, scale = DTYPES[dtype], None if dtype == "float32" else 1 / 256
    tensors = [
        Tensor("image", (1, 2, 2, 3), kind, scale),
        Tensor("shape", (2,), INT32, data=struct.pack("<2i", 1, 12)),
        Tensor("scores", (1, 12), kind, scale),
    ]
    return graph(tensors, [Operator(operator, (0, 1), (2,))], inputs=[0], outputs=[2])


@pytest.fixture
def make_model() -> MakeModel:
    """Give the maker of tiny models."""
    return _make_model


@pytest.fixture(scope="session")
def skimage_photos() -> tuple[Path, ...]:
    """Give eight real photos."""
    skimage = pytest.importorskip("skimage", reason="NOT TESTED on photos: scikit-image is not installed")
    folder = Path(skimage.__file__).parent / "data"
    names = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "motorcycle_left")
    return tuple(folder / f"{name}.png" for name in names)
