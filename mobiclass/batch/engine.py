"""Many images at full speed: workers that decode and run the model, a row for every file, in the order of the files.

Workers are threads, each with an interpreter of one thread: decoding and inference release Python's lock
(docs/decisions/004-threads-not-processes.md has the measurements). Paths come from a thread that lists ahead, rows
leave in order, and only a few images are in flight at once.
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
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mobiclass.batch.row_options import RowOptions
from mobiclass.batch.workers import Workers
from mobiclass.classifier import Classifier
from mobiclass.errors import ImageError
from mobiclass.results import Row, exif_fields, result_row

if TYPE_CHECKING:
    from mobiclass.batch.journal import Journal
    from mobiclass.images import ExifFacts

_LISTED_AHEAD: Final = 10_000  # paths: enough for a total to show, little enough for a small memory
_POLL_SECONDS: Final = 0.1


@dataclass(slots=True)
class BatchSummary:
    """The counts of a batch.

    Attributes:
        images: the files that got a row.
        reused: those of them whose row is an earlier run's.
        failures: how many failed, by kind of error.
        fallback: how many ran on the CPU as the fallback for an accelerator.
        labels: how often each label came first, or was decided for.
        slowest: the file that took longest, and its seconds; ``None`` before the first.
        seconds: from the first file to the last.
        interrupted: whether it was stopped before the last file.
    """

    images: int = 0
    reused: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    fallback: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    slowest: tuple[str, float] | None = None
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def failed(self) -> int:
        """The number of files that could not be classified."""
        return sum(self.failures.values())

    def add(self, row: Row, seconds: float, *, reused: bool) -> None:
        self.images += 1
        self.reused += reused
        self.fallback += "fallback" in row
        if row["error"]:
            self.failures[row["error"]["kind"]] += 1
        elif answer := row.get("decision") or next(iter(row["predictions"]), None):
            self.labels[answer["label"] or f"class {answer['index']}"] += 1
        if not reused and (self.slowest is None or seconds > self.slowest[1]):
            self.slowest = (row["path"], seconds)


class _Done(NamedTuple):
    """One file's row; `offset` is its position in the journal if it is reused, `seconds` the time that it took."""

    row: Row
    seconds: float = 0.0
    offset: int | None = None


Progress: TypeAlias = "Callable[[BatchSummary, int, bool], None]"
"""Called after each row, and while none comes, with the summary so far, the number of files listed so far, and
whether those are all."""


class Batch:
    """One run over many files."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        jobs: int,
        options: RowOptions,
        journal: Journal | None = None,
        receive: Callable[[Row], None] | None = None,
        fields: Callable[[str], Row] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            classifier: the first worker's; the others clone it.
            jobs: the number of workers.
            options: how each image is classified; those of its model are the ones that `classifier` was loaded with.
            journal: new rows are appended to it, and earlier rows that are still valid are reused.
            receive: is called with every row, new or reused, in order.
            fields: gives further fields for the row of a path; called by any worker. An earlier row with other values
                is not reused.
        """
        self._classifier = classifier
        self._jobs = jobs
        self._options = options
        self._options_sha256 = options.sha256
        self._journal = journal
        self._receive = receive
        self._fields = fields
        # Worked out once: it takes milliseconds, and on a small machine many.
        self._sha256 = {model: model.sha256 for model in classifier.models()}
        self._model_sha256s = tuple(self._sha256.values())
        self._stop = threading.Event()
        self._worker = threading.local()
        self._spare_classifiers = deque([classifier])

    def stop(self) -> None:
        """Start no further file; those in flight are finished and written. Signal handlers may call it."""
        self._stop.set()

    def run(self, paths: Iterator[str], progress: Progress | None = None) -> BatchSummary:
        """Classify the files `paths` and hand their rows on in that order.

        Raises:
            ModelError: the model cannot be run.
            SetupError: the rows cannot be written, or `paths` cannot be listed; what was done before is kept.
        """
        summary = BatchSummary()
        started = perf_counter()
        lister = _Lister(paths, self._stop)
        try:
            # Closed before the journal is: a worker may be asking it for an earlier row.
            with closing(self._in_order(lister)) as rows:
                for done in rows:
                    if done is not None:
                        self._hand_on(done)
                        summary.add(done.row, done.seconds, reused=done.offset is not None)
                    elif self._journal:
                        self._journal.idle()
                    if progress:
                        progress(summary, lister.listed, lister.finished)
        finally:
            lister.close()
        summary.interrupted = self._stop.is_set() and not lister.exhausted
        summary.seconds = perf_counter() - started
        return summary

    def _hand_on(self, done: _Done) -> None:
        if self._journal:
            if done.offset is None:
                self._journal.write(done.row)
            else:
                self._journal.reuse(done.offset)
        if self._receive:
            self._receive(done.row)

    def _in_order(self, lister: _Lister) -> Generator[_Done | None, None, None]:
        """Yield each file's outcome in the order of the files, and ``None`` now and then, while there is none too."""
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
        fields = self._fields(path) if self._fields else {}
        if self._journal and size is not None and mtime_ns is not None:
            earlier = self._journal.finished_row(path, size, mtime_ns, self._model_sha256s)
            if earlier and earlier[1] | fields == earlier[1]:
                return _Done(earlier[1], offset=earlier[0])
        started = perf_counter()
        options = self._options
        result = self._workers_classifier().result(
            path, path, top_k=options.top_k, threshold=options.threshold, allow_truncated=options.allow_truncated
        )
        row = result_row(result, timing=options.timing)
        row |= {
            "bytes": size,
            "mtime_ns": mtime_ns,
            "model_sha256": self._sha256[result.model],
            "options_sha256": self._options_sha256,
            **fields,
        }
        if options.exif:
            row |= exif_fields(_exif_facts(path))
        return _Done(row, seconds=perf_counter() - started)

    def _workers_classifier(self) -> Classifier:
        """Return this thread's classifier: the first thread takes the loaded one, the others clone it."""
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
        self.listed = 0
        self.finished = False
        self.exhausted = False
        self._stop = stop
        self._closed = threading.Event()
        self._error: BaseException | None = None
        self._queue: Queue[str | None] = Queue(_LISTED_AHEAD)
        threading.Thread(target=self._list, args=(paths,), name="list", daemon=True).start()

    def next(self, *, wait: bool) -> str | None:
        """Return the next path, or ``None`` if there is none, or none yet; with `wait`, wait briefly for it."""
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
        """Whether no path will come any more: the last was given out, or the batch was stopped."""
        return self.exhausted or self._stop.is_set()

    def raise_error(self) -> None:
        """Raise the listing's error, if it had one, once all paths that came before it were given out.

        Raises:
            SetupError: a list cannot be read.
        """
        if self.exhausted and self._error:
            raise self._error

    def close(self) -> None:
        """End the listing; a thread that waits for standard input is left until the process ends."""
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


def _exif_facts(path: str) -> ExifFacts:
    from mobiclass.images import ExifFacts, exif_facts

    try:
        return exif_facts(path)
    except ImageError:  # the row has it
        return ExifFacts()


def _fingerprint(path: str) -> tuple[int | None, int | None]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path cannot hold every name
    except (OSError, ValueError):
        return None, None
    return status.st_size, status.st_mtime_ns
