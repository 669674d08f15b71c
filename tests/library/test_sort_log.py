"""The log of what was sorted: any path, cut short at any byte, and no trap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.sort_log import LOG_NAME, Entry, History, SortLog, is_plain

ENTRIES = [Entry("folder", "cat"), Entry("move", "cat/a.jpg", "/photos/a\n.jpg", 1_500_000_000_123),
           Entry("move", "cat/b.jpg", os.fsdecode(b"/photos/\xff.jpg"))]  # fmt: skip


def read(folder: Path) -> list[Entry]:
    with History(folder) as history:
        return [*history.newest_first()][::-1]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    with SortLog(tmp_path) as log:
        log.write(ENTRIES, sync=True)
        assert read(tmp_path) == ENTRIES


def test_the_last_entry_of_a_photo_counts(tmp_path: Path) -> None:
    again = Entry("copy", "dog/a.jpg", ENTRIES[1].source)
    with SortLog(tmp_path) as log:
        log.write([*ENTRIES, again], sync=False)
    with History(tmp_path) as history:
        assert history.of(again.source) == again
        assert history.of(ENTRIES[2].source) == ENTRIES[2]
        assert history.of("/photos/none.jpg") is None
        assert [*history.folders()] == ["cat"]


def test_cut_short_at_any_byte_it_has_the_whole_lines_and_goes_on(tmp_path: Path) -> None:
    with SortLog(tmp_path) as log:
        log.write(ENTRIES, sync=False)
    whole = (tmp_path / LOG_NAME).read_bytes()
    for length in range(len(whole)):
        (tmp_path / LOG_NAME).write_bytes(whole[:length])
        lines = whole[:length].count(b"\n")
        assert read(tmp_path) == ENTRIES[:lines]
        with SortLog(tmp_path) as log:
            log.write(ENTRIES[:1], sync=False)
        assert read(tmp_path) == [*ENTRIES[:lines], ENTRIES[0]]


@pytest.mark.parametrize(
    "line",
    ["[]", "{", '{"kind": "move", "target": 7}', '{"kind": "move", "target": ["?"]}',
     '{"kind": "move", "target": "a/b", "source": "/c", "mtime_ns": "x"}'],
)  # fmt: skip
def test_another_file_of_that_name(line: str, tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).write_text(line + "\n")
    with pytest.raises(SetupError, match=f"{LOG_NAME}:1: not a line of a log"):
        History(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/b", "/a", "../a", "a/"])
def test_no_path_is_a_plain_name(name: str) -> None:
    assert not is_plain(name)
    assert is_plain("a..b")


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="only POSIX can refuse to follow a link")
def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / LOG_NAME).symlink_to(tmp_path / "victim")
    with pytest.raises(SetupError, match="the log cannot be written"):
        SortLog(tmp_path)
    assert (tmp_path / "victim").read_text() == "mine"
