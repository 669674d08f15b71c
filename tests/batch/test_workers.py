"""Threads that give results in the order of the items: the order, the bound, errors, and their end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from mobiclass.batch.workers import Workers
from mobiclass.errors import SetupError
from tests.support.batch_runs import wait_until


def work_off(workers: Workers[int, str], items: Iterator[int]) -> list[str]:
    """Keep the workers full until `items` end, and take what is finished."""
    results: list[str] = []
    for item in items:
        workers.submit(item)
        while workers.full:
            results += workers.finished()
    while not workers.idle:
        results += workers.finished()
    return results


def threads_at_work() -> int:
    """Count the threads that workers have."""
    return sum(thread.name.startswith("worker ") for thread in threading.enumerate())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    pause = threading.Event()

    def work(item: int) -> str:
        pause.wait(item * 7 % 5 / 2000)
        return str(item)

    with Workers(work, count) as workers:
        assert work_off(workers, iter(range(300))) == [str(item) for item in range(300)]
        assert workers.idle


def test_all_threads_work_at_once() -> None:
    meeting = threading.Barrier(3)
    with Workers(lambda _: str(meeting.wait(30)), 3) as workers:
        assert sorted(work_off(workers, iter(range(3)))) == ["0", "1", "2"]


def test_eight_items_a_thread_are_enough() -> None:
    go = threading.Event()
    begun: list[int] = []

    def work(item: int) -> str:
        begun.append(item)
        go.wait(30)
        return str(item)

    with Workers(work, 2) as workers:
        for item in range(16):
            assert not workers.full
            workers.submit(item)
        assert workers.full
        wait_until(lambda: len(begun) == 2, "both threads to begin")
        assert list(workers.finished()) == []
        go.set()
        results: list[str] = []
        while not workers.idle:
            results += workers.finished()
        assert results == [str(item) for item in range(16)]


def test_an_error_comes_in_its_place_and_the_others_are_done() -> None:
    done: list[int] = []

    def work(item: int) -> str:
        if item == 4:
            raise SystemExit("the fifth")
        done.append(item)
        return str(item)

    results: list[str] = []

    def take_all(workers: Workers[int, str]) -> None:
        while not workers.idle:
            results.extend(workers.finished())

    with Workers(work, 2) as workers:
        for item in range(8):
            workers.submit(item)
        with pytest.raises(SystemExit, match="the fifth"):
            take_all(workers)
        wait_until(lambda: len(done) == 7, "all but the fifth")
    assert results == ["0", "1", "2", "3"]


def test_leaving_finishes_what_is_begun_and_drops_the_rest() -> None:
    begun: list[int] = []
    finished: list[int] = []
    go = threading.Event()

    def work(item: int) -> str:
        begun.append(item)
        go.wait(30)
        finished.append(item)
        return str(item)

    workers = Workers(work, 2)
    with workers:
        for item in range(16):
            workers.submit(item)
        wait_until(lambda: len(begun) == 2, "both threads to begin")
        leaving = threading.Thread(target=workers.__exit__)
        leaving.start()
        wait_until(lambda: workers._waiting.qsize() == 2, "the rest to be dropped")
        assert leaving.is_alive(), "it waits for what is begun"
        go.set()
        leaving.join(30)
    assert sorted(begun) == sorted(finished) == [0, 1]
    assert threads_at_work() == 0


def test_a_slow_item_is_not_waited_for_with_a_busy_loop() -> None:
    go = threading.Event()
    done: list[int] = []

    def work(item: int) -> str:
        if item == 0:
            go.wait(30)
        done.append(item)
        return str(item)

    calls = 0
    timer = threading.Timer(0.6, go.set)
    with Workers(work, 2) as workers:
        for item in range(16):
            workers.submit(item)
        wait_until(lambda: len(done) == 15, "all but the first")
        timer.start()
        while not workers.idle:
            calls += 1
            list(workers.finished())
    assert calls < 30, "a few each tenth of a second"


def test_finishing_an_item_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobiclass.batch.workers._GATHER_SECONDS", 1000)
    results: list[str] = []

    def work_all() -> None:
        with Workers(str, 2) as workers:
            results.extend(work_off(workers, iter(range(200))))

    thread = threading.Thread(target=work_all, daemon=True)
    thread.start()
    thread.join(60)
    assert results == [str(item) for item in range(200)]


def test_threads_start_when_there_is_work_for_them() -> None:
    with Workers(str, 50) as workers:
        assert threads_at_work() == 0
        workers.submit(1)
        workers.submit(2)
        assert threads_at_work() == 2
        assert work_off(workers, iter(())) == ["1", "2"]
    assert threads_at_work() == 0


@pytest.fixture
def no_more_threads() -> Iterator[Callable[[], int]]:
    """Give a function after which threads cannot be started: their stacks are larger than there is room for."""
    usual = threading.stack_size()
    yield lambda: threading.stack_size(sys.maxsize // 2 & ~0xFFFF)
    threading.stack_size(usual)


def test_a_system_without_a_thread_to_spare(no_more_threads: Callable[[], int]) -> None:
    no_more_threads()
    with Workers(str, 3) as workers, pytest.raises(SetupError, match="no thread to work in"):
        workers.submit(1)


def test_fewer_threads_than_wished_for_do_the_work_too(no_more_threads: Callable[[], int]) -> None:
    with Workers(str, 3) as workers:
        workers.submit(0)
        no_more_threads()
        assert work_off(workers, iter(range(1, 100))) == [str(item) for item in range(100)]
        assert threads_at_work() == 1
