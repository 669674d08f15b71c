"""A child process of ours, from the inside; `mobiclass._system.processes` starts it."""

from __future__ import annotations

import os


def end_with_parent(lifeline: int) -> None:
    """Have the kernel end this process once the other end of the pipe `lifeline` is closed, whatever it hangs in then.

    A thread that waits for that would not do: a library can hang while it holds Python's lock. Linux does it; macOS
    sends no signal for a pipe, and there a child outlives a parent that was killed until it reads or writes next.
    """
    import fcntl
    import select
    import signal

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGIO])
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it was closed before
        os._exit(1)


def private_stdout() -> int:
    """Return a descriptor for answers to the parent; what libraries write to standard output goes to stderr."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers
