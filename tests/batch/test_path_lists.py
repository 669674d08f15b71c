"""Lists of paths: in files, on standard input, with line ends or NULs; and what is no list."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from mobiclass.batch.sources import ImageFinder
from mobiclass.errors import SetupError


def find(*sources: str, stdin: bytes | io.RawIOBase = b"", **how: bool) -> list[str]:
    raw = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
    return list(ImageFinder(**how).find(sources, io.BufferedReader(raw)))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a.jpg\nb.jpg\n", ["a.jpg", "b.jpg"]),
        (b"a.jpg\nb.jpg", ["a.jpg", "b.jpg"]),
        (b"a.jpg\r\nb.jpg\r\n", ["a.jpg", "b.jpg"]),
        (b"a.jpg\r\nb.jpg\r", ["a.jpg", "b.jpg"]),
        (b"\n\na.jpg\n\r\n\nb.jpg\n\n", ["a.jpg", "b.jpg"]),
        (b"\xef\xbb\xbfa.jpg\nb.jpg", ["a.jpg", "b.jpg"]),
        (b" a.jpg \n*.jpg\n-\n@b\n", [" a.jpg ", "*.jpg", "-", "@b"]),
        (b"\xff.jpg\n", ["\udcff.jpg"]),
        (b"a.jpg\n./a.jpg\na.jpg\n", ["a.jpg"]),
        (b"", []),
        (b"\n", []),
    ],
)
def test_a_list_is_a_path_a_line(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    (tmp_path / "list").write_bytes(content)
    assert find("@list") == expected
    assert find("-", stdin=content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a.jpg\0b.jpg\0", ["a.jpg", "b.jpg"]),
        (b"a.jpg\0b.jpg", ["a.jpg", "b.jpg"]),
        (b"new\nline.jpg\0\0b\r\0", ["new\nline.jpg", "b\r"]),
    ],
)
def test_null_separates_what_may_have_line_ends(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    (tmp_path / "list").write_bytes(content)
    assert find("@list", null_separated=True) == expected
    assert find("-", stdin=content, null_separated=True) == expected


def test_a_list_may_name_folders(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f/a.jpg").touch()
    assert find("-", stdin=b"f\nf/a.jpg\ngone\n") == ["f/a.jpg", "gone"]


def test_paths_are_whole_wherever_the_blocks_of_a_long_list_end(tmp_path: Path) -> None:
    expected = [f"{'x' * (number % 97)}{number}.jpg" for number in range(20_000)]
    content = "\r\n".join(expected).encode()
    assert find("-", stdin=content) == expected
    assert len(content) > 10 * 65536


def test_paths_come_as_soon_as_their_line_ends() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file:
        found = ImageFinder().find(["-"], file)
        os.write(writer, b"a.jpg\nb.j")
        assert next(found) == "a.jpg"  # would wait for ever if it wanted more
        os.write(writer, b"pg\n")
        assert next(found) == "b.jpg"
        os.close(writer)
        assert list(found) == []


def test_a_standard_input_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as file:
        timer = threading.Timer(0.2, lambda: (os.write(writer, b"a.jpg\n"), os.close(writer)))
        timer.start()
        assert list(ImageFinder().find(["-"], file)) == ["a.jpg"]
        timer.join()


class TestWhatIsNoList:
    @pytest.mark.parametrize("null_separated", [False, True])
    def test_an_endless_file(self, null_separated: bool) -> None:
        with pytest.raises(SetupError, match="/dev/zero: not a list of paths"):
            find("@/dev/zero", null_separated=null_separated)

    def test_a_binary_file_is_refused_before_anything_is_done(self, tmp_path: Path) -> None:
        (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0\n" + bytes(range(256)) * 100)
        with pytest.raises(SetupError, match=r"photo\.jpg: not a list of paths"):
            ImageFinder().check(["@photo.jpg"])
        with pytest.raises(SetupError, match="-0"):
            find("@photo.jpg")

    def test_a_list_of_the_other_kind(self) -> None:
        with pytest.raises(SetupError, match="-0 if they separate the paths"):
            find("-", stdin=b"a.jpg\0b.jpg\0")

    def test_a_file_without_line_ends(self, tmp_path: Path) -> None:
        (tmp_path / "list").write_bytes(b"x" * 200_000)
        for act in (lambda: find("@list"), lambda: ImageFinder().check(["@list"])):
            with pytest.raises(SetupError, match="list: not a list of paths"):
                act()

    def test_a_missing_list_and_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        for name, reason in (("gone", "No such file"), ("folder", "Is a directory"), ("nul\0", "null")):
            with pytest.raises(SetupError, match=f"the list of images cannot be read .*{reason}"):
                ImageFinder().check([f"@{name}"])
            with pytest.raises(SetupError, match=f"the list of images cannot be read .*{reason}"):
                find(f"@{name}")

    def test_a_standard_input_that_cannot_be_read(self, tmp_path: Path) -> None:
        class Broken(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: object) -> int:
                raise OSError(5, "Input/output error")

        with pytest.raises(SetupError, match=r"standard input: the list of images cannot be read \(Input/output error"):
            find("-", stdin=Broken())


def test_checking_opens_no_pipe(tmp_path: Path) -> None:
    # Whoever writes to the pipe would be cut off, and the list be lost.
    os.mkfifo(tmp_path / "pipe")
    ImageFinder().check(["@pipe"])  # would wait for ever
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"a.jpg\n"))
    writer.start()
    assert find("@pipe") == ["a.jpg"]
    writer.join()


# UTF-16, as Windows PowerShell writes what is redirected


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_list_in_utf16_is_read_where_a_mark_says_so(tmp_path: Path, encoding: str) -> None:
    content = "\ufeffred.png\r\nKäfer 🐞.png\r\n".encode(encoding)
    (tmp_path / "list").write_bytes(content)
    assert find("@list") == ["red.png", "Käfer 🐞.png"]
    assert find("-", stdin=content) == ["red.png", "Käfer 🐞.png"]


def test_a_long_list_in_utf16_is_read_whole_however_it_arrives() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 7, 7))

        def readable(self) -> bool:
            return True

    names = [f"photo {number} ü.jpg" for number in range(3000)]
    content = "\ufeff".encode("utf-16-le") + "\r\n".join(names).encode("utf-16-le")
    assert find("-", stdin=Dribble(content)) == names  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_without_a_mark_it_is_refused_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list").write_bytes("red.png\r\nblue.png\r\n".encode(encoding))
    with pytest.raises(
        SetupError, match="list: this list seems to be UTF-16 without a byte order mark; save it as UTF-8"
    ):
        find("@list")


def test_a_damaged_list_in_utf16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes("\ufeffred.png\n".encode("utf-16-le") + b"x")
    with pytest.raises(SetupError, match="begins as UTF-16 and is not; save it as UTF-8"):
        find("@list")


def test_nulls_do_not_separate_paths_in_utf16(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes("\ufeffred.png\r\n".encode("utf-16-le"))
    with pytest.raises(SetupError, match="UTF-16 and so has a path a line: leave -0 out"):
        find("@list", null_separated=True)
    (tmp_path / "list").write_bytes(b"\xff\xfe.jpg\0a\0b\0")  # bytes that are a name
    assert find("@list", null_separated=True) == [os.fsdecode(b"\xff\xfe.jpg"), "a", "b"]
    (tmp_path / "list").write_bytes(b"a\0b\0c\0")
    assert find("@list", null_separated=True) == ["a", "b", "c"]
