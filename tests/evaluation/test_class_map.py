"""The file of --map, in its forms, and what is wrong with others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobiclass.errors import SetupError
from mobiclass.evaluation.class_map import ClassMap, read_class_map


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def read(content: str | bytes, name: str = "map.csv") -> ClassMap:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_class_map(path)

    return read


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,cat\nb,dog\n", {"a": "cat", "b": "dog"}),
        ("folder,class\na,cat", {"a": "cat"}),
        ("Folder,Class\r\na,cat\r\n\r\n", {"a": "cat"}),
        ('a,"tench, Tinca tinca"\n', {"a": "tench, Tinca tinca"}),
        ('"a, b", cat\n', {"a, b": "cat"}),
        ("a\ttench, Tinca tinca\nb\t7\n", {"a": "tench, Tinca tinca", "b": "7"}),
        ("a,\nb,cat\n", {"a": None, "b": "cat"}),
        ("\ufeffa,cat\n", {"a": "cat"}),
        ("a,cat\na,cat\n", {"a": "cat"}),
        ("#1,cat\n猫,n02121808\n", {"#1": "cat", "猫": "n02121808"}),
        ("a\u2028b,cat\n", {"a\u2028b": "cat"}),
    ],
)
def test_lines(read, content: str, expected: ClassMap) -> None:  # type: ignore[no-untyped-def]
    assert read(content) == expected


def test_json(read) -> None:  # type: ignore[no-untyped-def]
    content = json.dumps({"a": "cat", "b": 7, "c": None, "d": "7", "folder": "class"})
    assert read(content, "m.JSON") == {"a": "cat", "b": 7, "c": None, "d": "7", "folder": "class"}


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "m.csv", "the map is empty"),
        ("folder,class\n", "m.csv", "the map is empty"),
        ("a\n", "m.csv", "m.csv:1: expected a folder, a comma and a class"),
        ("a,cat\nb,tench, Tinca tinca\n", "m.csv", "m.csv:2: expected"),
        ("a\tcat\nb,dog\n", "m.txt", "m.txt:2: expected a folder, a tab and a class"),
        (",cat\n", "m.csv", "m.csv:1: expected"),
        ("a,cat\na,dog\n", "m.csv", "the folder a has two classes: cat and dog"),
        ('a,"cat\n', "m.csv", "m.csv:1: unexpected end of data"),
        (b"a,c\xe4t\n", "m.csv", r"not UTF-8 \(byte 3\)"),
        ("a," + "x" * 200_000, "m.csv", "m.csv:1: field larger"),
        ("{", "m.json", "not valid JSON"),
        ("[" * 100_000, "m.json", "not valid JSON"),
        ("[]", "m.json", "a JSON object of folder to class is expected"),
        ('[["a", "cat"]]', "m.json", "a JSON object of folder to class is expected"),
        ("7", "m.json", "a JSON object of folder to class is expected"),
        ("{}", "m.json", "the map is empty"),
        ('{"a": "cat", "a": "dog"}', "m.json", "the folder a has two classes"),
        ('{"a": 1.5}', "m.json", "a: the class must be a label"),
        ('{"a": true}', "m.json", "a: the class must be"),
        ('{"a": -1}', "m.json", "a: the class must be"),
        ('{"a": {"b": "c"}}', "m.json", "a: the class must be"),
    ],
)
def test_what_is_no_map_is_refused(read, content: str | bytes, name: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SetupError, match=message):
        read(content, name)


def test_a_map_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"gone\.csv: the map cannot be read \(No such file"):
        read_class_map(tmp_path / "gone.csv")
    with pytest.raises(SetupError, match=r"the map cannot be read \(Is a directory"):
        read_class_map(tmp_path)
