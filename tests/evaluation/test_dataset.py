"""DIR/<class>/<image>: which folders are classes, and which photos are in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobiclass.batch.exclusion import Exclusion
from mobiclass.errors import SetupError
from mobiclass.evaluation.dataset import ClassFolders, list_class_folders
from tests.support.batch_runs import is_root


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def listed(root: Path, **options: bool) -> list[tuple[str, str]]:
    """Give (class folder, path below the root) of every photo."""
    folders = list_class_folders(str(root), **options)
    found = list(folders.paths(folders.names))
    return [(folders.name_of(path), str(Path(path).relative_to(root))) for path in found]


def test_photos_belong_to_the_first_folder_however_deep_they_lie(tmp_path: Path) -> None:
    fill(tmp_path, "dog/b.jpg", "cat/z.JPG", "cat/sub/deeper/a.png", "cat/a.jpg", "cat/notes.txt", "cat/.hidden.jpg")
    fill(tmp_path, ".cache/x.jpg", "loose.jpg", "README.txt")
    (tmp_path / "empty").mkdir()
    assert listed(tmp_path) == [
        ("cat", "cat/a.jpg"),
        ("cat", "cat/z.JPG"),
        ("cat", "cat/sub/deeper/a.png"),
        ("dog", "dog/b.jpg"),
    ]
    folders = list_class_folders(str(tmp_path))
    assert folders.names == ("cat", "dog", "empty")
    assert folders.loose_images == 1
    assert ("cat", "cat/notes.txt") in listed(tmp_path, all_files=True)


@pytest.mark.parametrize("root", [".", "./", "photos", "photos/", "photos//", "../here/photos"])
def test_the_class_is_known_however_the_folder_is_written(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    fill(here, "cat/a.jpg", "photos/cat/a.jpg")
    monkeypatch.chdir(here)
    folders = list_class_folders(root)
    assert [folders.name_of(path) for path in folders.paths(["cat"])] == ["cat"]


@pytest.mark.parametrize("name", ["@list", "-", "*", "[ab]", "a\nb", "-x", "~", "$HOME", "猫", " "])
def test_names_have_no_other_meaning(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, f"{name}/{name}/a.jpg")
    monkeypatch.chdir(tmp_path)
    for root in (name, "."):
        folders = list_class_folders(root)
        assert folders.names == (name,)
        assert [folders.name_of(path) for path in folders.paths(folders.names)] == [name]


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    fill(tmp_path, os.fsdecode(b"caf\xe9/a.jpg"))
    folders = list_class_folders(str(tmp_path))
    assert [os.fsencode(folders.name_of(path)) for path in folders.paths(folders.names)] == [b"caf\xe9"]


def test_links_never_lead_into_another_class(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    fill(root, "cat/a.jpg", "dog/b.jpg")
    fill(tmp_path, "above.jpg", "elsewhere/c.jpg")
    (root / "cat" / "up").symlink_to("..")
    (root / "cat" / "higher").symlink_to(tmp_path)
    (root / "cat" / "top").symlink_to("/")
    (root / "cat" / "again").symlink_to(".")
    (root / "cat" / "dogs").symlink_to(root / "dog")
    (root / "cat" / "others").symlink_to(tmp_path / "elsewhere")
    assert listed(root) == [("cat", "cat/a.jpg"), ("cat", "cat/others/c.jpg"), ("dog", "dog/b.jpg")]


def test_a_class_folder_may_be_a_link_and_a_photo_of_two_classes(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    fill(tmp_path, "pool/a.jpg", "dogs/b.jpg")
    fill(root, "cat/x.jpg")
    (root / "cat" / "a.jpg").symlink_to(tmp_path / "pool" / "a.jpg")
    (root / "pet").mkdir()
    (root / "pet" / "a.jpg").symlink_to(tmp_path / "pool" / "a.jpg")
    (root / "dog").symlink_to(tmp_path / "dogs")
    (root / "hound").symlink_to(tmp_path / "dogs")
    (root / "gone").symlink_to(tmp_path / "nowhere")
    (root / "self").symlink_to(root / "self")
    (root / "all").symlink_to(root)
    assert listed(root) == [
        ("cat", "cat/a.jpg"),
        ("cat", "cat/x.jpg"),
        ("dog", "dog/b.jpg"),
        ("hound", "hound/b.jpg"),
        ("pet", "pet/a.jpg"),
    ]


@pytest.mark.skipif(is_root(), reason="NOT TESTED: permission bits mean nothing to root")
def test_a_class_folder_that_cannot_be_listed_is_not_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "cat").chmod(0)
    try:
        assert listed(tmp_path) == [("cat", "cat"), ("dog", "dog/b.jpg")]
    finally:
        (tmp_path / "cat").chmod(0o700)


def test_the_name_of_a_folder_that_stands_for_its_photos() -> None:
    assert ClassFolders("photos", ("cat",), 0, False).name_of(f"photos{os.sep}cat") == "cat"


def test_what_is_no_folder_of_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="it is empty"):
        list_class_folders(str(tmp_path))
    fill(tmp_path, "a.jpg", "b.jpg", "c.txt")
    with pytest.raises(SetupError, match="it has 2 images but no folders"):
        list_class_folders(str(tmp_path))
    with pytest.raises(SetupError, match=r"a\.jpg: not a folder; give one with"):
        list_class_folders(str(tmp_path / "a.jpg"))
    with pytest.raises(SetupError, match=r"gone: cannot be read \(No such file"):
        list_class_folders(str(tmp_path / "gone"))
    with pytest.raises(SetupError, match="cannot be read"):
        list_class_folders("a\0b")


def test_what_systems_keep_and_what_is_excluded_is_no_class_and_no_photo(tmp_path: Path) -> None:
    for name in (
        "cat/1.jpg",
        "cat/@eaDir/1.jpg",
        "cat/raw/2.jpg",
        "@eaDir/3.jpg",
        "#recycle/4.jpg",
        "old/5.jpg",
        "x.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folders = list_class_folders(str(tmp_path), exclusion=Exclusion(["old", "cat/raw", "x.*"]))
    assert folders.names == ("cat",)
    assert folders.passed_over == ("#recycle", "@eaDir", "old")
    assert folders.loose_images == 0
    assert list(folders.paths(folders.names)) == [str(tmp_path / "cat" / "1.jpg")]
