"""`Environment`: the machine and the installation under examination, and what several checks want to know of them."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, get_args

from mobiclass.choices import RuntimeChoice, RuntimeName
from mobiclass.doctor.child import Outcome, run_probe
from mobiclass.errors import ModelError, SetupError
from mobiclass.hub import find_model
from mobiclass.runtime import Runtime, choose_runtime

_LITERT_MACHINES: Final = {
    "Linux": {"x86_64", "aarch64"},
    "Darwin": {"arm64"},
    "Windows": {"AMD64"},
}


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
