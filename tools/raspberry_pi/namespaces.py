"""Runs the test in mount and process namespaces of its own, which the kernel removes however the run ends.

No crash, Ctrl-C or `kill -9` can leave a mount or a process behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType
from typing import Final, NoReturn

from tools.raspberry_pi.emulation import BINFMT_MISC, ImpossibleError

# When `unshare` dies, process 1 inside is killed, and all others with it.
_UNSHARE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private")
_MARK: Final = "MOBICLASS_TEST_PI_INSIDE"


def inside() -> bool:
    """Whether this process already runs in the namespaces."""
    return os.environ.get(_MARK) == "1" and os.getpid() == 1


def enter(arguments: list[str]) -> NoReturn:
    """Restart this program with `arguments` in new namespaces; does not return.

    Raises:
        ImpossibleError: the kernel or the container does not allow it.
    """
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise ImpossibleError(
            f"this process may not create namespaces ({tried.stderr.strip()}): a container must be privileged"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    command = [*_UNSHARE, sys.executable, "-m", "tools.raspberry_pi", *arguments]
    os.execvpe(command[0], command, {**os.environ, _MARK: "1"})


def settle() -> None:
    """Set up the namespaces from inside: signal handlers, and a mounted ``binfmt_misc``.

    Raises:
        ImpossibleError: ``binfmt_misc`` cannot be mounted.
    """
    os.environ.pop(_MARK, None)

    def end(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    # Process 1 of a namespace has no default handlers: signals that it does not handle are ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    mount = ["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT_MISC)]
    if not (BINFMT_MISC / "register").exists():
        tried = subprocess.run(mount, capture_output=True, text=True, check=False)
        if tried.returncode != 0:
            raise ImpossibleError(f"binfmt_misc cannot be mounted ({tried.stderr.strip()}): modprobe binfmt_misc")
