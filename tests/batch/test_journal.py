"""The journal: what any crash leaves of it is taken up again, and nothing else is."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from mobiclass.batch.journal import Journal
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import SetupError
from mobiclass.results import json_line
from tests.support.batch_runs import names_in, read_rows
from tests.support.journal_rows import MODEL, journal, make_row, resume, write

NAMES = ("a.jpg", "b.jpg", "c.jpg")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def known(rows: Journal, *names: str) -> list[str]:
    return [name for name in names if rows.finished_row(name, 10, 1, (MODEL,))]


class TestWriting:
    def test_a_row_is_in_the_file_as_soon_as_it_is_written(self, path: Path) -> None:
        with journal(path) as rows:
            for number, name in enumerate(NAMES, start=1):
                rows.write(make_row(name))
                assert [row["path"] for row in read_rows(path)] == list(NAMES[:number])
            assert list(rows.rows()) == [make_row(name) for name in NAMES]

    def test_rows_of_any_length_come_back(self, path: Path) -> None:
        names = [f"{'x' * length}.jpg" for length in (1, 3900, 4096, 5000, 70_000)]
        write(path, *names)
        with journal(path, resume=True) as rows:
            assert known(rows, *names) == names

    @pytest.mark.parametrize(
        "name", ["new\nline.jpg", "\udcff\udcfe.jpg", "\u202egpj.jpg", "🐈.jpg", '"\\\t', "\u2028"]
    )
    def test_any_name_is_found_again(self, path: Path, name: str) -> None:
        write(path, name)
        assert path.read_bytes().count(b"\n") == 1
        assert resume(path, name) == []

    def test_names_that_look_alike_in_utf8_are_told_apart(self, path: Path) -> None:
        write(path, "\udcff.jpg")
        with journal(path, resume=True) as rows:
            assert known(rows, "\udcfe.jpg", "\N{REPLACEMENT CHARACTER}.jpg") == []

    def test_what_waits_is_brought_to_the_disk_while_no_row_comes(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced, now = [], [100.0]
        monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(path.stat().st_size))
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        with journal(path) as rows:
            rows.write(make_row("a.jpg"))
            rows.idle()
            assert synced == []
            now[0] += 1
            rows.idle()
            assert synced == [path.stat().st_size]
            now[0] += 100
            rows.idle()  # nothing new
            assert len(synced) == 1
            rows.write(make_row("b.jpg"))
            assert synced == [synced[0], path.stat().st_size]


class TestRefusing:
    def test_results_are_not_written_over(self, path: Path) -> None:
        content = write(path, *NAMES)
        with pytest.raises(SetupError, match=r"out\.jsonl: there are results already: --resume .* --overwrite"):
            Journal(path, RowOptions())
        assert path.read_bytes() == content

    def test_an_empty_file_is_no_results(self, path: Path) -> None:
        path.touch()
        with journal(path) as rows:
            rows.write(make_row("a.jpg"))
        assert len(read_rows(path)) == 1

    @pytest.mark.parametrize(
        "content",
        [
            b"my notes\n",
            b"my notes",
            b"\x89PNG\r\n\x1a\n\0\0\0",
            b"\0\0\0\x20ftypisom",
            b'{"name": "a package"}\n',
            b'{"name": "a package"}',
            b"[1, 2]\n",
            b'{"path": 1, "predictions": [], "error": null}\n',
            b'{"path": "a", "predictions": {}, "error": null}\n',
            b'{"path": "a", "predictions": []}\n',
            b"[" * 100_000 + b"\n",
            b"\n",
        ],
        ids=lambda content: repr(content[:24]),
    )
    def test_what_is_no_journal_is_left_alone(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(SetupError, match="not results of mobiclass; --overwrite"):
            Journal(path, RowOptions(), resume=True)
        assert path.read_bytes() == content

    def test_a_folder_a_pipe_and_a_device(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for name in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
            with pytest.raises(SetupError, match="regular file|Is a directory"):
                Journal(name, RowOptions())

    def test_a_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(SetupError, match="cannot be written there .No such file"):
            Journal(tmp_path / "gone" / "out.jsonl", RowOptions())

    def test_overwriting_begins_anew(self, path: Path) -> None:
        write(path, *NAMES)
        with journal(path, overwrite=True) as rows:
            assert known(rows, *NAMES) == []
            assert path.read_bytes() == b""


class TestResuming:
    def test_what_is_known_is_found(self, path: Path) -> None:
        write(path, *NAMES)
        with journal(path, resume=True) as rows:
            found = rows.finished_row("b.jpg", 10, 1, (MODEL,))
            assert found is not None
            assert found[1] == make_row("b.jpg")
            assert rows.finished_row("b.jpg", 11, 1, (MODEL,)) is None
            assert rows.finished_row("b.jpg", 10, 2, (MODEL,)) is None
            assert rows.finished_row("b.jpg", 10, 1, ("1" * 64,)) is None
            assert rows.finished_row("d.jpg", 10, 1, (MODEL,)) is None
            assert rows.finished_row("b.jpg", 10, 1, ("1" * 64, MODEL)) is not None

    def test_a_row_that_somebody_has_edited_is_no_known_one(self, path: Path) -> None:
        path.write_bytes(json_line(make_row("a.jpg") | {"model_sha256": [MODEL]}).encode())
        with journal(path, resume=True) as rows:
            assert rows.finished_row("a.jpg", 10, 1, (MODEL,)) is None

    def test_a_failure_is_not_known(self, path: Path) -> None:
        with journal(path) as rows:
            rows.write(make_row("a.jpg", error=True))
        assert resume(path, "a.jpg") == ["a.jpg"]
        assert resume(path, "a.jpg") == []

    def test_the_last_row_of_a_path_counts(self, path: Path) -> None:
        with journal(path) as rows:
            rows.write(make_row("a.jpg", mtime_ns=1))
            rows.write(make_row("a.jpg", mtime_ns=2))
        with journal(path, resume=True) as rows:
            assert rows.finished_row("a.jpg", 10, 1, (MODEL,)) is None
            assert rows.finished_row("a.jpg", 10, 2, (MODEL,)) is not None

    def test_the_finished_file_has_this_runs_rows_in_this_runs_order(self, path: Path) -> None:
        write(path, "d.jpg", "a.jpg", "gone.jpg", "c.jpg")
        assert resume(path, "a.jpg", "b.jpg", "c.jpg", "d.jpg") == ["b.jpg"]
        assert [row["path"] for row in read_rows(path)] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        # The rows of a file that is gone, or whose folder is not mounted now, are left out but not lost.
        assert names_in(path.parent) == [path.name, f"{path.name}.bak"]
        backup = path.with_name(f"{path.name}.bak")
        assert {row["path"] for row in read_rows(backup)} == {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "gone.jpg"}

    def test_rows_that_were_only_redone_need_no_backup(self, path: Path) -> None:
        write(path, "b.jpg", "a.jpg")
        assert resume(path, "a.jpg", "b.jpg") == []
        assert names_in(path.parent) == [path.name]

    def test_a_finished_file_that_is_in_order_is_not_written_again(self, path: Path) -> None:
        content = write(path, *NAMES)
        before = path.stat().st_ino
        assert resume(path, *NAMES) == []
        assert (path.stat().st_ino, path.read_bytes()) == (before, content)

    def test_nothing_left_to_do_leaves_nothing(self, path: Path) -> None:
        write(path, *NAMES)
        assert resume(path) == []
        assert path.read_bytes() == b""

    def test_without_a_finish_all_rows_stay(self, path: Path) -> None:
        write(path, *NAMES)
        with journal(path, resume=True) as rows:
            rows.write(make_row("0.jpg"))
        assert len(read_rows(path)) == 4
        assert resume(path, "0.jpg", *NAMES) == []

    def test_a_missing_file_starts_afresh(self, path: Path) -> None:
        assert resume(path, *NAMES) == list(NAMES)

    def test_the_files_mode_and_the_link_to_it_stay(self, path: Path, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere" / "real.jsonl"
        target.parent.mkdir()
        path.symlink_to(target)
        write(path, "b.jpg", "a.jpg")
        target.chmod(0o640)
        resume(path, "a.jpg", "b.jpg")
        assert path.is_symlink()
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        assert [row["path"] for row in read_rows(target)] == ["a.jpg", "b.jpg"]


class TestDamage:
    def test_a_last_row_cut_at_any_byte_is_done_again(self, path: Path) -> None:
        content = write(path, *NAMES)
        last = content.rindex(b"\n", 0, -1) + 1
        for end in range(last, len(content)):
            path.write_bytes(content[:end])
            assert resume(path, *NAMES) == ["c.jpg"], f"cut at byte {end}"
            assert path.read_bytes() == content

    def test_a_first_row_cut_at_any_byte_is_done_again(self, path: Path) -> None:
        content = write(path, "a.jpg")
        for end in range(len(content)):
            path.write_bytes(content[:end])
            assert resume(path, "a.jpg") == ["a.jpg"], f"cut at byte {end}"
            assert path.read_bytes() == content

    @pytest.mark.parametrize("nulls", [1, 500, 5000, 3_000_000])
    def test_a_power_cut_leaves_nulls(self, path: Path, nulls: int) -> None:
        content = write(path, *NAMES)
        for kept in (0, 5, content.index(b"\n") + 1, len(content) - 20, len(content)):
            path.write_bytes(content[:kept] + bytes(nulls))
            whole = content[:kept].count(b"\n")
            assert resume(path, *NAMES) == list(NAMES[whole:])
            assert path.read_bytes() == content

    def test_nulls_before_later_rows_cost_the_row_they_are_in(self, path: Path) -> None:
        lines = write(path, *NAMES).splitlines(keepends=True)
        path.write_bytes(lines[0] + bytes(100) + lines[1] + lines[2])
        assert resume(path, *NAMES) == ["b.jpg"]
        assert path.read_bytes() == b"".join(lines)

    @pytest.mark.parametrize(
        "garbage",
        [
            b"garbage\n", b"\n", b"\xff\xfe\n", b"{}\n", b"null\n", b"[" * 5000 + b"\n", b'{"path": "b.jpg"\n',
            b'{"path": "\\ud800", "predictions": [], "error": null}\n',
            b'{"path": "b", "path_base64": "?", "predictions": [], "error": null}\n',
            b'{"path": "b", "path_base64": 7, "predictions": [], "error": null}\n',
        ],
        ids=lambda garbage: repr(garbage[:40]),
    )  # fmt: skip
    def test_garbage_in_the_middle_costs_nothing_else(self, path: Path, garbage: bytes) -> None:
        lines = write(path, *NAMES).splitlines(keepends=True)
        path.write_bytes(lines[0] + garbage + lines[2])
        assert resume(path, *NAMES) == ["b.jpg"]
        assert path.read_bytes() == b"".join(lines)

    def test_line_ends_of_windows_are_understood(self, path: Path) -> None:
        content = write(path, *NAMES)
        path.write_bytes(content.replace(b"\n", b"\r\n"))
        assert resume(path, *NAMES) == []
        assert read_rows(path) == [json.loads(line) for line in content.splitlines()]
        path.write_bytes(content.replace(b"\n", b"\r\n"))
        assert resume(path, "0.jpg", *NAMES) == ["0.jpg"]
        assert [row["path"] for row in read_rows(path)] == ["0.jpg", *NAMES]

    def test_what_a_killed_tidying_left_does_no_harm(self, path: Path) -> None:
        write(path, "b.jpg", "a.jpg")
        path.with_name(".out.jsonl.new").write_text(json_line(make_row("old.jpg")))
        assert resume(path, "a.jpg", "b.jpg") == []
        assert [row["path"] for row in read_rows(path)] == ["a.jpg", "b.jpg"]
        assert names_in(path.parent) == [path.name]

    def test_another_programs_writing_is_noticed(self, path: Path) -> None:
        write(path, "b.jpg", "a.jpg")
        with journal(path, resume=True) as rows:
            rows.write(make_row("c.jpg"))
            with path.open("ab") as other:
                other.write(b"I am here too\n")
            rows.write(make_row("d.jpg"))
            with pytest.raises(SetupError, match="another program has changed the results; --resume repairs"):
                rows.finish()
        assert resume(path, "a.jpg", "b.jpg", "c.jpg", "d.jpg") == []
        assert len(read_rows(path)) == 4
