"""Prepares int8 models for the Edge TPU: checks their operators, and runs Google's compiler if it is installed.

The compiler is a program for x86-64 Linux that is not on PyPI. No Edge TPU is needed.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mobiclass.inspection import SUPPORTED, read_subgraphs
from tools.errors import ConversionError

COMPILER: Final = "edgetpu_compiler"
_TIMEOUT_S: Final = 600


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """The compiler's summary.

    Attributes:
        mapped: the number of operators that run on the Edge TPU.
        on_cpu: those that do not, as ``NAME (reason)``.
        on_chip: on-chip memory used for parameters, such as ``3.88MiB``.
        off_chip: parameters streamed to the chip for every image.
    """

    mapped: int
    on_cpu: tuple[str, ...]
    on_chip: str
    off_chip: str


def unsupported_operators(model: bytes) -> list[str]:
    """Name the operators of `model` that the Edge TPU does not support."""
    layers = [layer for subgraph in read_subgraphs(model, "the model") for layer in subgraph.layers]
    return sorted({layer.name for layer in layers if layer.name not in SUPPORTED})


def check_operators(model: bytes) -> None:
    """Require that the Edge TPU supports all operators of `model`.

    Raises:
        ConversionError: it does not.
    """
    if unsupported := unsupported_operators(model):
        hint = "; V3 has variants without it: --minimalistic" if "HARD_SWISH" in unsupported else ""
        raise ConversionError(f"the Edge TPU does not support {', '.join(unsupported)}{hint}")


def compiler_command(model: Path) -> list[str]:
    """Return the command that compiles the file `model` into its folder and prints a table of operators."""
    return [COMPILER, "-s", "-o", str(model.parent), str(model)]


def compiled_path(model: Path) -> Path:
    """Return the path of the compiled model beside `model`."""
    return model.with_name(f"{model.name.removesuffix('.tflite')}_edgetpu.tflite")


def compile_model(model: bytes, name: str) -> tuple[bytes, CompilerLog] | None:
    """Compile `model` if the compiler is on the PATH.

    Returns:
        The compiled ``.tflite`` and the compiler's summary; ``None`` without a compiler.

    Raises:
        ConversionError: the compiler failed, or left operators on the CPU.
    """
    program = shutil.which(COMPILER)
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{Path(name).name.removesuffix('.tflite')}.tflite"
        source.write_bytes(model)
        command = [program, *compiler_command(source)[1:]]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
            output = compiled_path(source).read_bytes() if run.returncode == 0 else b""
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConversionError(f"{shlex.join(command)} failed: {error}") from error
    if not output:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:] or [f"exit code {run.returncode}"]
        raise ConversionError(f"{COMPILER} failed: {last[0]}")
    log = parse_log(run.stdout)
    if log.on_cpu or not log.mapped:
        raise ConversionError(f"{COMPILER} leaves operators on the CPU: {', '.join(log.on_cpu) or 'all'}")
    return output, log


def parse_log(text: str) -> CompilerLog:
    """Read the compiler's summary and its table of operators."""
    mapped, on_cpu = 0, []
    for line in text.splitlines():
        row = re.fullmatch(r"\s*([A-Z][A-Z0-9_]+)\s+(\d+)\s+(\S.*?)\s*", line)
        if row and row[3] == "Mapped to Edge TPU":
            mapped += int(row[2])
        elif row:
            on_cpu.append(f"{row[1]} ({row[3]})")
    return CompilerLog(
        mapped, tuple(on_cpu), _memory(text, "On-chip memory used"), _memory(text, "Off-chip memory used")
    )


def _memory(text: str, name: str) -> str:
    found = re.search(rf"^{name}[^:]*: *(\S+)", text, re.MULTILINE)
    return found[1] if found else "unknown"
