"""The log of what was sorted: any path, cut short at any byte, and no trap."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.sort_log import LOG_NAME, Entry, SortLog

ENTRIES = [Entry("folder", "cat"), Entry("move", "cat/a.jpg", "/photos/a\n.jpg"),
           Entry("move", "cat/b.jpg", os.fsdecode(b"/photos/\xff.jpg"))]  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with SortLog(tmp_path) as log:
        log.write(ENTRIES, sync=True)
        assert [*log.entries()] == ENTRIES


def test_cut_short_at_any_byte_it_has_the_whole_lines_and_goes_on(tmp_path: Path) -> None:
    with SortLog(tmp_path) as log:
        log.write(ENTRIES, sync=False)
    whole = (tmp_path / LOG_NAME).read_bytes()
    for length in range(len(whole)):
        (tmp_path / LOG_NAME).write_bytes(whole[:length])
        with SortLog(tmp_path) as log:
            lines = whole[:length].count(b"\n")
            log.write(ENTRIES[:1], sync=False)
            assert [*log.entries()] == [*ENTRIES[:lines], ENTRIES[0]]


@pytest.mark.parametrize("line", ["[]", "{", '{"kind": "move", "target": 7}', '{"kind": "move", "target": ["?"]}'])
def test_another_file_of_that_name(line: str, tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).write_text(line + "\n")
    with SortLog(tmp_path) as log, pytest.raises(SetupError, match=f"{LOG_NAME}:1: not a line of a log"):
        list(log.entries())


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="only POSIX can refuse to follow a link")
def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / LOG_NAME).symlink_to(tmp_path / "victim")
    with pytest.raises(SetupError, match="the log cannot be written"):
        SortLog(tmp_path)
    assert (tmp_path / "victim").read_text() == "mine"
