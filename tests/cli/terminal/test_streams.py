"""What C libraries write to the descriptors 1 and 2, and what the program writes itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.program import COMMAND, Outcome, environment, run

CHATTER = """
import os, sys
from mobiclass.cli.terminal.streams import separate_streams, show_native_output
separate_streams()
{extra}
os.write(1, b"native 1 ")
os.write(2, b"native 2 ")
sys.stdout.write("result\\n")
sys.stderr.write("message\\n")
"""


def chatter(extra: str = "", **named: object) -> Outcome:
    """Run a program that writes to all four places."""
    return run("-c", CHATTER.format(extra=extra), command=(sys.executable,), **named)  # type: ignore[arg-type]


def test_native_output_goes_nowhere() -> None:
    assert chatter() == Outcome(0, "result\n", "message\n")


def test_native_output_goes_to_stderr_once_it_is_shown() -> None:
    outcome = chatter("show_native_output()")
    assert (outcome.exit_code, outcome.stdout) == (0, "result\n")
    assert outcome.stderr == "native 1 native 2 message\n"


def test_output_is_utf8_with_plain_line_ends_in_any_locale() -> None:
    program = "from mobiclass.cli import separate_streams; separate_streams(); print('gr\\xfcn \\u2028 \\udcff')"
    for changes in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "latin-1"}):
        outcome = run("-c", program, command=(sys.executable,), env=changes)
        assert outcome == Outcome(0, "grün \u2028 \\udcff\n", "")


@pytest.mark.parametrize(
    ("closed", "stdout", "stderr"),
    [
        ("<&-", "result\n", "message\n"),
        (">&-", "", "message\n"),
        ("2>&-", "result\n", ""),
        ("<&- >&-", "", "message\n"),
    ],
)
def test_a_stream_that_was_closed_takes_no_other_with_it(closed: str, stdout: str, stderr: str) -> None:
    # A closed descriptor's number goes to whatever is opened next, which must not be the copy of another stream.
    script = f'"$@" {closed}'
    program = CHATTER.format(extra="")
    outcome = run("-c", script, "sh", sys.executable, "-c", program, command=("sh",))
    assert outcome == Outcome(0, stdout, stderr)


@pytest.mark.parametrize(("options", "shown"), [((), False), (("-v",), True)])
def test_warnings_of_other_libraries_are_shown_only_on_request(
    options: tuple[str, ...], shown: bool, tmp_path: Path, colours: Path
) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "p.png")
    program = (
        "import warnings\nfrom mobiclass.images import decode\nload = decode.load_image\n"
        "def warn(*given, **how):\n    warnings.warn('odd image')\n    return load(*given, **how)\n"
        "decode.load_image = warn\nfrom mobiclass.cli import main\nmain()"
    )
    outcome = run("-c", program, "predict", "--model", colours, *options, tmp_path / "p.png", command=(sys.executable,))
    assert outcome.exit_code == 0, outcome.stderr
    assert ("odd image" in outcome.stderr) == shown
    assert "odd image" not in outcome.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NOT TESTED: there is no /dev/full here")
def test_a_full_stderr_costs_no_result(tmp_path: Path, colours: Path, pictures: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, "predict", "-v", "--model", colours, pictures / "red.png", tmp_path / "none.png"],
            stdout=subprocess.PIPE, stderr=full, env=environment(), check=False,
        )  # fmt: skip
    assert done.returncode == 4
    assert len(done.stdout.splitlines()) == 2
