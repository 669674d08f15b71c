"""Threads that give results in the order of the items: the order, the bound, errors, and their end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from batch_runs import wait_until

from mobiclass.errors import SetupError
from mobiclass.workers import Workers


def work_off(workers: Workers[int, str], items: Iterator[int]) -> list[str]:
    """Keep the workers full until `items` end, and take what is finished."""
    results: list[str] = []
    for item in items:
        workers.take_up(item)
        while workers.full:
            results += workers.finished()
    while not workers.idle:
        results += workers.finished()
    return results


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
            workers.take_up(item)
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
    with Workers(work, 2) as workers:
        for item in range(8):
            workers.take_up(item)
        wait_until(lambda: len(done) == 7, "all but the fifth")
        with pytest.raises(SystemExit, match="the fifth"):
            for result in workers.finished():
                results.append(result)
    assert results == ["0", "1", "2", "3"]


def test_leaving_finishes_what_is_begun_and_drops_the_rest() -> None:
    begun: list[int] = []
    finished: list[int] = []
    left = threading.Event()

    def work(item: int) -> str:
        begun.append(item)
        left.wait(0.2)
        finished.append(item)
        return str(item)

    def leave_with_work_under_way() -> None:
        with Workers(work, 2) as workers:
            for item in range(16):
                workers.take_up(item)
            wait_until(lambda: len(begun) >= 2, "both threads to begin")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        leave_with_work_under_way()
    assert sorted(finished) == sorted(begun)
    assert len(begun) < 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("classify")]


def test_a_system_without_threads_to_spare() -> None:
    usual = threading.stack_size(1 << 46)  # more than there is room for
    try:
        with pytest.raises(SetupError, match="fewer than 3 threads; ask for fewer jobs"), Workers(str, 3):
            pytest.fail("there is no such thread")
    finally:
        threading.stack_size(usual)
