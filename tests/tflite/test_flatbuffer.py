"""The FlatBuffers reader: what it reads from sound files, and that damage ends in FlatbufferError alone."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.tflite.flatbuffer import FlatbufferError, Table
from tests.support.tiny_models import Fields, finish

SAMPLE = finish(
    Fields(
        {
            0: ("i", -5),
            1: ("str", "grün"),
            2: ("table", Fields({0: ("B", 200)})),
            3: ("tables", [Fields({0: ("i", number)}) for number in (7, 8, 9)]),
            4: ("f*", [0.5, -2.0]),
            5: ("q*", [-(2**40), 3]),
            6: ("bytes", b"\x00\xff"),
        }
    ),
    b"TEST",
)


def everything(buffer: bytes) -> list[object]:
    """Read all fields of the sample."""
    root = Table.root(buffer, b"TEST")
    child = root.table(2)
    return [
        root.scalar(0, "i"),
        root.string(1),
        child.scalar(0, "B") if child else None,
        [table.scalar(0, "i") for table in root.tables(3)],
        root.numbers(4, "f"),
        root.integers(5, "q"),
        bytes(root.bytes(6)),
    ]


def test_every_kind_of_field_is_read() -> None:
    assert everything(SAMPLE) == [-5, "grün", 200, [7, 8, 9], (0.5, -2.0), (-(2**40), 3), b"\x00\xff"]


def test_absent_fields_give_their_defaults() -> None:
    root = Table.root(finish(Fields({0: ("i", 1)}), b"TEST"), b"TEST")
    assert root.scalar(9, "i") == 0
    assert root.scalar(9, "i", default=4) == 4
    assert root.string(9) is None
    assert root.table(9) is None
    assert list(root.tables(9)) == []
    assert root.integers(9) == ()
    assert bytes(root.bytes(9)) == b""


def test_another_identifier_is_refused() -> None:
    with pytest.raises(FlatbufferError, match="identifier"):
        Table.root(SAMPLE, b"ELSE")


@pytest.mark.parametrize("length", range(len(SAMPLE) - 3))  # the last three bytes only pad a string
def test_every_truncation_is_noticed(length: int) -> None:
    with pytest.raises(FlatbufferError):
        everything(SAMPLE[:length])


def flipped(content: bytes, seed: int) -> bytes:
    """Flip one to four bits."""
    generator = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(generator.randint(1, 4)):
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
    return bytes(damaged)


def test_flipped_bits_give_values_or_a_flatbuffer_error() -> None:
    outcomes = set()
    for seed in range(2000):
        try:
            outcomes.add(str(everything(flipped(SAMPLE, seed))))
        except FlatbufferError as error:
            outcomes.add(type(error).__name__)
    assert "FlatbufferError" in outcomes
    assert len(outcomes) > 10


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_flatbuffer_error_or_values(content: bytes) -> None:
    with contextlib.suppress(FlatbufferError):
        everything(struct.pack("<I", 8) + b"TEST" + content)


def test_a_string_that_is_not_utf8_is_read_with_replacement_characters() -> None:
    damaged = SAMPLE.replace("grün".encode(), b"gr\xff\xfen")
    assert Table.root(damaged, b"TEST").string(1) == "gr\ufffd\ufffdn"


def test_tables_that_share_one_huge_vector_are_refused_before_they_are_read() -> None:
    # 50,000 pointers to one table, whose vector is the pointers themselves: 2.5 thousand million items.
    count = 50_000
    table_at, vtable = 8, struct.pack("<HHH", 6, 8, 4)
    head = struct.pack("<I4s", 16, b"TEST") + vtable + b"\0\0"
    table = struct.pack("<iI", 8, 4)  # its vtable lies 8 bytes before it; its vector begins 4 bytes after the field
    vector_at = len(head) + len(table)
    pointers = b"".join(struct.pack("<I", (16 - (vector_at + 4 + 4 * number)) % 2**32) for number in range(count))
    buffer = head + table + struct.pack("<I", count) + pointers
    assert table_at == head.index(vtable)
    root = Table.root(buffer, b"TEST")
    assert len(root.integers(0)) == count

    def read_over_and_over() -> Iterator[int]:
        for _ in range(9):  # of as many as there are pointers: enough to be noticed
            yield len(root.integers(0))

    with pytest.raises(FlatbufferError, match="overlap"):
        sum(read_over_and_over())
