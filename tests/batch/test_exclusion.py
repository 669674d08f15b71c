"""What is passed over in folders: what systems keep there, what is excluded, and nothing that was named outright."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass.batch.exclusion import Exclusion, is_system_folder
from mobiclass.batch.sources import ImageFinder

SYSTEM = ("@eaDir", "#recycle", "$RECYCLE.BIN", ".Trash-1000", "lost+found", ".ipynb_checkpoints", "__MACOSX")


def find(*sources: str, exclude: tuple[str, ...] = (), stdin: bytes = b"") -> list[str]:
    finder = ImageFinder(exclusion=Exclusion(exclude))
    return list(finder.find(sources, io.BufferedReader(io.BytesIO(stdin))))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with photos, thumbnails of a NAS and a recycle bin, at two depths."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "a_thumb.jpg", "raw/b.jpg", "2019/raw/c.jpg", "2019/d.jpg"):
        _touch(tmp_path / "nas" / name)
    for system in SYSTEM:
        _touch(tmp_path / "nas" / system / "a.jpg" / "thumb.jpg")
        _touch(tmp_path / "nas" / "2019" / system.upper() / "x.jpg")
    return tmp_path


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


PHOTOS = ["nas/a.jpg", "nas/a_thumb.jpg", "nas/2019/d.jpg", "nas/2019/raw/c.jpg", "nas/raw/b.jpg"]


@pytest.mark.parametrize("source", ["nas", "nas/", "./nas", "nas/**/*.jpg", "n*"])
def test_what_systems_keep_in_folders_is_passed_over(source: str) -> None:
    assert sorted(path.removeprefix("./") for path in find(source)) == sorted(PHOTOS)


def test_wildcards_that_match_such_a_folder_pass_over_it() -> None:
    assert sorted(find("nas/*")) == sorted(PHOTOS)
    assert find("nas/*/a.jpg/*.jpg") == []


@pytest.mark.parametrize("system", SYSTEM)
def test_what_is_named_outright_is_taken(system: str) -> None:
    thumb = f"nas/{system}/a.jpg/thumb.jpg"
    assert find(f"nas/{system}") == [thumb]
    assert find(thumb) == [thumb]
    assert find(f"nas/{system}/*/*.jpg") == [thumb]
    assert find("-", stdin=f"nas/{system}\n".encode()) == [thumb]
    assert find("nas/a.jpg", exclude=("a.jpg", "nas")) == ["nas/a.jpg"]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (("*_thumb.*",), ["nas/a.jpg", "nas/2019/d.jpg", "nas/2019/raw/c.jpg", "nas/raw/b.jpg"]),
        (("raw",), ["nas/a.jpg", "nas/a_thumb.jpg", "nas/2019/d.jpg"]),
        (("raw/",), ["nas/a.jpg", "nas/a_thumb.jpg", "nas/2019/d.jpg"]),
        (("./raw/*",), ["nas/a.jpg", "nas/a_thumb.jpg", "nas/2019/d.jpg", "nas/2019/raw/c.jpg"]),
        (("2019/raw",), ["nas/a.jpg", "nas/a_thumb.jpg", "nas/2019/d.jpg", "nas/raw/b.jpg"]),
        (("**/raw/*.jpg",), ["nas/a.jpg", "nas/a_thumb.jpg", "nas/2019/d.jpg"]),
        (("2019/**",), ["nas/a.jpg", "nas/a_thumb.jpg", "nas/raw/b.jpg"]),
        (("[ab].jpg", "20??"), ["nas/a_thumb.jpg"]),
        (("a.jpg/",), PHOTOS),  # for folders alone
        (("nas",), PHOTOS),  # the source itself was named outright
        (("*",), []),
    ],
)
def test_what_is_excluded_is_passed_over_by_name_or_path(patterns: tuple[str, ...], left: list[str]) -> None:
    assert find("nas", exclude=patterns) == left
    assert sorted(find("nas/**/*.jpg", exclude=patterns)) == sorted(left)


def test_an_excluded_folder_is_not_entered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []
    scan = ImageFinder._scan
    monkeypatch.setattr(
        ImageFinder, "_scan", lambda self, path, below: entered.append(below) or scan(self, path, below)
    )
    find("nas", exclude=("2019",))
    assert entered == ["", "raw"]


@pytest.mark.parametrize("pattern", ["", "/", "./", "//"])
def test_a_pattern_of_no_name_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no pattern of names"):
        Exclusion([pattern])


@pytest.mark.parametrize("name", ["eaDir", "recycle", "trash", "lost", "found", "MACOSX", "@home", ""])
def test_other_folders_are_photos_folders(name: str) -> None:
    assert not is_system_folder(name)


@given(st.text("ab*?[]!/.", min_size=1, max_size=8), st.lists(st.text("ab.[", min_size=1, max_size=3), max_size=3))
def test_any_pattern_has_an_answer_for_any_path(pattern: str, names: list[str]) -> None:
    try:
        exclusion = Exclusion([pattern])
    except ValueError:
        assert not pattern.strip("./")
        return
    assert exclusion.has_part_of("/".join(names)) in (True, False)
