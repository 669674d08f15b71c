"""A batch's output and its journal: what is refused, what is gone on with, and what stands there at the end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mobiclass.batch.output import FileOutput, journal_path
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import SetupError
from tests.support.batch_runs import names_in, read_rows
from tests.support.journal_rows import MODEL, make_row

NAMES = ("a.jpg", "b.jpg")


def write(output: Path, *names: str, resume: bool = False, overwrite: bool = False, finish: bool = True) -> None:
    with FileOutput(output, RowOptions(), resume=resume, overwrite=overwrite) as file:
        for name in names:
            earlier = file.journal.finished_row(name, 10, 1, (MODEL,))
            if earlier:
                file.journal.reuse(earlier[0])
            else:
                file.journal.write(make_row(name))
        if finish:
            file.finish()
            assert [row["path"] for row in file.journal.rows()] == list(names)


@pytest.mark.parametrize(
    ("output", "journal"),
    [("o.jsonl", "o.jsonl"), ("o.JSONL", "o.JSONL"), ("d/o.csv", "d/o.csv.jsonl"), ("o.Parquet", "o.Parquet.jsonl")],
)
def test_jsonl_is_its_own_journal_and_others_have_one_beside(output: str, journal: str) -> None:
    assert journal_path(Path(output)) == Path(journal)


def test_jsonl_has_the_rows_and_nothing_beside(tmp_path: Path) -> None:
    write(tmp_path / "o.jsonl", *NAMES)
    assert read_rows(tmp_path / "o.jsonl") == [make_row(name) for name in NAMES]
    assert names_in(tmp_path) == ["o.jsonl"]


@pytest.mark.parametrize("name", ["o.csv", "o.CSV"])
def test_csv_appears_when_the_batch_is_complete(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, *NAMES, finish=False)
    assert names_in(tmp_path) == [f"{name}.jsonl"]
    write(tmp_path / name, *NAMES, "c.jpg", resume=True)
    assert [line.split(",")[0] for line in (tmp_path / name).read_text().splitlines()] == ["path", *NAMES, "c.jpg"]
    assert names_in(tmp_path) == [name, f"{name}.jsonl"]


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
def test_results_are_neither_written_over_nor_mixed(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, *NAMES)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SetupError, match=rf"{name}: there are results already: --resume .* --overwrite"):
        FileOutput(tmp_path / name, RowOptions(), resume=False, overwrite=False)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_interrupted_csv_run_is_not_begun_again_by_mistake(tmp_path: Path) -> None:
    write(tmp_path / "o.csv", *NAMES, finish=False)
    with pytest.raises(SetupError, match=r"o\.csv\.jsonl: there are results already: --resume"):
        FileOutput(tmp_path / "o.csv", RowOptions(), resume=False, overwrite=False)


def test_a_csv_whose_journal_is_gone_cannot_be_gone_on_with(tmp_path: Path) -> None:
    write(tmp_path / "o.csv", *NAMES)
    (tmp_path / "o.csv.jsonl").unlink()
    content = (tmp_path / "o.csv").read_bytes()
    with pytest.raises(
        SetupError, match=r"its journal o\.csv\.jsonl, which --resume needs, is gone; --overwrite starts anew"
    ):
        FileOutput(tmp_path / "o.csv", RowOptions(), resume=True, overwrite=False)
    assert (tmp_path / "o.csv").read_bytes() == content
    assert names_in(tmp_path) == ["o.csv"]


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
def test_overwriting_leaves_only_the_new_rows(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, *NAMES)
    write(tmp_path / name, "c.jpg", overwrite=True)
    assert [row["path"] for row in read_rows(journal_path(tmp_path / name))] == ["c.jpg"]
    assert "a.jpg" not in (tmp_path / name).read_text()
    assert "c.jpg" in (tmp_path / name).read_text()


def test_an_old_csv_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "o.csv", *NAMES)
    content = (tmp_path / "o.csv").read_bytes()
    write(tmp_path / "o.csv", "c.jpg", overwrite=True, finish=False)
    assert (tmp_path / "o.csv").read_bytes() == content


def test_a_failing_export_leaves_the_journal_to_go_on_from(tmp_path: Path) -> None:
    (tmp_path / "o.csv").mkdir()
    with pytest.raises(SetupError, match=r"o\.csv: not a regular file"):
        write(tmp_path / "o.csv", *NAMES, overwrite=True)
    (tmp_path / "o.csv").rmdir()
    write(tmp_path / "o.csv", *NAMES, resume=True)
    assert (tmp_path / "o.csv").read_text().count("\n") == 3


def test_the_output_is_given_up_at_the_end_of_the_block(tmp_path: Path) -> None:
    with FileOutput(tmp_path / "o.csv", RowOptions(), resume=False, overwrite=False) as file:
        file.journal.write(make_row("a.jpg"))
        with pytest.raises(SetupError, match="another run"):
            FileOutput(tmp_path / "o.csv.jsonl", RowOptions(), resume=True, overwrite=False)
    write(tmp_path / "o.csv", "a.jpg", resume=True)


def test_parquet_is_refused_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SetupError, match="pyarrow"):
        FileOutput(tmp_path / "o.parquet", RowOptions(), resume=False, overwrite=False)
    assert names_in(tmp_path) == []
