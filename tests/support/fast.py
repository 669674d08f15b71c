"""`make test-fast`: every test but those that start a process, which are skipped when they try to.

What starts one is found out by running it, so that no list of such tests can grow old.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import pytest

_REASON: Final = "NOT TESTED: it starts a process (`make test` runs it)"
_attempts: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-processes", action="store_true", help="Skip what starts a process.")


@pytest.fixture(autouse=True)
def _no_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.config.getoption("--no-processes"):
        _forbid_processes(request.node.nodeid, monkeypatch)


@pytest.fixture(autouse=True, scope="session")
def _no_processes_in_session_fixtures(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--no-processes"):
            _forbid_processes("", patch)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if item.nodeid in _attempts and report.failed:
        # The attempt was caught on its way here: what the program makes of it is not what the test is about.
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, _REASON)
    return report


def _forbid_processes(test: str, patch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> NoReturn:
        _attempts.add(test)
        pytest.skip(_REASON)

    patch.setattr(subprocess.Popen, "__init__", refuse)
    patch.setattr("os.fork", refuse, raising=False)
    patch.setattr("os.posix_spawn", refuse, raising=False)
