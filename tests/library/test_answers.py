"""What a row answers, and whether its photo is as it was."""

from __future__ import annotations

from pathlib import Path

from mobiclass.library.answers import Answer, answer, is_same_file, photo_path
from tests.support.sorted_photos import make_photo, row


def test_the_decision_comes_before_the_predictions() -> None:
    assert answer(row("a", "tabby", 0.4)) == Answer("tabby", 0.4, "class")
    decision = {"label": "cat", "score": 0.9, "kind": "group"}
    assert answer(row("a", "tabby", 0.4, decision=decision)) == Answer("cat", 0.9, "group")
    assert answer(row("a", predictions=[])).kind == "unknown"
    assert answer(row("a", predictions=[{"index": 7, "label": None, "score": 0.5}])).label == "class 7"


def test_where_the_photo_is(tmp_path: Path) -> None:
    assert photo_path(row("a/b.jpg")) == Path("a/b.jpg")
    assert photo_path(row("a/b.jpg"), tmp_path) == tmp_path / "a/b.jpg"
    assert photo_path(row("/a/b.jpg"), tmp_path) == Path("/a/b.jpg")
    assert photo_path(row("rtsp://camera", image="saved/1.jpg"), tmp_path) == tmp_path / "saved/1.jpg"
    assert photo_path(row("�.jpg", path_base64="/y5qcGc=")) == Path("\udcff.jpg")


def test_whether_a_photo_is_as_it_was(tmp_path: Path) -> None:
    photo = make_photo(tmp_path / "a.jpg")
    found = row(photo)
    assert is_same_file(found, photo.stat()) is True
    assert is_same_file({"path": "a"}, photo.stat()) is None
    photo.write_bytes(b"edited")
    assert is_same_file(found, photo.stat()) is False
