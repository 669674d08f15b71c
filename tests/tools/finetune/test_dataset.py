"""Photos to learn from: which classes, which photos, how they are split, and what is refused before any work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.textures import CLASSES, write_textures
from tools.errors import TrainingDataError
from tools.finetune.dataset import MIN_PHOTOS, find_photos, lay_out


@pytest.fixture(scope="module")
def textures(tmp_path_factory: Any) -> Path:
    """Give three classes of forty pictures."""
    return write_textures(tmp_path_factory.mktemp("textures"), photos=40, side=24)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Give three classes of ten pictures, to be spoilt."""
    return write_textures(tmp_path / "photos", photos=10, side=16)


def test_every_photo_is_on_one_side_with_the_label_of_its_folder(textures: Path) -> None:
    found = find_photos(textures)
    assert found.labels == CLASSES
    both = [*found.training, *found.validation]
    assert sorted(photo.path for photo in both) == sorted(textures.glob("*/*.png"))
    assert all(CLASSES[photo.label] == photo.path.parent.name for photo in both)
    assert 0.1 < len(found.validation) / len(both) < 0.3
    assert {photo.label for photo in found.validation} == {0, 1, 2}


def test_names_and_other_photos_do_not_move_a_photo_to_the_other_side(textures: Path, tmp_path: Path) -> None:
    before = {photo.digest for photo in find_photos(textures).validation}
    moved = tmp_path / "moved"
    for number, path in enumerate(sorted(textures.glob("*/*.png"), reverse=True)):
        (moved / path.parent.name / "deeper").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name / "deeper" / f"{number}.png")
    assert {photo.digest for photo in find_photos(moved).validation} == before
    assert find_photos(moved).digest == find_photos(textures).digest
    more = write_textures(tmp_path / "more", photos=30, side=24, seed=1)
    for path in more.glob("*/*.png"):
        shutil.copy(path, moved / path.parent.name / f"more-{path.name}")
    assert {photo.digest for photo in find_photos(moved).validation} > before


def test_a_larger_part_holds_the_smaller_one(textures: Path) -> None:
    small, large = (find_photos(textures, validation=part) for part in (0.1, 0.5))
    assert {photo.digest for photo in small.validation} < {photo.digest for photo in large.validation}
    assert large.digest != small.digest


def test_neither_side_is_ever_empty(own: Path) -> None:
    for part in (0.0001, 0.9999):
        found = find_photos(own, validation=part)
        assert {photo.label for photo in found.training} == {photo.label for photo in found.validation} == {0, 1, 2}


def test_class_weights_make_rare_classes_count_alike(textures: Path, tmp_path: Path) -> None:
    skewed = tmp_path / "skewed"
    shutil.copytree(textures, skewed)
    for path in sorted((skewed / "discs").iterdir())[10:]:
        path.unlink()
    found = find_photos(skewed)
    counts = np.bincount([photo.label for photo in found.training])
    weights = np.array(found.class_weights())
    np.testing.assert_allclose(weights * counts, len(found.training) / 3)
    assert weights[0] > 2 * weights[1]


def test_hidden_folders_and_other_files_are_no_classes(own: Path) -> None:
    (own / ".thumbnails").mkdir()
    (own / "readme.txt").write_text("photos")
    (own / "discs" / "notes.txt").write_text("nothing to see")
    assert find_photos(own).labels == CLASSES
    assert len([photo for side in find_photos(own)[1:] for photo in side]) == 30


def test_a_copy_within_a_class_counts_once(own: Path) -> None:
    shutil.copy(own / "discs" / "000.png", own / "discs" / "copy.png")
    found = find_photos(own)
    assert len(found.training) + len(found.validation) == 30


def _no_classes(folder: Path) -> None:
    for name in CLASSES:
        shutil.rmtree(folder / name)


def _one_class(folder: Path) -> None:
    for name in CLASSES[1:]:
        shutil.rmtree(folder / name)


def _empty_class(folder: Path) -> None:
    (folder / "empty").mkdir()


def _few_photos(folder: Path) -> None:
    for path in sorted((folder / "stripes").iterdir())[MIN_PHOTOS - 1 :]:
        path.unlink()


def _copies(folder: Path) -> None:
    for path in sorted((folder / "stripes").iterdir())[1:]:
        shutil.copy(folder / "stripes" / "000.png", path)


def _broken_photos(folder: Path) -> None:
    (folder / "discs" / "000.png").write_bytes(b"no image at all")
    content = (folder / "stripes" / "003.png").read_bytes()
    (folder / "stripes" / "003.png").write_bytes(content[: len(content) // 2])


def _in_two_classes(folder: Path) -> None:
    shutil.copy(folder / "discs" / "000.png", folder / "stripes" / "again.png")


def _bad_name(folder: Path) -> None:
    (folder / "discs").rename(folder / "two\nlines")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_classes, r"two or more classes; found none"),
        (_one_class, r"two or more classes; found only one, 'discs'"),
        (_empty_class, r"at least 8 photos; too few: empty \(0\)"),
        (_few_photos, r"at least 8 photos; too few: stripes \(7\)"),
        (_copies, r"1 different photos of .stripes. are too few"),
        (_broken_photos, r"2 photos cannot be read.*discs.000\.png.*stripes.003\.png"),
        (_in_two_classes, r"again\.png: the same photo is in another class, as .*discs.000\.png"),
        (_bad_name, r"'two\\nlines' cannot be a label"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(own: Path, spoil: Any, message: str) -> None:
    spoil(own)
    with pytest.raises(TrainingDataError, match=message):
        find_photos(own)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=re.escape(str(tmp_path / "nowhere"))):
        find_photos(tmp_path / "nowhere")


def test_photos_are_laid_out_as_a_labelled_folder(own: Path, tmp_path: Path, monkeypatch: Any) -> None:
    found = find_photos(own)
    lay_out(found.validation, found.labels, tmp_path / "linked")
    monkeypatch.setattr(Path, "symlink_to", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    lay_out(found.validation, found.labels, tmp_path / "copied")
    for folder in (tmp_path / "linked", tmp_path / "copied"):
        content = {(path.parent.name, path.read_bytes()) for path in folder.glob("*/*.png")}
        assert content == {(photo.path.parent.name, photo.path.read_bytes()) for photo in found.validation}


def test_a_table_says_the_same_as_folders(own: Path, tmp_path: Path) -> None:
    by_folders = find_photos(own)
    lines = [f"{path.relative_to(own)},{path.parent.name}" for path in sorted(own.glob("*/*.jpg"))]
    lines += [f"{path.relative_to(own)},{path.parent.name}" for path in sorted(own.glob("*/*.png"))]
    table = tmp_path / "truth.csv"
    table.write_text("photo,label\n" + "\n".join(lines) + "\n")
    assert find_photos(own, truth=table).digest == by_folders.digest


def test_photos_of_no_class_in_a_table_are_left_out(own: Path, tmp_path: Path) -> None:
    photos = sorted(path for path in own.glob("*/*") if path.is_file())
    table = tmp_path / "corrections.csv"
    table.write_text("photo,label\n" + "".join(f"{path},none\n" for path in photos))
    with pytest.raises(TrainingDataError, match="needs photos of two or more classes; found none"):
        find_photos(own, truth=table)
