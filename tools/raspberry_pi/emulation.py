"""Checks whether this machine can run Arm programs, and registers QEMU with the kernel.

A handler that was registered is not removed again: another run may be using it. Newer kernels drop it with the last
mount of ``binfmt_misc``; on systems with systemd it is always registered once the package is installed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tools.raspberry_pi.recipes import Architecture

BINFMT_MISC: Final = Path("/proc/sys/fs/binfmt_misc")
# In systemd's order of precedence.
_CONFIGURATIONS: Final = tuple(map(Path, ("/etc/binfmt.d", "/run/binfmt.d", "/usr/lib/binfmt.d")))
_HANDLERS: Final[dict[Architecture, str]] = {"arm64": "qemu-aarch64", "armhf": "qemu-arm"}
_NATIVE: Final[dict[str, Architecture]] = {"aarch64": "arm64", "armv7l": "armhf"}
_PROGRAMS: Final = {"debootstrap": "debootstrap", "unshare": "util-linux", "chroot": "coreutils", "mount": "mount"}


class ImpossibleError(Exception):
    """This machine cannot run the test at all, which does not count as a failure."""


def check_machine() -> None:
    """Check the requirements of all roots.

    Raises:
        ImpossibleError: something is missing; the message says what, and how to install it.
    """
    if platform.system() != "Linux":
        raise ImpossibleError("Arm systems can be emulated on Linux only")
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            raise ImpossibleError(f"{program} is not installed: apt-get install {package}")
    if os.geteuid() != 0:
        raise ImpossibleError("only root can build and enter a root: sudo make test-pi")


def is_emulated(architecture: Architecture) -> bool:
    """Whether this machine's own processor cannot run programs for `architecture`."""
    return _NATIVE.get(platform.machine()) != architecture


def let_run(architecture: Architecture) -> None:
    """Register QEMU for programs of `architecture`; ``binfmt_misc`` must be mounted.

    Raises:
        ImpossibleError: QEMU is not installed, or the kernel rejects it.
    """
    if not is_emulated(architecture):
        return
    name = _HANDLERS[architecture]
    handler = BINFMT_MISC / name
    if not handler.exists():
        _register(name)
    try:
        state = handler.read_text(encoding="ascii")
    except OSError as error:
        raise ImpossibleError(f"the kernel has no handler {name} in {BINFMT_MISC} ({error.strerror})") from error
    if reason := unfit(state):
        raise ImpossibleError(f"the handler {handler} {reason}")


def unfit(state: str) -> str:
    """Explain why a handler whose file in ``binfmt_misc`` reads `state` cannot be used; empty if it can."""
    lines = state.split("\n")
    if lines[0] != "enabled":
        return f"is {lines[0] or 'unreadable'}: echo 1 into it enables it"
    flags = next((line.partition(" ")[2] for line in lines if line.startswith("flags:")), "")
    if "F" not in flags:
        return "looks for QEMU inside the root (no flag F): install a newer qemu-user-static and register it again"
    return ""


def registration(configuration: str, name: str) -> str | None:
    """Find the line that registers `name` in the text of a ``binfmt.d`` file."""
    for line in configuration.splitlines():
        # The first character of a registration is its field separator.
        if line and line[0] not in "#; \t" and line[1:].startswith(f"{name}{line[0]}"):
            return line
    return None


def _register(name: str) -> None:
    for folder in _CONFIGURATIONS:
        file = folder / f"{name}.conf"
        line = registration(file.read_text(encoding="utf-8"), name) if file.is_file() else None
        if line is not None:
            try:
                # In a single write: each write is a registration.
                (BINFMT_MISC / "register").write_text(line, encoding="utf-8")
            except OSError as error:
                raise ImpossibleError(f"the kernel rejects {name} from {file} ({error.strerror})") from error
            return
    if shutil.which("update-binfmts"):  # on older Debian, without systemd
        subprocess.run(["update-binfmts", "--enable", name], check=False, capture_output=True)
        return
    raise ImpossibleError(f"{name} is not installed: apt-get install qemu-user-static")
