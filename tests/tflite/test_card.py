"""A model's card: what is written is read, by us and by the published schema's readers; nothing else changes."""

from __future__ import annotations

import io
import json
import random
import zipfile
from functools import partial
from pathlib import Path

import pytest

from mobiclass.errors import ModelError
from mobiclass.tflite import read_model
from mobiclass.tflite.card import Card, config_bytes, replace_members, write_card
from mobiclass.tflite.editing import without_zip
from tests.support.tiny_models import append_zip, colour_model

CARD = Card(
    "taught", "Three colours", "1.0", "somebody", "Apache-2.0", (127.0,) * 3, (128.0,) * 3, ("rot", "grün", "blau")
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(write_card(colour_model(), CARD, {"format": 1, "taught": {"photos": 7}}, "m", {"x.bin": b"\0"}))
    model = read_model(path)
    assert model.labels == ("rot", "grün", "blau")
    assert (model.description, model.author, model.license) == ("Three colours", "somebody", "Apache-2.0")
    assert (model.preprocessing.mean, model.preprocessing.std) == ((127.0,) * 3, (128.0,) * 3)
    assert model.taught == {"photos": 7}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt", "mobiclass.json", "x.bin"]


def test_a_card_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    once = write_card(colour_model(), CARD, {"format": 1}, "m")
    twice = write_card(once, CARD._replace(labels=("a", "b", "c")), {"format": 1}, "m")
    path = tmp_path / "m.tflite"
    path.write_bytes(twice)
    assert read_model(path).labels == ("a", "b", "c")


def test_the_same_card_gives_the_same_bytes() -> None:
    assert write_card(colour_model(), CARD, {"format": 1}, "m") == write_card(colour_model(), CARD, {"format": 1}, "m")


@pytest.mark.parametrize("label", ["a\nb", "a\r", "a\u2028b", "", "caf\udce9"])
def test_a_label_that_would_shift_the_others_is_refused(label: str) -> None:
    with pytest.raises(ModelError, match="a label must be one line of text"):
        write_card(colour_model(), CARD._replace(labels=(label, "b", "c")), {}, "m")


def test_members_are_replaced_and_the_rest_stays_byte_for_byte() -> None:
    before = append_zip(colour_model(labels=None), {"a.txt": "one", "b.txt": "two"})
    after = replace_members(before, {"b.txt": b"three", "c.txt": b"four"}, "m")
    assert without_zip(after) == without_zip(before)
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.txt": b"one", "b.txt": b"three", "c.txt": b"four",
        }  # fmt: skip


def test_a_model_without_a_zip_gets_one() -> None:
    plain = without_zip(colour_model())
    after = replace_members(plain, {"a.txt": b"one"}, "m")
    assert after.startswith(plain)
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert archive.read("a.txt") == b"one"


def test_a_zip_that_cannot_be_read_is_said() -> None:
    whole = append_zip(colour_model(labels=None), {"a.txt": "one" * 100})
    spoilt = whole.replace(b"oneone", b"0n3one", 1)
    with pytest.raises(ModelError, match="m: the zip appended to the model is damaged"):
        replace_members(spoilt, {"b.txt": b""}, "m")


def test_a_zip_bomb_is_refused() -> None:
    content = append_zip(colour_model(labels=None), {"a.bin": bytes(40 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="'a.bin' in the appended zip would be 41943040 bytes long"):
        replace_members(content, {"b.txt": b""}, "m")


def test_damaged_zips_are_refused_or_replaced() -> None:
    wholes = [
        append_zip(colour_model(labels=None, mean=None, std=None), {"a.txt": "one" * 30, "grün": "x"}, compression)
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    ]
    chance = random.Random(3)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(chance.choice(wholes))
        start = damaged.index(b"PK")
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(start, len(damaged))] = chance.randrange(256)
        for change in (partial(replace_members, changed={"b": b"b"}), partial(write_card, card=CARD, config={})):
            try:
                changed = change(bytes(damaged), file="m")
            except ModelError:
                refused += 1
                continue
            with zipfile.ZipFile(io.BytesIO(changed)) as archive:
                assert {"b", "labels.txt"} & set(archive.namelist())
    assert 0 < refused < 6000


def test_what_is_not_unicode_is_kept_in_json() -> None:
    assert json.loads(config_bytes({"base": "caf\udce9"})) == {"base": "caf\udce9"}
    named = CARD._replace(name="caf\udce9")  # a model is called as its file is
    assert b"caf?" in write_card(colour_model(), named, {}, "m")


def test_configurations_are_readable_json() -> None:
    assert json.loads(config_bytes({"label": "grün"})) == {"label": "grün"}
    assert config_bytes({}).endswith(b"\n")
    with pytest.raises(ValueError, match="Out of range"):
        config_bytes({"x": float("nan")})
