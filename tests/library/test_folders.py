"""The folder of a photo: its label, its group, or its day."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mobiclass.library.answers import answer
from mobiclass.library.folders import folder_of
from tests.support.sorted_photos import make_photo, row


def folder(by: object, label: str, photo: Path = Path("a.jpg"), **more: object) -> str:
    found = row("a.jpg", label, **more)
    return folder_of(by, more.get("taxonomy"))(found, answer(found), photo)  # type: ignore[arg-type]


def test_by_label() -> None:
    assert folder("label", "tabby cat") == "tabby cat"


def test_by_group_a_class_and_its_group_are_in_one_folder() -> None:
    decision = {"label": "domestic cat", "score": 0.9, "kind": "group"}
    assert folder("group", "tabby cat") == "domestic cat"
    assert folder("group", "tabby cat", decision=decision) == "domestic cat"
    assert folder("group", "my own class") == "my own class"


def test_by_groups_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,parent\nrobin,bird\n")
    by_group = folder_of("group", tmp_path / "t.csv")
    found = row("a.jpg", "robin")
    assert by_group(found, answer(found), Path("a.jpg")) == "bird"


def test_by_the_day_on_which_it_was_taken_or_changed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:02:29 12:00:00"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert folder("date", "cat", tmp_path / "a.jpg") == "2024-02-29"
    assert folder("date", "cat", make_photo(tmp_path / "b.jpg"))[:4] in ("2017", "2018")
    assert folder("date", "cat", tmp_path / "gone.jpg") == "no date"
