"""The journal against every order of writing, dying at any byte, and going on: no row lost, none doubled."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobiclass.batch.journal import Journal
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import SetupError
from tests.support.batch_runs import read_rows
from tests.support.journal_rows import MODEL, make_row

NAMES = ("a.jpg", "b\n.jpg", "\udcff.jpg", "d.jpg", "é.jpg", "f.jpg")


class Batches(RuleBasedStateMachine):
    """Runs over a changing folder, each of which may end at any moment; `lines` is what the file must hold."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "out.jsonl"
        self.versions = dict.fromkeys(NAMES, 1)
        self.lines: list[tuple[str, int, bool]] = []  # (name, version, failed), as they stand in the file
        self.journal: Journal | None = None
        self.todo: list[str] = []
        self.done: list[tuple[str, int, bool]] = []

    def teardown(self) -> None:
        if self.journal:
            self.journal.close()
        shutil.rmtree(self.folder)

    def last(self, name: str) -> tuple[str, int, bool] | None:
        return next((line for line in reversed(self.lines) if line[0] == name), None)

    @precondition(lambda self: self.journal is None)
    @rule(names=st.permutations(NAMES), count=st.integers(0, len(NAMES)))
    def start(self, names: list[str], count: int) -> None:
        self.journal = Journal(self.path, RowOptions(), resume=True)
        self.todo, self.done = names[:count], []

    @precondition(lambda self: self.todo)
    @rule(fails=st.booleans())
    def take_next(self, fails: bool) -> None:
        assert self.journal
        name = self.todo.pop(0)
        version = self.versions[name]
        earlier = self.journal.finished_row(name, 10, version, (MODEL,))
        last = self.last(name)
        if last and last[1:] == (version, False):
            assert earlier is not None, "what is done would be done again"
            assert earlier[1] == make_row(name, mtime_ns=version)
            self.journal.reuse(earlier[0])
            self.done.append(last)
        else:
            assert earlier is None, "what has changed or failed would be taken for done"
            self.journal.write(make_row(name, mtime_ns=version, error=fails))
            self.lines.append((name, version, fails))
            self.done.append(self.lines[-1])

    @precondition(lambda self: self.journal and not self.todo)
    @rule()
    def finish(self) -> None:
        assert self.journal
        self.journal.finish()
        expected = [make_row(name, mtime_ns=version, error=failed) for name, version, failed in self.done]
        assert list(self.journal.rows()) == expected
        assert read_rows(self.path) == expected
        self.lines = list(self.done)
        self.journal.close()
        self.journal = None

    @precondition(lambda self: self.journal)
    @rule()
    def kill(self) -> None:
        assert self.journal
        self.journal.close()
        self.journal, self.todo = None, []

    @precondition(lambda self: self.journal is None and self.lines)
    @rule(share=st.floats(0, 1), nulls=st.sampled_from([0, 0, 1, 700]))
    def cut(self, share: float, nulls: int) -> None:
        content = self.path.read_bytes()
        content = content[: round(share * len(content))]
        self.path.write_bytes(content + bytes(nulls))
        del self.lines[content.count(b"\n") :]

    @precondition(lambda self: self.journal is None and len(self.lines) > 1)
    @rule(data=st.data())
    def damage_a_line(self, data: st.DataObject) -> None:
        lines = self.path.read_bytes().splitlines(keepends=True)
        if len(lines) != len(self.lines):  # there is a torn end
            return
        number = data.draw(st.integers(1, len(lines) - 1))
        lines[number] = b"#" + lines[number]
        self.path.write_bytes(b"".join(lines))
        self.lines[number] = ("#", 0, True)

    @rule(name=st.sampled_from(NAMES))
    def change_photo(self, name: str) -> None:
        self.versions[name] += 1

    @precondition(lambda self: self.journal)
    @rule()
    def try_a_second_run(self) -> None:
        with pytest.raises(SetupError, match="another run"):
            Journal(self.path, RowOptions(), resume=True)

    @invariant()
    def nothing_else_is_left_behind(self) -> None:
        if hasattr(self, "folder"):
            assert {path.name for path in self.folder.iterdir()} <= {"out.jsonl", "out.jsonl.bak"}


TestBatches = Batches.TestCase
TestBatches.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
