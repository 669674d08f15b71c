"""Edge TPUs for tests: simulated ones (edgetpu_simulator/), and one that is really connected.

With ``MOBICLASS_TEST_EDGETPU=1`` the tests that need no fault use the connected one, with the compiled classifier that
``MOBICLASS_TEST_EDGETPU_MODEL`` names; the model that it was compiled from must lie beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tiny_models import colour_model, edgetpu_model

SOURCE = Path(__file__).parent / "edgetpu_simulator" / "edgetpu_simulator.c"


def build_simulator(folder: Path) -> Path:
    """Compile the simulated library into `folder`, as ``libedgetpu.so.1``."""
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: the simulated Edge TPU needs Linux' loader")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT TESTED: there is no C compiler (cc) for the simulated Edge TPU")
    warnings = ("-Wall", "-Wextra", "-Werror")
    library = folder / "libedgetpu.so.1"
    command = [compiler, "-std=gnu11", "-shared", "-fPIC", "-O2", *warnings, "-o", library, SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@dataclass(frozen=True)
class Simulator:
    """A simulated Edge TPU.

    Attributes:
        folder: where its switches and its log are.
        library: the folder of its library.
    """

    folder: Path
    library: Path

    @classmethod
    def plug_in(cls, library: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
        """Let processes started from now on find the library in `library`, and its switches in `folder`."""
        folder.mkdir()
        monkeypatch.setenv("LD_LIBRARY_PATH", str(library))
        monkeypatch.setenv("EDGETPU_SIMULATOR", str(folder))
        return cls(folder, library)

    def switch(self, **switches: str | int) -> None:
        """Set what goes wrong from now on (edgetpu_simulator.c says what can), and nothing else; begin a new log."""
        lines = [f"{key}={value}\n" for key, value in switches.items()]
        (self.folder / "switches").write_text("".join(lines))
        (self.folder / "log").unlink(missing_ok=True)

    def log(self, event: str = "") -> list[str]:
        """Give what it has done, in order; only what begins with `event`."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.rpartition(" pid=")[0] for line in lines if line.startswith(event)]

    def pids(self) -> list[int]:
        """Give the processes that have loaded it, in order."""
        lines = (self.folder / "log").read_text().splitlines()
        return [int(line.rpartition("=")[2]) for line in lines if line.startswith("load ")]


@dataclass(frozen=True)
class EdgeTpu:
    """An Edge TPU with a model.

    Attributes:
        model: a classifier compiled for it.
        sibling: the one that this was compiled from.
        simulator: ``None`` where it is a real one.
    """

    model: Path
    sibling: Path
    simulator: Simulator | None


def simulated_edge_tpu(folder: Path, simulator: Simulator) -> EdgeTpu:
    """Make a compiled model and its sibling in `folder`: both name the strongest colour."""
    model, sibling = folder / "colours_edgetpu.tflite", folder / "colours.tflite"
    model.write_bytes(edgetpu_model())
    sibling.write_bytes(colour_model())
    return EdgeTpu(model, sibling, simulator)


def connected_edge_tpu() -> EdgeTpu | None:
    """Give the Edge TPU that is connected, if the tests are to use it."""
    if os.environ.get("MOBICLASS_TEST_EDGETPU") != "1":
        return None
    name = os.environ.get("MOBICLASS_TEST_EDGETPU_MODEL", "")
    model = Path(name).absolute()
    sibling = model.with_name(model.name.replace("_edgetpu.tflite", ".tflite"))
    if not (name and model.is_file() and sibling.is_file() and model != sibling):
        pytest.fail(
            "MOBICLASS_TEST_EDGETPU=1 needs MOBICLASS_TEST_EDGETPU_MODEL=X_edgetpu.tflite with X.tflite beside it"
        )
    return EdgeTpu(model, sibling, None)


def is_alive(pid: int) -> bool:
    """Whether a process runs (Linux); one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
