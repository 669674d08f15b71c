"""`Environment`: the machine and the installation under examination, and what several checks ask about them.

What may crash or hang is a probe (a function of `mobiclass.doctor.probes`) and runs in a child process: its death is
then an outcome like any other.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from mobiclass._system import last_line, run_child
from mobiclass.choices import RuntimeChoice, RuntimeName
from mobiclass.errors import ModelError, SetupError
from mobiclass.hub import find_model
from mobiclass.runtime import Runtime, choose_runtime

_LITERT_MACHINES: Final = {
    "Linux": {"x86_64", "aarch64"},
    "Darwin": {"arm64"},
    "Windows": {"AMD64"},
}


_MAX_LAST_WORDS: Final = 300


class Outcome(NamedTuple):
    """How a probe ended.

    Attributes:
        facts: what it found.
        failure: why it did not finish, as a phrase without a subject (``crashed (SIGSEGV)``), or ``None``.
        raised: the name of the exception that ended it; ``None`` where none did.
    """

    facts: dict[str, Any]
    failure: str | None
    raised: str | None = None

    @property
    def step(self) -> str:
        """What it was about to do when it ended."""
        return str(self.facts.get("step", ""))

    def __str__(self) -> str:
        return f"cannot {self.step}: {self.failure}" if self.step else str(self.failure)


def run_probe(name: str, *arguments: Any, timeout_seconds: float) -> Outcome:
    """Run the probe `name` with `arguments` (text, numbers, and lists of them) in a child process."""
    ended = run_child("mobiclass.doctor.probes", name, json.dumps(arguments), timeout_seconds=timeout_seconds)
    facts: dict[str, Any] = {}
    for line in ended.stdout.splitlines():
        with contextlib.suppress(ValueError, RecursionError):  # a line that was cut short by the end
            found = json.loads(line)
            facts |= found if isinstance(found, dict) else {}
    if facts.get("ended"):
        return Outcome(facts, facts.get("failure"), facts.get("raised"))
    said = last_line(ended.stderr)[:_MAX_LAST_WORDS] if ended.status is not None else ""
    return Outcome(facts, f"{ended.ending}{said and f': {said}'}")


@dataclass
class Environment:
    """What is examined.

    Attributes:
        root: the folder that holds the system's files.
        timeout_seconds: the time limit of one probe.
    """

    root: Path = Path("/")
    timeout_seconds: float = 30.0
    _runs: dict[RuntimeName, Outcome] = field(default_factory=dict, init=False, repr=False)

    def probe(self, name: str, *arguments: Any) -> Outcome:
        """Run a probe of `mobiclass.doctor.probes` in a child process."""
        return run_probe(name, *arguments, timeout_seconds=self.timeout_seconds)

    def run_builtin_model(self, runtime: Runtime) -> Outcome:
        """Run the built-in model in `runtime`, once for all checks."""
        if runtime.name not in self._runs:
            self._runs[runtime.name] = self.probe("run_runtime", runtime.name, str(self.builtin_model))
        return self._runs[runtime.name]

    @cached_property
    def unsupported_reason(self) -> str | None:
        """Why nothing can be classified here; ``None`` where nothing is in the way."""
        if self.chosen_runtime is None:
            return "because no runtime is installed"
        if self.builtin_model is None:
            return "because the built-in model is missing"
        if self.run_builtin_model(self.chosen_runtime).failure is not None:
            return f"because {self.chosen_runtime.package} cannot run the built-in model"
        return None

    @cached_property
    def chosen_runtime(self) -> Runtime | None:
        """The runtime that the current settings choose; ``None`` where it is not installed."""
        asked: RuntimeChoice = "auto"
        for choice in get_args(RuntimeChoice):
            if os.environ.get("MOBICLASS_RUNTIME", "").lower() == choice:
                asked = choice
        try:
            return choose_runtime(asked)
        except SetupError:
            return None

    @cached_property
    def builtin_model(self) -> Path | None:
        """The built-in model's file; ``None`` where it is missing."""
        try:
            return find_model()
        except ModelError:
            return None

    @cached_property
    def has_litert_wheels(self) -> bool:
        """Whether LiteRT has wheels for this system."""
        machines = _LITERT_MACHINES.get(platform.system(), set())
        return platform.machine() in machines and self.is_64_bit and not self.is_musl

    @cached_property
    def is_64_bit(self) -> bool:
        """Whether this Python is a 64-bit program, which a 64-bit machine does not imply."""
        return sys.maxsize > 2**32

    @cached_property
    def is_musl(self) -> bool:
        """Whether this Python is built on musl, for which no runtime has wheels."""
        return "musl" in (sysconfig.get_config_var("SOABI") or "")
