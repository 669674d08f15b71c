"""Photos whose labels stand in a table: which of them are there, and what the table has for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobiclass.batch.exclusion import Exclusion
from mobiclass.errors import SetupError
from mobiclass.evaluation.labelled_photos import LabelledPhotos, read_labelled_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a flat folder with photos, one of them in a subfolder."""
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg", "e.raw", "@eaDir/a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (tmp_path / "outside.jpg").touch()
    return folder


def read(folder: Path, text: str, *, encoding: str = "utf-8", exclude: tuple[str, ...] = ()) -> LabelledPhotos:
    table = folder.parent / "truth.csv"
    table.write_bytes(text.encode(encoding))
    return read_labelled_photos(str(folder), table, exclusion=Exclusion(exclude))


def labelled(photos: LabelledPhotos) -> dict[str, str]:
    """List the label of each photo, by its path below the folder."""
    return {path.removeprefix(f"{photos.root}/"): photos.name_of(path) for path in photos.paths(photos.names)}


@pytest.mark.parametrize(
    "text",
    [
        "photo,label\na.jpg,red\nb.jpg,blue\nsub/d.jpg,red\n",
        "a.jpg,red\nb.jpg,blue\nsub/d.jpg,red\n",
        "label;n;filename\r\nred;1;a.jpg\r\nblue;2;b.jpg\r\nred;3;sub/d.jpg\r\n",
        "Image Path\tClass\na.jpg\tred\nb.jpg\tblue\nsub/d.jpg\tred\n",
        "id,breed\na.jpg,red\nb.jpg,blue\nsub/d.jpg,red\n",
        "./a.jpg,red\n\nb.jpg, blue\nsub//d.jpg,red\na.jpg,red\n",
        "a.jpg,red\nb.jpg,blue\nsub\\d.jpg,red\n",
        '"a.jpg","red"\n"b.jpg","blue"\n"sub/d.jpg","red"\n',
    ],
)
def test_a_table_has_a_photo_and_a_label_a_line(folder: Path, text: str) -> None:
    photos = read(folder, text)
    assert labelled(photos) == {"a.jpg": "red", "b.jpg": "blue", "sub/d.jpg": "red"}
    assert (photos.names, photos.missing, photos.loose_images) == (("blue", "red"), (), 1)


def test_a_table_of_excel_is_read(folder: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        assert labelled(read(folder, "photo\tlabel\r\na.jpg\tgrün\r\n", encoding=encoding)) == {"a.jpg": "grün"}


def test_photos_of_some_labels_are_given(folder: Path) -> None:
    photos = read(folder, "a.jpg,red\nb.jpg,blue\nc.jpg,red\n")
    assert list(photos.paths(["red"])) == [str(folder / "a.jpg"), str(folder / "c.jpg")]


def test_absolute_paths_and_files_of_any_suffix_are_taken(folder: Path) -> None:
    outside = folder.parent / "outside.jpg"
    photos = read(folder, f"{outside},red\ne.raw,blue\n../outside.jpg,red\n{folder}/a.jpg,red\n")
    assert labelled(photos) == {"a.jpg": "red", str(outside): "red", "e.raw": "blue"}


def test_what_is_for_nothing_is_told(folder: Path) -> None:
    photos = read(folder, "a.jpg,red\nnone.jpg,red\nsub,red\nc.jpg,blue\n@eaDir/a.jpg,red\n", exclude=("c.*",))
    assert labelled(photos) == {"a.jpg": "red"}
    assert photos.missing == ("none.jpg", "sub")
    assert photos.passed_over == ("c.jpg", "@eaDir/a.jpg")
    assert photos.loose_images == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is nothing in it; write photo,label a line"),
        ("a.jpg\n", "truth.csv:1: expected a photo and a label, or a header"),
        ("a.jpg,red,1\n", "truth.csv:1: expected a photo and a label, or a header"),
        ("a.jpg,red\nb.jpg,red,1\n", "truth.csv:2: 3 cells, where the first line has 2"),
        ("a.jpg,red\nb.jpg,\n", "truth.csv:2: there is no label in this line"),
        ("photo,label\n,red\n", "truth.csv:2: there is no photo in this line"),
        ("a.jpg,red\n./a.jpg,blue\n", "two labels for the photo ./a.jpg: 'red' and 'blue'"),
        ("x.jpg,red\ny.jpg,red\n", "none of its 2 photos is there, 'x.jpg' for one; their paths start in"),
        ('"a.jpg,red\n', "truth.csv:1: unexpected end of data"),
        ("a.jpg,r\0d\n", "the table of photos holds NUL characters"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        read(folder, text)
    assert message in str(caught.value)


def test_a_table_or_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.csv: the table of photos cannot be read \(No such file"):
        read_labelled_photos(str(folder), folder / "none.csv")
    with pytest.raises(SetupError, match="a.jpg: not a folder"):
        read_labelled_photos(str(folder / "a.jpg"), folder / "none.csv")
