"""`Environment`: the machine and the installation under examination, and what several checks want to know of them.

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
        facts: what it had found by then.
        failure: why it did not finish, as a phrase without a subject (``crashed (SIGSEGV)``), or ``None``.
        raised: the name of the exception that ended it; ``None`` where none did.
    """

    facts: dict[str, Any]
    failure: str | None
    raised: str | None = None

    @property
    def step(self) -> str:
        """What it was about to do last."""
        return str(self.facts.get("step", ""))

    def __str__(self) -> str:
        """The failure, and what it was about to do."""
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
        root: where the system's files are looked for.
        timeout_seconds: what one probe may take.
    """

    root: Path = Path("/")
    timeout_seconds: float = 30.0
    _runs: dict[RuntimeName, Outcome] = field(default_factory=dict, init=False, repr=False)

    def probe(self, name: str, *arguments: Any) -> Outcome:
        """Run a probe of `mobiclass.doctor.probes` in a child process."""
        return run_probe(name, *arguments, timeout_seconds=self.timeout_seconds)

    def run_builtin_model(self, runtime: Runtime) -> Outcome:
        """Run the built-in model in `runtime`, once for all that want to know."""
        if runtime.name not in self._runs:
            self._runs[runtime.name] = self.probe("run_runtime", runtime.name, str(self.builtin_model))
        return self._runs[runtime.name]

    @cached_property
    def unsupported_reason(self) -> str | None:
        """What classifying fails for want of, before any image is looked at; ``None`` where nothing is."""
        if self.chosen_runtime is None:
            return "for want of a runtime"
        if self.builtin_model is None:
            return "for want of the built-in model"
        if self.run_builtin_model(self.chosen_runtime).failure is not None:
            return f"for {self.chosen_runtime.package} does not run the built-in model"
        return None

    @cached_property
    def chosen_runtime(self) -> Runtime | None:
        """The runtime that classifies with the settings as they are; ``None`` where it is not installed."""
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
        """Whether LiteRT is to be had for this system."""
        machines = _LITERT_MACHINES.get(platform.system(), set())
        return platform.machine() in machines and self.is_64_bit and not self.is_musl

    @cached_property
    def is_64_bit(self) -> bool:
        """Whether this Python is a 64-bit program, which is not settled by the machine's kind."""
        return sys.maxsize > 2**32

    @cached_property
    def is_musl(self) -> bool:
        """Whether this Python is built on musl, for which no runtime has wheels."""
        return "musl" in (sysconfig.get_config_var("SOABI") or "")
