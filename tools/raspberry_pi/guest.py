"""Runs programs inside a root as the user of a Pi would: in a home folder, and not as root.

Home and temporary folders of this run are mounted over the root's, so that the root stays as it was built. All mounts
are made in the namespace of the run (see `namespaces`) and disappear with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from time import monotonic, sleep
from typing import IO, Final

from mobiclass._system import available_cores
from mobiclass.errors import SetupError
from tools.raspberry_pi.processors import Processor, write_sysfs
from tools.raspberry_pi.progress import Progress
from tools.raspberry_pi.roots import USER

HOME: Final = PurePosixPath("/home", USER)
_UID: Final = 1000
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_TIMEOUT_S: Final = 900
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a program in the guest.

    Attributes:
        command: the program and its arguments.
        exit_code: its exit code; negative if a signal ended it.
        stdout, stderr: its output.
        seconds: its wall time, under emulation.
        peak_rss_mb: its peak memory in MB (10⁶ bytes), including the emulator's.
    """

    command: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    peak_rss_mb: float


class Guest:
    """A root with the home folder of this run and the required files of the host mounted into it."""

    def __init__(
        self, root: Path, scratch: Path, variables: Mapping[str, str], progress: Progress, *, emulated: bool
    ) -> None:
        """Mount everything; `scratch` is an empty folder on the host for the guest's home and temporary files."""
        self._root = root
        self._cpuinfo = scratch / "cpuinfo" if emulated else None
        self._variables = dict(variables)
        self._progress = progress
        self._mounted: list[Path] = []
        self.home = scratch / "home"
        temporary = scratch / "tmp"
        for folder, mode in ((self.home, 0o755), (temporary, 0o1777)):
            folder.mkdir()
            folder.chmod(mode)
        os.chown(self.home, _UID, _UID)
        self._mount(self.home, root / HOME.relative_to("/"), "--bind")
        self._mount(temporary, root / "tmp", "--bind")
        self._mount(Path("/dev"), root / "dev", "--rbind")
        self._mount(Path("proc"), root / "proc", "-t", "proc")
        if self._cpuinfo:
            self._cpuinfo.touch()
            write_sysfs(scratch / "sys", available_cores())
            self._mount(scratch / "sys", root / "sys", "--bind")
            self._mount(self._cpuinfo, root / "proc/cpuinfo", "--bind")
        else:
            self._mount(Path("/sys"), root / "sys", "--rbind")

    def become(self, processor: Processor) -> None:
        """Emulate this `processor` from now on; no effect on a native guest."""
        self._variables["QEMU_CPU"] = processor.cpu
        if self._cpuinfo:
            self._cpuinfo.write_text(processor.cpuinfo(available_cores()), encoding="ascii")

    def leave(self) -> None:
        """Unmount everything, in reverse order."""
        while self._mounted:
            # Lazily: a killed program may hold a mount for a moment.
            subprocess.run(["umount", "--recursive", "--lazy", str(self._mounted.pop())], check=True)

    def show(self, files: Iterable[Path]) -> None:
        """Mount `files` and folders of the host at the same paths in the guest, read-only."""
        for file in files:
            place = self._root / file.relative_to("/")
            if file.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            self._mount(file, place, "--bind", "-o", "ro")

    def put(self, file: Path, name: str) -> None:
        """Copy a file or folder of the host to `name` in the guest's home."""
        place = self.home / name
        (shutil.copytree if file.is_dir() else shutil.copy)(file, place)
        subprocess.run(["chown", "-R", f"{_UID}:{_UID}", str(place)], check=True)

    def run(self, *command: str, stdin: Path | None = None, variables: Mapping[str, str] | None = None) -> Run:
        """Run a program in the guest's home and wait for it; one that hangs is killed."""
        with (
            (stdin or Path(os.devnull)).open("rb") as source,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
        ):
            start = monotonic()
            process = subprocess.Popen(
                self._command(command),
                stdin=source,
                stdout=stdout,
                stderr=stderr,
                env=self._environment(variables),
                start_new_session=True,
            )
            status, peak_rss_kib = _wait(process.pid, start + _TIMEOUT_S)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = monotonic() - start
            written, complained = _text(stdout), _text(stderr)
        return Run(command, process.returncode, written, complained, seconds, peak_rss_mb=peak_rss_kib * 1024 / 1e6)

    def install(self, *command: str) -> None:
        """Run a program that must succeed; its output is shown if it fails.

        Raises:
            SetupError: it failed.
        """
        if self._progress.run(self._command(command), env=self._environment({})) != 0:
            raise SetupError(f"{' '.join(command)} failed in {self._root}: its output is above")

    def _command(self, command: Iterable[str]) -> list[str]:
        # As an absolute path: it would be searched in the guest's PATH otherwise.
        entry = [
            str(shutil.which("chroot")),
            f"--userspec={_UID}:{_UID}",
            str(self._root),
            "/usr/bin/env",
            "-C",
            str(HOME),
        ]
        return [*entry, *command]

    def _environment(self, variables: Mapping[str, str] | None) -> dict[str, str]:
        own = {"HOME": str(HOME), "USER": USER, "PATH": _PATH, "LC_ALL": "C.UTF-8"}
        return {**self._variables, **own, **(variables or {})}

    def _mount(self, what: Path, place: Path, *options: str) -> None:
        subprocess.run(["mount", *options, str(what), str(place)], check=True)
        self._mounted.append(place)


def _wait(pid: int, deadline: float) -> tuple[int, int]:
    """Wait for the session leader `pid`, and kill its group at the deadline; `subprocess` does not report memory.

    Returns:
        Its wait status, and its peak memory in KiB.
    """
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage.ru_maxrss
        if monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            deadline = float("inf")
        sleep(_POLL_S)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
