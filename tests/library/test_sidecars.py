"""Names of sidecars."""

from __future__ import annotations

from pathlib import Path

from mobiclass.library.sidecars import Sidecars


def test_names(tmp_path: Path) -> None:
    sidecars = Sidecars(str(tmp_path / "a.b.jpg"))
    assert sidecars.choose("photo.jpg.xmp") == str(tmp_path / "a.b.jpg.xmp")
    assert sidecars.choose("photo.xmp") == str(tmp_path / "a.b.xmp")
    assert sidecars.choose("auto") == str(tmp_path / "a.b.jpg.xmp")
    assert sidecars.both() == [str(tmp_path / "a.b.jpg.xmp"), str(tmp_path / "a.b.xmp")]
    (tmp_path / "a.b.xmp").touch()
    (tmp_path / "a.b.jpg").touch()
    assert sidecars.choose("auto") == str(tmp_path / "a.b.xmp")
    (tmp_path / "a.b.jpg.xmp").touch()
    assert sidecars.choose("auto") == str(tmp_path / "a.b.jpg.xmp")


def test_a_photo_without_suffix_has_one_name() -> None:
    sidecars = Sidecars("photo")
    assert sidecars.choose("photo.jpg.xmp") == sidecars.choose("photo.xmp") == "photo.xmp"
    assert not sidecars.is_shared("photo.xmp")


def test_names_read_from_a_file_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.jpg").touch()
    sidecars = Sidecars(str(tmp_path / "in" / "a.jpg"))
    assert not sidecars.has_other("../out.jpg")
    (tmp_path / "in" / "b.jpg").touch()
    assert sidecars.has_other("b.jpg")
    assert not sidecars.has_other("a.jpg")
