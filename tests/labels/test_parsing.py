"""The forms that label files have, each as its exporter writes it; and files that are none, or hostile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.errors import LabelsError
from mobiclass.labels.lists import Labels
from mobiclass.labels.parsing import labels_of_value, parse_labels, read_labels


def fitted(text: str, outputs: int, name: str = "f.txt") -> Labels:
    return parse_labels(text.encode(), name).fit(outputs, "m")


def refusal(content: bytes, name: str = "f.txt", outputs: int = 3) -> str:
    with pytest.raises(LabelsError) as caught:
        parse_labels(content, name).fit(outputs, "m")
    return str(caught.value)


COLOURS = ("red", "green", "blue")
FORMS = {
    "list": '["red", "green", "blue"]',
    "list, indented": json.dumps(COLOURS, indent=2),
    "index to name": '{"0": "red", "1": "green", "2": "blue"}',
    "index to name, shuffled": '{"2": "blue", "0": "red", "1": "green"}',
    "class_indices": '{"blue": 2, "green": 1, "red": 0}',
    "class_indices in text": '{"blue": "2", "green": "1", "red": "0"}',
    "Hugging Face": '{"architectures": ["X"], "id2label": {"0": "red", "1": "green", "2": "blue"}, '
    '"label2id": {"red": 0, "green": 1, "blue": 2}, "hidden_sizes": [1, 2, 3]}',
    "label2id": '{"label2id": {"blue": 2, "green": 1, "red": 0}}',
    "timm": '{"architecture": "x", "num_classes": 3, "label_names": ["red", "green", "blue"], "pretrained_cfg": {}}',
    "timm, nested": '{"num_classes": 3, "pretrained_cfg": {"label_names": ["red", "green", "blue"]}}',
    "Teachable Machine": '{"tfjsVersion": "1.3.1", "labels": ["red", "green", "blue"], "imageSize": 224}',
    "Ultralytics": '{"nc": 3, "names": {"0": "red", "1": "green", "2": "blue"}}',
    "objects": '[{"id": 2, "name": "blue"}, {"id": 0, "name": "red"}, {"id": 1, "name": "green"}]',
    "objects by index": '[{"label": "blue", "index": 2}, {"label": "red", "index": 0}, {"label": "green", "index": 1}]',
    "objects in order": '[{"name": "red"}, {"name": "green"}, {"name": "blue"}]',
    "COCO": '{"categories": [{"id": 0, "name": "red", "supercategory": "x"}, {"id": 1, "name": "green"}, '
    '{"id": 2, "name": "blue"}]}',
    "pairs": '[[2, "blue"], [0, "red"], [1, "green"]]',
    "JSON lines": '{"id": 2, "name": "blue"}\n{"id": 0, "name": "red"}\n{"id": 1, "name": "green"}\n',
    "objects by key": '{"0": {"name": "red"}, "1": {"name": "green"}, "2": {"name": "blue"}}',
    "wrapped": '{"my_classes": ["red", "green", "blue"]}',
    "Python dict": "{0: 'red',\n 1: \"green\",\n 2: 'blue'}",
    "Python dict by name": "{'blue': 2, 'red': 0, 'green': 1}",
    "Python list": "['red', 'green', 'blue']",
    "pbtxt": 'item {\n  id: 1\n  name: "red"\n}\n'
    'item {\n  id: 2\n  name: "green"\n}\nitem {\n  id: 3\n  name: "blue"\n}\n',
    "pbtxt from 0": "item{id:0 name:'red'} item{id:2 name:'blue'} item{name:'green' id:1}",
    "pbtxt with display names": '# map\nitem {\n  name: "/m/1"\n  id: 2\n  display_name: "green"\n}\n'
    'item { name: "/m/2", id: 1, display_name: "red" } item { name: "/m/3" id: 3 display_name: "blue" }',
    "pbtxt with more in it": 'item { id: 1 name: "red" keypoints { id: 9 label: "eye" } }\n'
    'item { id: 2 name: "green" } item { id: 3 name: "blue" }',
    "data.yaml": "path: ../data\ntrain: images\nnc: 3\nnames: ['red', 'green', 'blue']\n",
    "data.yaml, list": "names:\n  - red\n  - 'green'\n  - \"blue\"  # sky\nnc: 3\n",
    "data.yaml, list not indented": "names:\n- red\n- green\n- blue\nnc: 3\n",
    "data.yaml, map": "# Ultralytics\nnames:\n  0: red\n  2: blue\n\n  1: green  # lawn\ndownload: x\n",
    "metadata.yaml of Ultralytics": "description: Ultralytics YOLO model, trained on\n  ./data\nauthor: Ultralytics\n"
    "date: '2024-01-01T00:00:00'\ntask: classify\nimgsz:\n- 224\n- 224\nnames:\n  0: red\n  1: green\n"
    "  2: blue\nargs: {}\n",
    "data.yaml, over lines": "names: [\n  red, # r\n  green,\n  blue,\n]\nnc: 3\n",
    "data.yaml, map in brackets": "names: {0: red, 1: green, 2: blue}\n",
    "CSV, label and index": "label,index\nblue,2\nred,0\ngreen,1\n",
    "CSV, index and label": "index,label\n2,blue\n0,red\n1,green\n",
    "CSV of TF-Hub": "id,name\n2,blue\n0,red\n1,green\n",
    "CSV of pandas": ",class_name\n0,red\n1,green\n2,blue\n",
    "CSV, more columns": "class_id,count,name,note\n2,9,blue,\n0,8,red,x\n1,7,green,\n",
    "CSV, class is the index": "class,name\n2,blue\n0,red\n1,green\n",
    "CSV, class is the name": "class,label\nblue,2\nred,0\ngreen,1\n",
    "CSV of pandas, floats": "index,label\n2.0,blue\n0.0,red\n1.0,green\n",
    "CSV, semicolons": "id;name\r\n2;blue\r\n0;red\r\n1;green\r\n",
    "CSV, tabs": "id\tname\n2\tblue\n0\tred\n1\tgreen\n",
    "CSV, no header": "2,blue\n0,red\n1,green\n",
    "CSV, no header, index last": "blue,2\nred,0\ngreen,1\n",
    "CSV of traffic signs": "ClassId,SignName\n2,blue\n0,red\n1,green\n",
    "CSV, unknown words": "Nr.;Bezeichnung\n2;blue\n0;red\n1;green\n",
    "CSV of Excel": "sep=;\r\nid;name\r\n2;blue\r\n0;red\r\n1;green\r\n",
    "CSV, one column": "label\nred\ngreen\nblue\n",
    "CSV, quoted": '"red"\n"green"\n"blue"\n',
    "CSV, commas at the ends": '"red",\n"green",\n"blue",\n',
    "one line": "red, green, blue\n",
    "index last": "blue: 2\nred: 0\ngreen: 1\n",
    "index last, from 1": "red=1\ngreen=2\nblue=3\n",
    "index last, spaces": "blue 2\nred 0\ngreen 1\n",
    "comments first": "# made by hand\n# three\nred\ngreen\nblue\n",
    "comments before numbers": "# index name\n2 blue\n0 red\n1 green\n",
    "plain": "red\ngreen\nblue\n",
    "white space": " red\ngreen \n\tblue\t\n",
    "Windows": "red\r\ngreen\r\nblue\r\n",
    "copied twice through Windows": "red\r\r\ngreen\r\r\nblue\r\r\n",
    "old Mac": "red\rgreen\rblue",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_what_exporters_write_is_read(text: str) -> None:
    assert fitted(text, 3).names == COLOURS


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("form", ["plain", "list", "CSV, index and label", "pbtxt", "data.yaml", "Python dict"])
def test_a_byte_order_mark_says_the_encoding(form: str, encoding: str) -> None:
    assert parse_labels(FORMS[form].encode(encoding), "f").fit(3, "m").names == COLOURS


@pytest.mark.parametrize("mark", ["\ufeff"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_either_order_of_utf16_is_read(mark: str, encoding: str) -> None:
    assert parse_labels(f"{mark}grün\nrot".encode(encoding), "f").fit(2, "m").names == ("grün", "rot")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("red\ngreen\nblue".encode("utf-16-le"), "UTF-16 without a byte order mark; save the file as UTF-8"),
        ("red\ngreen\nblue".encode("utf-16-be"), "UTF-16 without a byte order mark; save the file as UTF-8"),
        (b"K\xe4fer\nb\nc\n", "is not UTF-8 (byte 1); save the file as UTF-8"),
        (b"\xff\xfer", "is not UTF-16 (byte 2); save the file as UTF-8"),
        (b"red\0\nb\nc", "NUL characters"),
        (b"", "there is no label in it"),
        (b"\r\n  \n", "there is no label in it"),
        (b"[]", "there is no label in it"),
        (b"<!DOCTYPE html>\n<html>", "a web page or XML, not labels"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n", "a Git LFS pointer"),
        (b'{"0": "red", "1": "green"', "not valid JSON"),
        (b'{"0": "red", "0": "green"}', "the key '0' twice"),
        (b'{"red": 0, "green": 0, "blue": 2}', "has the index 0 twice"),
        (b'{"a": "x", "b": "y"}', "no labels are found (its first keys: 'a', 'b')"),
        (b'{"0": "red", "1": {"colour": "green"}}', "the index 1 has no name"),
        (b'[{"id": 0, "name": "a"}, {"name": "b"}]', "1 of 2 entries have no index"),
        (b'[{"id": 0}, {"id": 1}]', "entry 0 has no name"),
        (b"{0: 'red', 1: green}", "cannot be read at 'green}'"),
        (b"{0: 'red', 1:", "cut short"),
        (b'item { id: 1 name: "a" }\nitem { id: 1 name: "b" }', "the id 1 twice"),
        (b'item { id: 1 name: "a" }\nitem { name: "b" }', "1 of 2 items have no id"),
        (b'item { id: 1 }', "item 1 has no name"),
        (b'item { id: 1 name: "a"', "cut short"),
        (b'item { id: 1 name: "a }\n', "an error in line 1"),
        (b"names: &anchor [a]\n", "neither a list nor a map"),
        (b"names:\n  - [a, b]\n", "a value that is not read here"),
        (b"names:\n  0: |\n    text\n", "a value that is not read here"),
        (b"names:\n  0: a\n  0: b\n", "the key '0' twice"),
        (b"names: [a, b]\nnc: 3\n", "has 2 entries, while its 'nc' says 3"),
        (b"names:\nnc: 3\n", "without an entry under 'names'"),
        (b"id,name\n0,a\n1,b,c\n", "a table with 2 columns, of which row 3 has 3"),
        (b"id,name\n0,a\n0,b\n", "the index 0 twice"),
        (b"1,0\n0,1\n", "either of which may be the index"),
    ],
)  # fmt: skip
def test_what_is_no_label_list_is_refused_as_what_it_is(content: bytes, message: str) -> None:
    assert message in refusal(content)


@pytest.mark.parametrize("name", ["f.json", "f.yaml", "f.pbtxt"])
def test_the_suffix_is_a_hint_where_the_content_says_nothing(name: str) -> None:
    assert refusal(b"red\ngreen\nblue\n", name)


@pytest.mark.parametrize(
    "text",
    ["tench, Tinca tinca\ngoldfish, Carassius auratus\nshark, big\n", "[unknown]\ncat\ndog\n", "{x}\ny\nz\n",
     "grade, 1\ngrade, 2\ngrade, 3\n", "Class 0\nClass 2\nClass 1\n", "Apollo 1\nSoyuz 3\nGemini 2\n",
     "at 4:3\nto 16:9\nas 1:1\n", '12" pizza\nb\nc\n', "- a\n- b\n- c\n",
     "id\nname\nlabel\n", "#1\n#x\n#y\n", "yes: no\na\nb\n"],
)  # fmt: skip
def test_names_are_not_taken_for_another_form(text: str) -> None:
    assert fitted(text, 3).names == tuple(text.splitlines())


def test_a_header_is_none_where_its_word_is_a_class() -> None:
    assert fitted("label\nred\ngreen\n", 3).names == ("label", "red", "green")


def test_pbtxt_ids_count_from_1_and_0_is_the_background() -> None:
    text = 'item { id: 2 name: "b" } item { id: 1 name: "a" }'
    assert fitted(text, 2) == Labels(("a", "b"), None, "numbered from 1")
    assert fitted(text, 3) == Labels(("background", "a", "b"), None, "0 is the background")


def test_keras_class_index_has_wnids() -> None:
    text = '{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"]}'
    assert fitted(text, 2) == Labels(("tench", "goldfish"), ("n01440764", "n01443537"))
    assert fitted("0,n01440764,tench\n1,n01443537,goldfish\n", 2) == fitted(text, 2)
    assert fitted("id,synset,name\n0,n01440764,tench\n1,n01443537,goldfish\n", 2) == fitted(text, 2)


def test_digit_folders_of_keras_are_names() -> None:
    assert fitted('{"0": 0, "1": 1, "10": 2, "2": 3}', 4).names == ("0", "1", "10", "2")


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x0b", "\x0c", "\x85", "\x1c"])
def test_other_separators_are_part_of_a_label(character: str) -> None:
    # str.splitlines() would break at each of them and shift all that follows.
    assert fitted(f"a{character}b\nc\n", 2).names == (f"a{character}b", "c")


def test_long_names_may_go_on_in_the_next_line_of_yaml() -> None:
    text = "names:\n  0: great white shark, white shark, man-eater,\n    man-eating shark\n  1: 'a b\n    c'\n"
    assert fitted(text, 2).names == ("great white shark, white shark, man-eater, man-eating shark", "a b c")


def test_escapes_are_read() -> None:
    assert fitted('names: ["\\U0001F41E", "\\xe9"]', 2).names == ("🐞", "é")
    assert fitted('item { id: 1 name: "Caf\\303\\251 \\"x\\"" }', 1).names == ('Café "x"',)
    assert fitted("{0: 'it\\'s', 1: \"lion's \\x41\"}", 2).names == ("it's", "lion's A")
    assert fitted("names: ['it''s', \"\\u00e9\"]\n", 2).names == ("it's", "é")


def test_labels_may_stand_in_a_larger_object() -> None:
    assert labels_of_value(["a", "b"], "x.json").fit(2, "m").names == ("a", "b")
    assert labels_of_value({"0": "a", "1": "b"}, "x.json").fit(2, "m").names == ("a", "b")
    with pytest.raises(LabelsError, match=r"x\.json: a JSON list or object"):
        labels_of_value(7, "x.json")


# Files


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"none\.txt: the label list cannot be read \(No such file"):
        read_labels(tmp_path / "none.txt")
    with pytest.raises(LabelsError, match="Is a directory"):
        read_labels(tmp_path)


def test_a_file_without_an_end_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("NOT TESTED: there is no /dev/zero")
    with pytest.raises(LabelsError, match="longer than 32 MB"):
        read_labels(Path("/dev/zero"))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"names":' * 50 + b"[]" + b"}" * 50,
        b"{0: " * 100_000,
        b"names: " + b"[" * 100_000,
        b"item {" * 100_000,
        b'{"' + b"9" * 100_000 + b'": "a"}',
        b'{"a": ' + b"9" * 100_000 + b"}",
        b"9" * 100_000 + b" a\n",
        b"item { id: " + b"9" * 100_000 + b' name: "a" }',
        b"," * 1_000_000,
        b'"' * 1_000_001,
        b"0," * 100_000 + b"\n",
        b"\\" * 100_000,
        b"{'" + b"\\" * 100_001,
        b"names: [" + b"a," * 100_000,
        b"names:\n" + b" -" * 100_000,
        b"#" * 100_000 + b"\n" + b"item",
        b" " * 1_000_000 + b"item",
        b"\n" * 1_000_000 + b"{",
    ],
    ids=range(20),
)
def test_hostile_files_neither_hang_nor_crash(content: bytes) -> None:
    assert refusal(content)


STRUCTURE = st.sampled_from(list("{}[]()\":,;'\n\t 01239-#.=|\\") + ["names:", "item", "id", "name", "n01440764", "a"])


@given(st.lists(STRUCTURE, max_size=40).map("".join), st.sampled_from(["f", "f.json", "f.csv", "f.yaml", "f.pbtxt"]))
def test_any_text_gives_labels_or_a_labels_error(text: str, name: str) -> None:
    try:
        labels = parse_labels(text.encode(), name).fit(2, "m")
    except LabelsError as error:
        assert name in str(error)
    else:
        assert len(labels.names) == 2


@given(st.binary(max_size=60))
def test_any_bytes_give_labels_or_a_labels_error(content: bytes) -> None:
    try:
        parse_labels(content, "f")
    except LabelsError as error:
        assert str(error).startswith("f: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=4) | st.sampled_from("012"), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json_gives_labels_or_a_labels_error(value: object) -> None:
    try:
        labels = parse_labels(json.dumps(value).encode(), "f.json").fit(2, "m")
    except LabelsError:
        return
    assert len(labels.names) == 2


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_what_json_holds_comes_back(names: list[str]) -> None:
    expected = tuple(name.strip() for name in names)
    if any(expected):
        for value in (names, {str(index): name for index, name in enumerate(names)}):
            content = json.dumps(value, ensure_ascii=False).encode()
            assert parse_labels(content, "f.json").fit(len(names), "m").names == expected
