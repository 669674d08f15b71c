"""Which photos a person is shown first, and how they are named in the corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobiclass.library.review import select_for_review


def photo(folder: Path, name: str, seed: int) -> Path:
    """Write a photo that looks like no other: blocks of random grey."""
    blocks = np.random.default_rng(seed).integers(0, 256, (9, 9), np.uint8)
    path = folder / name
    Image.fromarray(blocks).resize((90, 90), Image.Resampling.NEAREST).convert("RGB").save(path)
    return path


def row(path: Path | str, *scores: tuple[str, float], **more: Any) -> dict[str, Any]:
    predictions = [{"index": place, "label": label, "score": score} for place, (label, score) in enumerate(scores)]
    return {"path": str(path), "predictions": predictions, "model": "m", "device": "cpu", "error": None, **more}


def chosen(selection: Any) -> list[str]:
    return [Path(each["path"]).name for each in selection.rows]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [photo(tmp_path, f"{number:02}.png", number) for number in range(12)]


def test_the_least_sure_come_first(photos: list[Path]) -> None:
    margins = [0.9, 0.1, 0.5, 0.02, 0.7]
    rows = [row(path, ("a", 0.5 + m / 2), ("b", 0.5 - m / 2)) for path, m in zip(photos, margins, strict=False)]
    assert chosen(select_for_review(rows, limit=3, per_label=0)) == ["03.png", "01.png", "02.png"]


def test_kinds_take_turns(photos: list[Path]) -> None:
    unknown = {"decision": {"label": "unknown", "score": 0.4, "kind": "unknown"}}
    rows = [row(path, ("a", 0.6), ("b", 0.4)) for path in photos[:4]]
    rows += [row(path, ("a", 0.4), ("b", 0.3), **unknown) for path in photos[4:8]]
    rows += [row(path, ("a", 0.99), ("b", 0.0)) for path in photos[8:10]]
    against = [*rows[:8], *(row(path, ("b", 0.9)) for path in photos[8:10])]
    selection = select_for_review(rows, against=against, limit=6, per_label=0)
    assert [each["review"]["reason"].split(":")[0] for each in selection.rows] == [
        "two answers", "unknown", "among the least sure", "two answers", "unknown", "among the least sure",
    ]  # fmt: skip


def test_a_sample_of_each_label_finds_what_is_confidently_wrong(photos: list[Path]) -> None:
    rows = [row(path, ("common", 0.99), ("x", 0.0)) for path in photos[:10]]
    rows += [row(path, ("rare", 0.99), ("x", 0.0)) for path in photos[10:]]
    selection = select_for_review(rows, limit=4, per_label=1)
    assert {"a sample of rare", "a sample of common"} & {each["review"]["reason"] for each in selection.rows}
    assert chosen(select_for_review(rows, limit=4, per_label=1)) == chosen(selection)


def test_photos_that_look_alike_are_shown_once(tmp_path: Path) -> None:
    first = photo(tmp_path, "first.png", 1)
    for number in range(3):
        with Image.open(first) as image:
            image.resize((200 + number, 180)).save(tmp_path / f"copy{number}.jpg", quality=60 + number)
    paths = [first, *(tmp_path / f"copy{number}.jpg" for number in range(3)), photo(tmp_path, "other.png", 2)]
    selection = select_for_review([row(path, ("a", 0.5), ("b", 0.4)) for path in paths], per_label=0)
    assert chosen(selection) == ["first.png", "other.png"]
    assert selection.alike == 3
    assert selection.rows[0]["review"]["more"] == "3 more that look like it are left out"


def test_photos_that_look_alike_and_are_answered_differently_are_both_shown(tmp_path: Path) -> None:
    paths = [photo(tmp_path, "one.png", 1), photo(tmp_path, "two.png", 1)]
    rows = [row(path, (label, 0.5), ("z", 0.4)) for path, label in zip(paths, "ab", strict=True)]
    assert len(select_for_review(rows).rows) == 2


def test_what_cannot_be_reviewed_is_counted(tmp_path: Path, photos: list[Path]) -> None:
    failed = row(photos[0]) | {"error": {"type": "ImageError", "kind": "truncated", "message": "cut short"}}
    rows = [failed, row(tmp_path / "gone.png", ("a", 0.5)), row(photos[1], ("a", 0.5))]
    selection = select_for_review(rows)
    assert (selection.seen, selection.failed, selection.gone) == (3, 1, 1)
    assert chosen(selection) == ["01.png"]


def test_names_are_absolute_or_start_in_the_root(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos[0].parent
    monkeypatch.chdir(folder.parent)
    relative = f"{folder.name}/00.png"
    (found,) = select_for_review([row(relative, ("a", 0.5))]).rows
    assert found["review"]["photo"] == str(photos[0])
    (found,) = select_for_review([row("00.png", ("a", 0.5))], root=folder).rows
    assert found["review"]["photo"] == "00.png"


def test_a_saved_image_of_a_camera_is_its_photo(photos: list[Path]) -> None:
    (found,) = select_for_review([row("rtsp://camera/", ("a", 0.5), image=str(photos[3]))]).rows
    assert found["review"]["photo"] == str(photos[3])


def test_labels_of_both_runs_are_offered(photos: list[Path]) -> None:
    rows, others = [row(photos[0], ("a", 0.5), ("b", 0.1))], [row(photos[0], ("c", 0.5))]
    assert select_for_review(rows, against=others).labels == ["a", "b", "c"]


def test_no_more_than_the_limit_whatever_the_number_of_rows(photos: list[Path]) -> None:
    rows = (row(photos[number % 12], (f"label {number % 12}", 0.5), ("b", 0.4)) for number in range(5000))
    assert len(select_for_review(rows, limit=7).rows) == 7
