"""A child process from the inside: its answers are its own. How it ends with its parent is tested in test_processes."""

from __future__ import annotations

import subprocess
import sys


def test_what_libraries_print_does_not_mix_with_the_answers() -> None:
    program = (
        "import os\nfrom mobiclass._system.child import private_stdout\n"
        "answers = private_stdout()\nos.write(1, b'chatter')\nprint('more')\nos.write(answers, b'answer')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"answer", b"chattermore\n")
