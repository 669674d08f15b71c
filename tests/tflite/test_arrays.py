"""Arrays behind a model: read, or refused whatever their header says."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mobiclass.tflite.arrays import read_array


def headed(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def shaped(shape: str) -> bytes:
    return headed(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}")


def test_an_array_comes_back() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    file = io.BytesIO()
    np.save(file, array)
    assert np.array_equal(read_array(file.getvalue()), array)


def test_an_archive_is_no_array() -> None:
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    with pytest.raises(ValueError, match="an archive of arrays"):
        read_array(file.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        shaped("(1000000000000, 1000)"),
        shaped(f"({10**30}, 1)"),
        shaped("(-1, 3)"),
        shaped("(3, 3)"),
        headed("((((((((("),
        headed("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
    ],
)
def test_what_is_damaged_or_hostile_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_array(content)
