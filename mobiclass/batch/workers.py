"""Worker threads that process items from one queue and return the results in the order of the items.

`concurrent.futures` would do, with one future per item, but the time that it holds Python's lock, and the thread
wake-ups that it causes, cost a batch of small photos 2 % of its throughput. This module knows nothing of images.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

from mobiclass.errors import SetupError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_IN_FLIGHT_PER_WORKER: Final = 8
_GATHER_SECONDS: Final = 0.05


class _Task(Generic[_Item, _Result]):
    """One item, and its result or error once it has one."""

    __slots__ = ("error", "item", "result")

    def __init__(self, item: _Item) -> None:
        self.item = item
        self.result: _Result | None = None
        self.error: BaseException | None = None


class Workers(Generic[_Item, _Result]):
    """A few threads and the items in flight; for one thread to use, in a ``with`` block."""

    def __init__(self, work: Callable[[_Item], _Result], count: int) -> None:
        """Run `work`, whose result is not ``None``, in up to `count` threads, each started when there is an item."""
        self._work = work
        self._most_threads = count
        self._threads: list[Thread] = []
        self._in_flight: deque[_Task[_Item, _Result]] = deque()
        self._most_in_flight = count * _IN_FLIGHT_PER_WORKER
        self._waiting: SimpleQueue[_Task[_Item, _Result] | None] = SimpleQueue()
        self._few_wait = Event()  # set whenever an item is finished while half of the most, or fewer, wait

    def __enter__(self) -> Workers[_Item, _Result]:
        return self

    def __exit__(self, *exception: object) -> None:
        """Let the threads finish their current items, drop the others and join the threads."""
        try:
            while True:
                self._waiting.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    @property
    def idle(self) -> bool:
        """Whether no item is in flight: every result was given out."""
        return not self._in_flight

    @property
    def full(self) -> bool:
        """Whether enough items are in flight."""
        return len(self._in_flight) >= self._most_in_flight

    def submit(self, item: _Item) -> None:
        """Queue `item` behind those submitted before.

        Raises:
            SetupError: the system gives not even one thread.
        """
        if len(self._threads) < self._most_threads:
            self._start_thread()
        task: _Task[_Item, _Result] = _Task(item)
        self._in_flight.append(task)
        self._waiting.put(task)

    def finished(self) -> Iterator[_Result]:
        """Wait briefly, then yield the next results in the order of the items, if there are any yet.

        While many items wait for a worker, it does not wake for every result: a thread that wakes takes its core from
        a worker, and Python's lock from all of them.

        Raises:
            BaseException: what the work on the next item raised.
        """
        self._few_wait.wait(_GATHER_SECONDS)
        self._few_wait.clear()
        while self._in_flight:
            task = self._in_flight[0]
            if task.error is not None:
                raise task.error
            if task.result is None:
                return
            self._in_flight.popleft()
            yield task.result

    def _start_thread(self) -> None:
        thread = Thread(target=self._run, name=f"worker {len(self._threads) + 1}")
        self._threads.append(thread)  # before it starts: whatever interrupts that, it is told to end
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._threads.pop()
            if not self._threads:
                raise SetupError("the system gives this program no thread to work in") from error
            self._most_threads = len(self._threads)  # fewer do the work too

    def _run(self) -> None:
        few = self._most_in_flight // 2
        while (task := self._waiting.get()) is not None:
            try:
                task.result = self._work(task.item)
            except BaseException as error:  # noqa: BLE001 - finished() raises it again
                task.error = error
            if self._waiting.qsize() <= few and not self._few_wait.is_set():
                self._few_wait.set()
