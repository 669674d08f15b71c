"""The engine: rows in the order of the files, a bounded number under way, and how a batch ends."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mobiclass.images.decode
from mobiclass import Classifier
from mobiclass.batch.engine import Batch, BatchSummary
from mobiclass.batch.row_options import RowOptions
from mobiclass.errors import ModelError, SetupError
from tests.support.batch_runs import Row, colour_of, jpeg, make_photos, read_rows, wait_until
from tests.support.journal_rows import journal, make_row


@pytest.fixture
def classifier(colours: Path) -> Classifier:
    return Classifier.load(colours, num_threads=1)


@pytest.fixture
def decode(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], None]], None]:
    """Give a function that has something called before each image is decoded."""
    load_image = mobiclass.images.decode.load_image

    def set_hook(before: Callable[[str], None]) -> None:
        def hooked(source: str, **how: Any) -> Any:
            before(source)
            return load_image(source, **how)

        monkeypatch.setattr("mobiclass.images.decode.load_image", hooked)

    return set_hook


def make_batch(classifier: Classifier, rows: list[Row], *, jobs: int = 2, **options: Any) -> Batch:
    return Batch(classifier, jobs=jobs, options=RowOptions(**options), receive=rows.append)


def number_of(path: str) -> int:
    return int(Path(path).stem[1:])


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_every_file_gets_its_own_row_in_order(
    classifier: Classifier, tmp_path: Path, decode: Callable[..., None], jobs: int
) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 90)]
    for number in (0, 11, 44, 89):
        Path(paths[number]).unlink()
    pause = threading.Event()
    decode(lambda path: pause.wait(number_of(path) * 7 % 5 / 1000))  # they do not end in the order they begin in
    rows: list[Row] = []
    summary = make_batch(classifier, rows, jobs=jobs).run(iter(paths))
    assert [row["path"] for row in rows] == paths
    for number, row in enumerate(rows):
        if number in (0, 11, 44, 89):
            assert row["error"]["kind"] == "not_found"
            assert (row["predictions"], row["bytes"], row["mtime_ns"]) == ([], None, None)
        else:
            status = Path(paths[number]).stat()
            assert (row["error"], row["predictions"][0]["label"]) == (None, colour_of(number))
            assert (row["bytes"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
        assert row["model_sha256"] == classifier.model.sha256
    assert (summary.images, summary.reused, summary.failed, summary.interrupted) == (90, 0, 4, False)


def test_no_more_than_a_few_are_under_way(classifier: Classifier, tmp_path: Path, decode: Callable[..., None]) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 200)]
    begun: list[str] = []
    first_may_go = threading.Event()

    def before(path: str) -> None:
        begun.append(path)
        if path == paths[0]:
            first_may_go.wait(30)

    decode(before)
    rows: list[Row] = []
    thread = threading.Thread(target=make_batch(classifier, rows).run, args=(iter(paths),))
    thread.start()
    wait_until(lambda: len(begun) == 16, "two workers to take eight each")
    assert not threading.Event().wait(0.8), "time in which more could be taken up"
    assert len(begun) == 16
    assert rows == []
    first_may_go.set()
    thread.join(60)
    assert len(rows) == 200


def test_earlier_rows_that_are_still_valid_are_reused_in_their_place(
    classifier: Classifier, tmp_path: Path, decode: Callable[..., None]
) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 4)]
    decoded: list[str] = []
    decode(decoded.append)
    journal_path, rows = tmp_path / "o.jsonl", list[Row]()
    options = RowOptions()
    with journal(journal_path) as file:
        Batch(classifier, jobs=2, options=options, journal=file).run(iter([paths[3], paths[1]]))
    decoded.clear()
    with journal(journal_path, resume=True) as file:
        summary = Batch(classifier, jobs=2, options=options, journal=file, receive=rows.append).run(iter(paths))
        file.finish()
    assert sorted(decoded) == [paths[0], paths[2]]
    assert [row["path"] for row in rows] == paths
    assert read_rows(journal_path) == rows
    assert (summary.images, summary.reused) == (4, 2)


def test_an_earlier_row_with_other_fields_is_not_reused(classifier: Classifier, tmp_path: Path) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 3)]
    truths = [{"truth": number} for number in range(3)]
    for expected in (0, 3, 2):  # none is there; all are; one has another truth
        with journal(tmp_path / "o.jsonl", resume=True) as file:
            batch = Batch(
                classifier,
                jobs=2,
                options=RowOptions(),
                journal=file,
                fields=dict(zip(paths, truths, strict=True)).__getitem__,
            )
            assert batch.run(iter(paths)).reused == expected
            file.finish()
        assert [row["truth"] for row in read_rows(tmp_path / "o.jsonl")] == [truth["truth"] for truth in truths]
        if expected:
            truths[1] = {"truth": 7}


def test_what_waits_for_the_disk_is_synced_while_no_row_comes(
    classifier: Classifier, tmp_path: Path, decode: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 2)]
    synced = threading.Event()
    decode(lambda path: path == paths[1] and synced.wait(30))
    fsync = os.fsync
    monkeypatch.setattr("os.fsync", lambda descriptor: (fsync(descriptor), synced.set()))
    with journal(tmp_path / "o.jsonl") as file:
        Batch(classifier, jobs=1, options=RowOptions(), journal=file).run(iter(paths))
        assert synced.is_set()


def test_the_first_is_classified_before_the_rest_is_listed(classifier: Classifier, tmp_path: Path) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 2)]
    rows: list[Row] = []

    def slow_list() -> Iterator[str]:
        yield paths[0]
        wait_until(lambda: len(rows) == 1, "the first row, while the list goes on")
        yield paths[1]

    totals: list[tuple[int, int, bool]] = []
    make_batch(classifier, rows).run(slow_list(), lambda summary, *listed: totals.append((summary.images, *listed)))
    assert len(rows) == 2
    assert (1, 1, False) in totals
    assert totals[-1] == (2, 2, True)


def test_the_total_grows_ahead_of_the_rows(classifier: Classifier, tmp_path: Path, decode: Callable[..., None]) -> None:
    path = str(make_photos(tmp_path, 1)[0])
    all_listed = threading.Event()
    decode(lambda _: all_listed.wait(30))

    def names() -> Iterator[str]:
        yield from [path] * 500
        all_listed.set()

    totals: list[tuple[int, int]] = []
    make_batch(classifier, []).run(names(), lambda summary, listed, _: totals.append((summary.images, listed)))
    assert (1, 500) in totals


def test_listing_does_not_run_away_from_the_workers(
    classifier: Classifier, tmp_path: Path, decode: Callable[..., None]
) -> None:
    go = threading.Event()
    decode(lambda _: go.wait(30))
    listed = Counter[str]()

    def names() -> Iterator[str]:
        for number in range(30_000):
            listed["paths"] += 1
            yield f"gone{number}.jpg"

    rows: list[Row] = []
    thread = threading.Thread(target=make_batch(classifier, rows).run, args=(names(),))
    thread.start()
    wait_until(lambda: listed["paths"] > 10_000, "the list to be ahead")
    threading.Event().wait(0.3)
    assert listed["paths"] < 10_100
    go.set()
    thread.join(60)
    assert len(rows) == 30_000


class TestEnding:
    def test_no_files_at_all(self, classifier: Classifier) -> None:
        summary = make_batch(classifier, []).run(iter(()))
        assert (summary.images, summary.slowest, summary.interrupted) == (0, None, False)

    def test_a_model_error_stops_with_what_was_done_kept(
        self, classifier: Classifier, tmp_path: Path, decode: Callable[..., None]
    ) -> None:
        paths = [str(path) for path in make_photos(tmp_path, 300)]
        begun: list[str] = []

        def before(path: str) -> None:
            begun.append(path)
            if path == paths[50]:
                raise ModelError("the output is not a number")

        decode(before)
        rows: list[Row] = []
        with pytest.raises(ModelError, match="not a number"):
            make_batch(classifier, rows).run(iter(paths))
        assert [row["path"] for row in rows] == paths[:50]
        assert len(begun) < 100

    def test_rows_that_cannot_be_written_stop_it_with_no_worker_left(
        self, classifier: Classifier, tmp_path: Path
    ) -> None:
        rows: list[Row] = []

        def receive(row: Row) -> None:
            if len(rows) == 5:
                raise SetupError("No space left on device")
            rows.append(row)

        batch = Batch(classifier, jobs=2, options=RowOptions(), receive=receive)
        photos = make_photos(tmp_path, 100)
        threads = set(threading.enumerate())
        with pytest.raises(SetupError, match="No space") as raised:
            batch.run(str(path) for path in photos)
        assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("worker")]
        assert raised.traceback  # and that while the exception, and what it refers to, is still there
        assert len(rows) == 5

    def test_a_list_that_breaks_off_stops_it_after_what_it_gave(self, classifier: Classifier, tmp_path: Path) -> None:
        def names() -> Iterator[str]:
            yield from (str(path) for path in make_photos(tmp_path, 20))
            raise SetupError("not a list of paths")

        rows: list[Row] = []
        with pytest.raises(SetupError, match="not a list"):
            make_batch(classifier, rows).run(names())
        assert [number_of(row["path"]) for row in rows] == list(range(20))

    def test_stopping_finishes_what_is_under_way(
        self, classifier: Classifier, tmp_path: Path, decode: Callable[..., None]
    ) -> None:
        paths = [str(path) for path in make_photos(tmp_path, 200)]
        begun: list[str] = []
        decode(begun.append)
        rows: list[Row] = []
        batch = make_batch(classifier, rows)

        def progress(summary: BatchSummary, listed: int, all_listed: bool) -> None:
            if summary.images == 30:
                batch.stop()

        summary = batch.run(iter(paths), progress)
        assert summary.interrupted
        assert 30 <= len(rows) <= 30 + 16
        assert [row["path"] for row in rows] == paths[: len(rows)]
        assert sorted(begun) == paths[: len(rows)]

    def test_stopping_while_a_list_waits(self, classifier: Classifier) -> None:
        may_end = threading.Event()

        def names() -> Iterator[str]:
            yield "gone.jpg"
            may_end.wait(60)

        rows: list[Row] = []
        batch = make_batch(classifier, rows)
        threading.Thread(target=lambda: (wait_until(lambda: bool(rows), "a row"), batch.stop())).start()
        summary = batch.run(names())
        may_end.set()
        assert (summary.interrupted, len(rows)) == (True, 1)

    def test_stopping_after_the_last_file_is_no_interruption(self, classifier: Classifier, tmp_path: Path) -> None:
        paths = [str(path) for path in make_photos(tmp_path, 3)]
        rows: list[Row] = []
        batch = make_batch(classifier, rows)

        def progress(summary: BatchSummary, listed: int, all_listed: bool) -> None:
            if summary.images == 3:
                batch.stop()

        summary = batch.run(iter(paths), progress)
        assert (summary.interrupted, len(rows)) == (False, 3)


def test_the_options_reach_the_rows(classifier: Classifier, tmp_path: Path) -> None:
    whole, cut = make_photos(tmp_path, 2)
    cut.write_bytes(jpeg("green", side=64)[:-5])
    rows: list[Row] = []
    make_batch(classifier, rows, top_k=2, threshold=0.0, timing=True).run(iter([str(whole), str(cut)]))
    assert [len(row["predictions"]) for row in rows] == [2, 0]
    assert set(rows[0]["timing_ms"]) == {"decode", "preprocess", "invoke", "postprocess"}
    assert rows[1]["error"]["kind"] == "truncated"
    rows.clear()
    make_batch(classifier, rows, threshold=0.9, allow_truncated=True).run(iter([str(whole), str(cut)]))
    assert [[found["label"] for found in row["predictions"]] for row in rows] == [["red"], ["green"]]


def test_the_summary_counts() -> None:
    summary = BatchSummary()
    summary.add(make_row("a.jpg"), 0.5, reused=False)
    summary.add(make_row("b.jpg"), 9.0, reused=True)
    summary.add(make_row("c.jpg", error=True), 2.0, reused=False)
    summary.add(make_row("d.jpg") | {"predictions": [{"index": 7, "label": None, "score": 0.5}]}, 1.0, reused=False)
    summary.add(make_row("e.jpg") | {"predictions": []}, 1.0, reused=False)
    assert (summary.images, summary.reused, summary.failed) == (5, 1, 1)
    assert summary.failures == {"truncated": 1}
    assert summary.labels == {"red": 2, "class 7": 1}
    assert summary.slowest == ("c.jpg", 2.0)
