"""libedgetpu and devices as the doctor sees them: real libraries, compiled here, on the loader's path."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mobiclass.doctor.accelerator import check_edgetpu
from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding
from tests.support.sysfs import add_apex, add_usb

GOOD = 'const char *edgetpu_version(void) { return "BuildLabel(COMPILER=6.3.0), RuntimeVersion(14)"; }'
CRASHES = "__attribute__((constructor)) static void begin(void) { *(volatile int *)0 = 1; }"
HANGS = "#include <unistd.h>\n__attribute__((constructor)) static void begin(void) { sleep(100); }"
CRASHES_WHEN_ASKED = "const char *edgetpu_version(void) { __builtin_trap(); }"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: libedgetpu.so.1 is Linux' name for it")


@pytest.fixture(autouse=True)
def library_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that child processes look for libraries in, and let the system have its buses."""
    (tmp_path / "root/sys/bus").mkdir(parents=True)
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))
    return folder


def compile_library(source: str, file: Path, *more: str) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT TESTED: there is no C compiler (cc) to make a library with")
    source_file = file.with_suffix(".c")
    source_file.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", file, source_file, *more], check=True, capture_output=True)


def examine(tmp_path: Path, timeout_seconds: float = 30) -> list[Finding]:
    return list(check_edgetpu(Environment(root=tmp_path / "root", timeout_seconds=timeout_seconds)))


def test_neither_library_nor_device_is_no_problem(tmp_path: Path) -> None:
    assert [(finding.name, finding.status, finding.fix) for finding in examine(tmp_path)] == [
        ("libedgetpu", "info", None),
        ("edgetpu", "info", None),
    ]


def test_a_library_tells_its_version(library_folder: Path, tmp_path: Path) -> None:
    compile_library(GOOD, library_folder / "libedgetpu.so.1")
    assert examine(tmp_path)[0] == Finding("libedgetpu", "ok", "libedgetpu.so.1, runtime version 14")


def test_a_library_without_version_is_one_too(library_folder: Path, tmp_path: Path) -> None:
    compile_library("int nothing;", library_folder / "libedgetpu.so.1.0")
    assert examine(tmp_path)[0].text == "libedgetpu.so.1.0"


@pytest.mark.parametrize(
    ("source", "death"),
    [(CRASHES, "crashed (SIGSEGV)"), (CRASHES_WHEN_ASKED, "SIG"), (HANGS, "did not finish within 3 s")],
)
def test_a_library_that_crashes_or_hangs_is_a_line(
    source: str, death: str, library_folder: Path, tmp_path: Path
) -> None:
    compile_library(source, library_folder / "libedgetpu.so.1")
    finding = examine(tmp_path, timeout_seconds=3)[0]
    assert finding.status == "warning"
    assert finding.text.startswith("libedgetpu.so.1 ")
    assert death in finding.text
    assert "was built for another system" in (finding.fix or "")


def test_a_library_that_is_none(library_folder: Path, tmp_path: Path) -> None:
    (library_folder / "libedgetpu.so.1").write_text("not a library\n" * 100)
    finding = examine(tmp_path)[0]
    assert finding.status == "warning"
    assert "installed, but cannot be loaded: " in finding.text
    assert "invalid ELF header" in finding.text


def test_a_library_that_needs_another_that_is_missing(library_folder: Path, tmp_path: Path) -> None:
    compile_library("int helper(void) { return 1; }", library_folder / "libhelper.so")
    source = "int helper(void); int user(void) { return helper(); }"
    compile_library(source, library_folder / "libedgetpu.so.1", f"-L{library_folder}", "-lhelper")
    (library_folder / "libhelper.so").unlink()
    finding = examine(tmp_path)[0]
    assert finding.status == "warning"
    assert "libhelper.so" in finding.text


def test_a_device_without_library_is_a_warning(tmp_path: Path) -> None:
    add_usb(tmp_path / "root", "1a6e:089a", speed="480")
    library, device = examine(tmp_path)
    assert (library.status, library.text) == ("warning", "not installed, but an Edge TPU is connected")
    assert "libedgetpu1-std" in (library.fix or "")
    assert device.status == "ok"
    assert "before first use, only USB 2, 480 Mbit/s" in device.text


def test_every_device_has_its_line(tmp_path: Path) -> None:
    add_usb(tmp_path / "root", "18d1:9302")
    add_apex(tmp_path / "root", temp="91000")
    _, usb, pci = examine(tmp_path)
    assert (usb.status, pci.status) == ("ok", "warning")
    assert "91 °C" in pci.text
    assert "cool it" in (pci.fix or "")


def test_a_device_without_device_file_is_a_warning(tmp_path: Path) -> None:
    add_usb(tmp_path / "root", "18d1:9302").unlink()
    device = examine(tmp_path)[1]
    assert (device.status, device.fix is not None) == ("warning", True)


def test_a_system_that_cannot_be_looked_into_is_told_honestly(tmp_path: Path) -> None:
    (tmp_path / "root/sys/bus").rmdir()
    assert "this system does not tell" in examine(tmp_path)[1].text
