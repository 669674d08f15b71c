"""The Edge TPU's operators, and the compiler: a stand-in writes what the real one says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.errors import ConversionError

edgetpu_compiler = pytest.importorskip(
    "tools.convert.edgetpu_compiler", reason="NOT TESTED: ai-edge-litert, whose schema the tools use, is not installed"
)

LOG = """Edge TPU Compiler version 16.0.384591198
Model compiled successfully in 501 ms.
On-chip memory used for caching model parameters: 3.88MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1

Operator                       Count      Status

CONV_2D                        36         Mapped to Edge TPU
DEPTHWISE_CONV_2D              17         Mapped to Edge TPU
SOFTMAX                        1          {status}
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a compiler on the PATH that writes a file and says `LOG`."""

    def install(status: str = "Mapped to Edge TPU", exit_code: int = 0) -> None:
        script = f"#!{sys.executable}\nimport pathlib, sys\n"
        script += "source = pathlib.Path(sys.argv[-1])\n"
        script += "source.with_name(source.stem + '_edgetpu.tflite').write_bytes(b'compiled ' + source.read_bytes())\n"
        script += f"print({LOG.format(status=status)!r})\nsys.exit({exit_code})\n"
        program = tmp_path / "edgetpu_compiler"
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


def test_the_log_is_read() -> None:
    log = edgetpu_compiler.parse_log(LOG.format(status="Mapped to Edge TPU"))
    assert log == edgetpu_compiler.CompilerLog(54, (), "3.88MiB", "0.00B")
    partly = edgetpu_compiler.parse_log(LOG.format(status="More than one subgraph is not supported"))
    assert (partly.mapped, partly.on_cpu) == (53, ("SOFTMAX (More than one subgraph is not supported)",))


def test_a_model_is_compiled(compiler: Any) -> None:
    compiler()
    content, log = edgetpu_compiler.compile_model(b"model", "m.tflite")
    assert content == b"compiled model"
    assert log.mapped == 54


def test_operators_left_to_the_cpu_are_refused(compiler: Any) -> None:
    compiler("Operation is working on an unsupported data type")
    with pytest.raises(ConversionError, match=r"leaves operators on the CPU: SOFTMAX \(Operation is"):
        edgetpu_compiler.compile_model(b"model", "m.tflite")


def test_a_compiler_that_fails_is_reported(compiler: Any) -> None:
    compiler(exit_code=1)
    with pytest.raises(ConversionError, match="edgetpu_compiler failed"):
        edgetpu_compiler.compile_model(b"model", "m.tflite")


def test_without_a_compiler_there_is_a_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert edgetpu_compiler.compile_model(b"model", "m.tflite") is None
    assert edgetpu_compiler.compiler_command(Path("out/m.tflite")) == [
        "edgetpu_compiler",
        "-s",
        "-o",
        "out",
        "out/m.tflite",
    ]
    assert edgetpu_compiler.compiled_path(Path("out/m.tflite")) == Path("out/m_edgetpu.tflite")


def test_operators_are_checked(make_model: Any) -> None:
    edgetpu_compiler.check_operators(make_model("uint8"))
    hard_swish = 117
    with pytest.raises(ConversionError, match="does not support HARD_SWISH; V3 has variants without it"):
        edgetpu_compiler.check_operators(make_model("uint8", hard_swish))
