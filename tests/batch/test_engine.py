"""The engine: rows in the order of the files, a bounded number under way, and how a batch ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mobiclass.images.decode
from mobiclass import Classifier
from mobiclass.batch.engine import Batch, BatchSummary, PredictionOptions
from mobiclass.errors import ModelError, SetupError
from tests.support.batch_runs import Row, colour_of, jpeg, make_photos, wait_until
from tests.support.journal_rows import make_row


class Sink:
    """Rows in a list; `earlier` are those that an earlier run made."""

    def __init__(self, earlier: dict[str, Row] | None = None) -> None:
        self.rows: list[Row] = []
        self.kept: list[int] = []
        self.asked: list[tuple[str, int, int, str]] = []
        self.idled = 0
        self._earlier = earlier or {}

    def finished_row(
        self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]
    ) -> tuple[int, Row] | None:
        self.asked.append((path, size, mtime_ns, *model_sha256s))
        return (len(path), self._earlier[path]) if path in self._earlier else None

    def keep(self, offset: int) -> None:
        self.kept.append(offset)

    def write(self, row: Row) -> None:
        self.rows.append(row)

    def idle(self) -> None:
        self.idled += 1


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


def make_batch(classifier: Classifier, sink: Any, *, jobs: int = 2, **options: Any) -> Batch:
    return Batch(classifier, sink, jobs=jobs, options=PredictionOptions(**options))


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
    sink = Sink()
    summary = make_batch(classifier, sink, jobs=jobs).run(iter(paths))
    assert [row["path"] for row in sink.rows] == paths
    for number, row in enumerate(sink.rows):
        if number in (0, 11, 44, 89):
            assert row["error"]["kind"] == "not_found"
            assert (row["predictions"], row["bytes"], row["mtime_ns"]) == ([], None, None)
        else:
            status = Path(paths[number]).stat()
            assert (row["error"], row["predictions"][0]["label"]) == (None, colour_of(number))
            assert (row["bytes"], row["mtime_ns"]) == (status.st_size, status.st_mtime_ns)
        assert row["model_sha256"] == classifier.model.sha256
    assert (summary.images, summary.kept, summary.failed, summary.interrupted) == (90, 0, 4, False)


def test_no_more_than_a_few_are_under_way(classifier: Classifier, tmp_path: Path, decode: Callable[..., None]) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 200)]
    begun: list[str] = []
    first_may_go = threading.Event()

    def before(path: str) -> None:
        begun.append(path)
        if path == paths[0]:
            first_may_go.wait(30)

    decode(before)
    sink = Sink()
    thread = threading.Thread(target=make_batch(classifier, sink).run, args=(iter(paths),))
    thread.start()
    wait_until(lambda: len(begun) == 16, "two workers to take eight each")
    assert not threading.Event().wait(0.8), "time in which more could be taken up"
    assert len(begun) == 16
    assert sink.rows == []
    assert sink.idled > 0
    first_may_go.set()
    thread.join(60)
    assert len(sink.rows) == 200


def test_what_holds_is_kept_in_its_place(classifier: Classifier, tmp_path: Path) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 4)]
    earlier = {paths[1]: make_row(paths[1]), paths[3]: make_row(paths[3])}
    sink = Sink(earlier)
    summary = make_batch(classifier, sink).run(iter(paths))
    assert [row["path"] for row in sink.rows] == [paths[0], paths[2]]
    assert sink.kept == [len(paths[1])] * 2
    assert (summary.images, summary.kept) == (4, 2)
    status = Path(paths[0]).stat()
    assert sink.asked.count((paths[0], status.st_size, status.st_mtime_ns, classifier.model.sha256)) == 1


def test_the_first_is_classified_before_the_rest_is_listed(classifier: Classifier, tmp_path: Path) -> None:
    paths = [str(path) for path in make_photos(tmp_path, 2)]
    sink = Sink()

    def slow_list() -> Iterator[str]:
        yield paths[0]
        wait_until(lambda: len(sink.rows) == 1, "the first row, while the list goes on")
        yield paths[1]

    totals: list[tuple[int, int, bool]] = []
    make_batch(classifier, sink).run(slow_list(), lambda summary, *listed: totals.append((summary.images, *listed)))
    assert len(sink.rows) == 2
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
    make_batch(classifier, Sink()).run(names(), lambda summary, listed, _: totals.append((summary.images, listed)))
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

    sink = Sink()
    thread = threading.Thread(target=make_batch(classifier, sink).run, args=(names(),))
    thread.start()
    wait_until(lambda: listed["paths"] > 10_000, "the list to be ahead")
    threading.Event().wait(0.3)
    assert listed["paths"] < 10_100
    go.set()
    thread.join(60)
    assert len(sink.rows) == 30_000


class TestEnding:
    def test_no_files_at_all(self, classifier: Classifier) -> None:
        summary = make_batch(classifier, Sink()).run(iter(()))
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
        sink = Sink()
        with pytest.raises(ModelError, match="not a number"):
            make_batch(classifier, sink).run(iter(paths))
        assert [row["path"] for row in sink.rows] == paths[:50]
        assert len(begun) < 100

    def test_rows_that_cannot_be_written_stop_it_with_no_worker_left(
        self, classifier: Classifier, tmp_path: Path
    ) -> None:
        class Full(Sink):
            def write(self, row: Row) -> None:
                if len(self.rows) == 5:
                    raise SetupError("No space left on device")
                super().write(row)

        sink = Full()
        photos = make_photos(tmp_path, 100)
        threads = set(threading.enumerate())
        with pytest.raises(SetupError, match="No space") as raised:
            make_batch(classifier, sink).run(str(path) for path in photos)
        assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("worker")]
        assert raised.traceback  # and that while the exception, and what it refers to, is still there
        assert len(sink.rows) == 5

    def test_a_list_that_breaks_off_stops_it_after_what_it_gave(self, classifier: Classifier, tmp_path: Path) -> None:
        def names() -> Iterator[str]:
            yield from (str(path) for path in make_photos(tmp_path, 20))
            raise SetupError("not a list of paths")

        sink = Sink()
        with pytest.raises(SetupError, match="not a list"):
            make_batch(classifier, sink).run(names())
        assert [number_of(row["path"]) for row in sink.rows] == list(range(20))

    def test_stopping_finishes_what_is_under_way(
        self, classifier: Classifier, tmp_path: Path, decode: Callable[..., None]
    ) -> None:
        paths = [str(path) for path in make_photos(tmp_path, 200)]
        begun: list[str] = []
        decode(begun.append)
        sink = Sink()
        batch = make_batch(classifier, sink)

        def progress(summary: BatchSummary, listed: int, all_listed: bool) -> None:
            if summary.images == 30:
                batch.stop()

        summary = batch.run(iter(paths), progress)
        assert summary.interrupted
        assert 30 <= len(sink.rows) <= 30 + 16
        assert [row["path"] for row in sink.rows] == paths[: len(sink.rows)]
        assert sorted(begun) == paths[: len(sink.rows)]

    def test_stopping_while_a_list_waits(self, classifier: Classifier) -> None:
        may_end = threading.Event()

        def names() -> Iterator[str]:
            yield "gone.jpg"
            may_end.wait(60)

        sink = Sink()
        batch = make_batch(classifier, sink)
        threading.Thread(target=lambda: (wait_until(lambda: bool(sink.rows), "a row"), batch.stop())).start()
        summary = batch.run(names())
        may_end.set()
        assert (summary.interrupted, len(sink.rows)) == (True, 1)

    def test_stopping_after_the_last_file_is_no_interruption(self, classifier: Classifier, tmp_path: Path) -> None:
        paths = [str(path) for path in make_photos(tmp_path, 3)]
        sink = Sink()
        batch = make_batch(classifier, sink)

        def progress(summary: BatchSummary, listed: int, all_listed: bool) -> None:
            if summary.images == 3:
                batch.stop()

        summary = batch.run(iter(paths), progress)
        assert (summary.interrupted, len(sink.rows)) == (False, 3)


def test_the_options_reach_the_rows(classifier: Classifier, tmp_path: Path) -> None:
    whole, cut = make_photos(tmp_path, 2)
    cut.write_bytes(jpeg("green", side=64)[:-5])
    sink = Sink()
    make_batch(classifier, sink, top_k=2, threshold=0.0, timing=True).run(iter([str(whole), str(cut)]))
    assert [len(row["predictions"]) for row in sink.rows] == [2, 0]
    assert set(sink.rows[0]["timing_ms"]) == {"decode", "preprocess", "invoke", "postprocess"}
    assert sink.rows[1]["error"]["kind"] == "truncated"
    sink = Sink()
    make_batch(classifier, sink, threshold=0.9, allow_truncated=True).run(iter([str(whole), str(cut)]))
    assert [[found["label"] for found in row["predictions"]] for row in sink.rows] == [["red"], ["green"]]


def test_the_summary_counts() -> None:
    summary = BatchSummary()
    summary.add(make_row("a.jpg"), 0.5, kept=False)
    summary.add(make_row("b.jpg"), 9.0, kept=True)
    summary.add(make_row("c.jpg", error=True), 2.0, kept=False)
    summary.add(make_row("d.jpg") | {"predictions": [{"index": 7, "label": None, "score": 0.5}]}, 1.0, kept=False)
    summary.add(make_row("e.jpg") | {"predictions": []}, 1.0, kept=False)
    assert (summary.images, summary.kept, summary.failed) == (5, 1, 1)
    assert summary.failures == {"truncated": 1}
    assert summary.labels == {"red": 2, "class 7": 1}
    assert summary.slowest == ("c.jpg", 2.0)
