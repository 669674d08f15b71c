"""The whole examination: every check in turn, each in isolation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from mobiclass.doctor.accelerator import check_edgetpu
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.files import check_builtin_model, check_cache
from mobiclass.doctor.finding import Finding, Status
from mobiclass.doctor.heat import check_heat
from mobiclass.doctor.installed_runtimes import check_runtimes, check_xnnpack
from mobiclass.doctor.machine import check_cores, check_cpu, check_memory, check_python, check_system
from mobiclass.doctor.packages import check_extras, check_needed, check_numpy, check_pillow
from mobiclass.doctor.self_test import check_as_set, check_classification
from mobiclass.doctor.settings import Option, check_settings

_PROBES_OF_A_CHECK: Final = 4  # a check may run several probes, each with a time limit of its own
_SOON_SECONDS: Final = 0.3


class _Check(NamedTuple):
    """A part of the examination.

    Attributes:
        name: what it examines, for people who wait.
        run: examines it.
        essential: whether it is a problem, not a warning, if this cannot be examined.
    """

    name: str
    run: Callable[[Environment], Finding | Iterable[Finding]]
    essential: bool = False


_CHECKS: Final = (
    _Check("system", check_system),
    _Check("python", check_python),
    _Check("packages", check_needed),
    _Check("numpy", check_numpy, essential=True),
    _Check("pillow", check_pillow, essential=True),
    _Check("runtimes", check_runtimes, essential=True),
    _Check("built-in model", check_builtin_model, essential=True),
    _Check("self-test", check_classification, essential=True),
    _Check("xnnpack", check_xnnpack),
    _Check("cpu", check_cpu),
    _Check("cores", check_cores),
    _Check("memory", check_memory),
    _Check("heat", check_heat),
    _Check("cache", check_cache),
    _Check("extras", check_extras),
    _Check("edgetpu", check_edgetpu),
)


def examine(
    environment: Environment, options: Mapping[str, Option], waiting_for: Callable[[str], None] = lambda name: None
) -> Iterator[Finding]:
    """Examine `environment`, and give each finding as it is made.

    `options` are those that environment variables set; `waiting_for` is called with the name of a check that takes
    longer than a moment.
    """
    for check in (
        *_CHECKS,
        _Check("settings", lambda _: check_settings(options)),
        _Check("as configured", check_as_set),
    ):
        yield from _in_isolation(check, environment, waiting_for)


def _in_isolation(check: _Check, environment: Environment, waiting_for: Callable[[str], None]) -> list[Finding]:
    """Run `check` in a thread, which is abandoned if it hangs in a dead network drive."""
    findings: list[Finding] = []
    complaints: list[str] = []

    def run() -> None:
        try:
            found = check.run(environment)
            findings.extend([found] if isinstance(found, Finding) else found)
        except BaseException as error:  # noqa: BLE001 - a bug in one check is a line, not the end
            complaints.append(" ".join(f"{type(error).__name__}: {error}".split()))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_SOON_SECONDS)
    if thread.is_alive():
        waiting_for(check.name)
        thread.join(_PROBES_OF_A_CHECK * environment.timeout_seconds)
    if thread.is_alive():
        complaints.append(f"did not finish within {_PROBES_OF_A_CHECK * environment.timeout_seconds:g} s")
    if not complaints:
        return findings
    status: Status = "problem" if check.essential else "warning"
    text = f"cannot be examined: {complaints[0]}"
    return [*findings, Finding(check.name, status, text, "please report this line")]
