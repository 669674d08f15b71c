"""The folder that a photo is sorted into."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from mobiclass.library.answers import answer
from mobiclass.library.folders import By, folder_of
from tests.support.exif_blocks import TAKEN, photo
from tests.support.exported_rows import ROWS, row


def folder(by: By, of: dict[str, object], path: Path = Path("none.jpg"), taxonomy: Path | None = None) -> str:
    return folder_of(by, taxonomy)(of, answer(of), lambda: path)


def test_by_label_and_by_group(tmp_path: Path) -> None:
    assert folder("label", ROWS[0]) == "tabby"
    cat = row("a.jpg", ("Egyptian cat", 0.9))
    assert folder("group", cat) == "domestic cat"
    assert folder("group", row("a.jpg", ("no class of ImageNet", 0.9))) == "no class of ImageNet"
    assert folder("group", ROWS[2]) == "domestic cat"
    table = tmp_path / "groups.csv"
    table.write_text("Egyptian cat,pet\n")
    assert folder("group", cat, taxonomy=table) == "pet"


def test_by_date(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo(TAKEN, {}))
    assert folder("date", ROWS[0], path) == "2024-05-31"
    path.write_bytes(photo({}, {}))
    os.utime(path, (1e9, 1e9))
    assert folder("date", ROWS[0], path) == f"{datetime.fromtimestamp(1e9):%Y-%m-%d}"
    assert folder("date", ROWS[0], tmp_path / "missing.jpg") == "no date"
