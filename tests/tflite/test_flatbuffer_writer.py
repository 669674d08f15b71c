"""Tables written in front of others: they are read back, aligned, and reach what lies behind."""

from __future__ import annotations

from mobiclass.tflite.flatbuffer import Table
from mobiclass.tflite.flatbuffer_writer import Data, NewTable, NewTables, Number, Numbers, Old, Text, write_front

ID = b"TEST"


def test_what_is_written_is_read() -> None:
    child = NewTable({0: Number("i", -5)})
    root = NewTable({
        0: Number("I", 7), 1: Text("grün"), 2: Numbers("f", [0.5, -2.0]), 3: Numbers("q", [2**40]), 4: Data(b"\1\2\3"),
        5: NewTables([child, child]), 6: child, 9: Number("B", 255),
    })  # fmt: skip
    table = Table.root(write_front(root, ID), ID)
    assert (table.scalar(0, "I"), table.string(1), table.scalar(9, "B")) == (7, "grün", 255)
    assert (table.numbers(2, "f"), table.integers(3, "q"), bytes(table.bytes(4))) == ((0.5, -2.0), (2**40,), b"\1\2\3")
    assert [each.scalar(0, "i") for each in table.tables(5)] == [-5, -5]
    inner = table.table(6)
    assert inner is not None
    assert inner.position == next(table.tables(5)).position  # written once
    assert table.slots == [0, 1, 2, 3, 4, 5, 6, 9]


def test_old_tables_are_reached_and_stay_as_they_are() -> None:
    old = write_front(NewTable({0: Number("i", 42), 1: Text("old")}), ID)
    position = Table.root(old, ID).position
    content = write_front(
        NewTable({0: NewTables([NewTable({0: Number("i", 1)}), Old(position)]), 1: Old(position)}), ID, old
    )
    assert content.endswith(old)
    table = Table.root(content, ID)
    assert [each.scalar(0, "i") for each in table.tables(0)] == [1, 42]
    again = table.table(1)
    assert again is not None
    assert again.string(1) == "old"


def test_constants_lie_on_16_bytes_and_numbers_on_their_size() -> None:
    for length in range(20):
        root = NewTable({0: Text("x" * length), 1: Data(b"weights"), 2: Numbers("q", [1, 2])})
        content = write_front(root, ID)
        assert content.index(b"weights") % 16 == 0
        assert content.index((1).to_bytes(8, "little") + (2).to_bytes(8, "little")) % 8 == 0


def test_vectors_of_a_million_tables_are_written_in_one_pass() -> None:
    table = NewTable({0: NewTables([Old(4)] * 1_000_000)})
    assert len(write_front(table, b"TEST", bytes(8))) > 4_000_000


def test_a_text_that_is_not_unicode_does_no_harm() -> None:
    assert Table.root(write_front(NewTable({0: Text("caf\udce9")}), b"TEST"), b"TEST").string(0) == "caf?"


def test_an_empty_table() -> None:
    assert Table.root(write_front(NewTable(), ID), ID).slots == []
