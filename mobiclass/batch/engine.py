"""Many images at full speed: workers that decode and run the model, a row for every file, in the order of the files.

Workers are threads, each with an interpreter of one thread: decoding and inference leave Python's lock alone
(docs/decisions says what was measured). Paths come from a thread that lists ahead, rows leave in order, and no
more than a few images are under way at once.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from time import perf_counter
from typing import Final, NamedTuple, Protocol, TypeAlias

from mobiclass.batch.workers import Workers
from mobiclass.classifier import Classifier
from mobiclass.results import Row, result_row

_LISTED_AHEAD: Final = 10_000  # paths: enough for a total to show, little enough for a small memory
_POLL_SECONDS: Final = 0.1


class PredictionOptions(NamedTuple):
    """How images are classified; the fields are the arguments of `Classifier.classify`."""

    top_k: int = 5
    threshold: float = 0.0
    allow_truncated: bool = False
    timing: bool = False


class RowSink(Protocol):
    """Where the rows of a batch go."""

    def finished_row(
        self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]
    ) -> tuple[int, Row] | None:
        """Find the row of an earlier run that still holds, and its place."""

    def keep(self, offset: int) -> None:
        """Take the earlier run's row at that place as the next."""

    def write(self, row: Row) -> None:
        """Take a new row as the next."""

    def idle(self) -> None:
        """Do what is due: called again and again while no row comes."""


@dataclass(slots=True)
class BatchSummary:
    """What a batch came to.

    Attributes:
        images: the files that got a row.
        kept: those of them whose row an earlier run had made.
        failures: how many failed, by kind of error.
        stood_in: for how many of them the CPU stood in for an accelerator.
        labels: how often each label came first.
        slowest: the file that took longest, and its seconds; ``None`` before the first.
        seconds: from the first file to the last.
        interrupted: whether it was stopped before the last file.
    """

    images: int = 0
    kept: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    stood_in: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    slowest: tuple[str, float] | None = None
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def failed(self) -> int:
        """The number of files that could not be classified."""
        return sum(self.failures.values())

    def add(self, row: Row, seconds: float, *, kept: bool) -> None:
        """Count one row."""
        self.images += 1
        self.kept += kept
        self.stood_in += "fallback" in row
        if row["error"]:
            self.failures[row["error"]["kind"]] += 1
        elif row["predictions"]:
            first = row["predictions"][0]
            self.labels[first["label"] or f"class {first['index']}"] += 1
        if not kept and (self.slowest is None or seconds > self.slowest[1]):
            self.slowest = (row["path"], seconds)


class _Done(NamedTuple):
    """One file's row; `offset` is its place in an earlier run, `seconds` what it took."""

    row: Row
    seconds: float = 0.0
    offset: int | None = None


Progress: TypeAlias = "Callable[[BatchSummary, int, bool], None]"
"""Called after each row, and while none comes, with the summary so far, the number of files listed so far, and
whether those are all."""


class Batch:
    """One run over many files."""

    def __init__(self, classifier: Classifier, sink: RowSink, *, jobs: int, options: PredictionOptions) -> None:
        """Prepare to classify with `classifier` in `jobs` workers and to give the rows to `sink`."""
        self._classifier = classifier
        self._sink = sink
        self._jobs = jobs
        self._options = options
        # Worked out once: it takes milliseconds, and on a small machine many.
        self._sha256 = {model: model.sha256 for model in classifier.models()}
        self._model_sha256s = tuple(self._sha256.values())
        self._stop = threading.Event()
        self._worker = threading.local()
        self._spare_classifiers = deque([classifier])

    def stop(self) -> None:
        """Take up no further file; what is under way is finished and written. Signal handlers may call it."""
        self._stop.set()

    def run(self, paths: Iterator[str], progress: Progress | None = None) -> BatchSummary:
        """Classify the files `paths` and write their rows in that order.

        Raises:
            ModelError: the model cannot be run.
            SetupError: the rows cannot be written, or `paths` cannot be listed; what was done before is kept.
        """
        summary = BatchSummary()
        started = perf_counter()
        lister = _Lister(paths, self._stop)
        try:
            # Closed before the sink is: a worker may be asking it for an earlier row.
            with closing(self._in_order(lister)) as rows:
                for done in rows:
                    if done is None:
                        self._sink.idle()
                    else:
                        self._take(done, summary)
                    if progress:
                        progress(summary, lister.listed, lister.finished)
        finally:
            lister.close()
        summary.interrupted = self._stop.is_set() and not lister.exhausted
        summary.seconds = perf_counter() - started
        return summary

    def _take(self, done: _Done, summary: BatchSummary) -> None:
        if done.offset is None:
            self._sink.write(done.row)
        else:
            self._sink.keep(done.offset)
        summary.add(done.row, done.seconds, kept=done.offset is not None)

    def _in_order(self, lister: _Lister) -> Generator[_Done | None, None, None]:
        """Give what becomes of the files, in their order; ``None`` again and again, while there is nothing yet too."""
        with Workers(self._process, self._jobs) as workers:
            while True:
                while not workers.full:
                    path = lister.next(wait=workers.idle)
                    if path is None:
                        break
                    workers.submit(path)
                if not workers.idle:
                    yield from workers.finished()
                elif lister.ended:
                    lister.raise_error()
                    return
                yield None

    def _process(self, path: str) -> _Done:
        size, mtime_ns = _fingerprint(path)  # before it is read: a photo replaced meanwhile is done again on a resume
        if size is not None and mtime_ns is not None:
            earlier = self._sink.finished_row(path, size, mtime_ns, self._model_sha256s)
            if earlier:
                return _Done(earlier[1], offset=earlier[0])
        started = perf_counter()
        options = self._options
        result = self._workers_classifier().result(
            path, path, top_k=options.top_k, threshold=options.threshold, allow_truncated=options.allow_truncated
        )
        row = result_row(result, result.model.name, timing=options.timing)
        row |= {"bytes": size, "mtime_ns": mtime_ns, "model_sha256": self._sha256[result.model]}
        return _Done(row, seconds=perf_counter() - started)

    def _workers_classifier(self) -> Classifier:
        """Give this thread its classifier: the first takes the one that is loaded, the others load their own."""
        classifier: Classifier | None = getattr(self._worker, "classifier", None)
        if classifier is None:
            try:
                classifier = self._spare_classifiers.pop()
            except IndexError:
                classifier = self._classifier.clone()
            self._worker.classifier = classifier
        return classifier


class _Lister:
    """Lists paths in a thread of its own, ahead of those who classify them.

    Attributes:
        listed: the number of paths listed so far.
        finished: whether there are no more to list.
        exhausted: whether the last one has been given out.
    """

    def __init__(self, paths: Iterable[str], stop: threading.Event) -> None:
        """Begin to list `paths`, until they end or `stop` is set."""
        self.listed = 0
        self.finished = False
        self.exhausted = False
        self._stop = stop
        self._closed = threading.Event()
        self._error: BaseException | None = None
        self._queue: Queue[str | None] = Queue(_LISTED_AHEAD)
        threading.Thread(target=self._list, args=(paths,), name="list", daemon=True).start()

    def next(self, *, wait: bool) -> str | None:
        """Give the next path; ``None`` where there is none, or none yet; with `wait`, wait a moment for it."""
        if self.ended:
            return None
        try:
            # With a time-out, so that a signal's handler gets its turn while a slow list keeps us waiting.
            path = self._queue.get(block=wait, timeout=_POLL_SECONDS)
        except Empty:
            return None
        self.exhausted = path is None
        return path

    @property
    def ended(self) -> bool:
        """Whether no path will be given out any more: that was the last, or the batch was stopped."""
        return self.exhausted or self._stop.is_set()

    def raise_error(self) -> None:
        """Raise what the listing has raised, if all that it had listed before was given out.

        Raises:
            SetupError: a list cannot be read.
        """
        if self.exhausted and self._error:
            raise self._error

    def close(self) -> None:
        """Let the listing end; a thread that waits for standard input is left to the end of the process."""
        self._closed.set()

    def _list(self, paths: Iterable[str]) -> None:
        try:
            for path in paths:
                self.listed += 1
                if not self._put(path):
                    return
        except BaseException as error:  # noqa: BLE001 - raise_error() raises it again
            self._error = error
        self.finished = True
        self._put(None)

    def _put(self, path: str | None) -> bool:
        while not self._stop.is_set() and not self._closed.is_set():
            try:
                self._queue.put(path, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False


def _fingerprint(path: str) -> tuple[int | None, int | None]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path cannot hold every name
    except (OSError, ValueError):
        return None, None
    return status.st_size, status.st_mtime_ns
