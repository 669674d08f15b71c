"""Every check in isolation: one that raises, hangs or leaves is a line, and the others go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from mobiclass.doctor import examination
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.examination import _Check, examine
from mobiclass.doctor.finding import Finding

FINE = Finding("fine", "ok", "fine")


def broken(environment: Environment) -> Iterator[Finding]:
    yield Finding("half", "ok", "done before")
    raise ValueError("a\nbug")


def hanging(environment: Environment) -> Finding:
    time.sleep(20)
    return FINE


def leaving(environment: Environment) -> Finding:
    sys.exit(5)


def test_no_check_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = (
        _Check("broken", broken),
        _Check("hanging", hanging, essential=True),
        _Check("leaving", leaving),
        _Check("fine", lambda environment: FINE),
    )
    monkeypatch.setattr(examination, "_CHECKS", checks)
    waited_for: list[str] = []
    found = list(examine(Environment(timeout_seconds=0.2), {}, waited_for.append))
    found = [finding for finding in found if not finding.name.startswith("MOBICLASS_")]
    assert [(finding.name, finding.status) for finding in found] == [
        ("half", "ok"), ("broken", "warning"), ("hanging", "problem"), ("leaving", "warning"), ("fine", "ok"),
    ]  # fmt: skip
    assert found[1].text == "cannot be examined: ValueError: a bug"
    assert found[2].text == "cannot be examined: did not finish within 0.8 s"
    assert found[3].text == "cannot be examined: SystemExit: 5"
    assert waited_for == ["hanging"]
