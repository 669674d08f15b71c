"""The doctor's report on terminals that can much, little and nothing."""

from __future__ import annotations

import io
import json

import pytest

from mobiclass.cli.doctor.formats import CheckProgress, JsonReport, TableReport, summary
from mobiclass.doctor.finding import Finding

OK = Finding("numpy", "ok", "2.4.6")
WARNING = Finding("temperature", "warning", "84 °C (cpu-thermal)", "cool it: " + "a fan and room for air, " * 8)
PROBLEM = Finding("litert", "problem", "crashes\x1b[2J", "pip install")


class Terminal(io.StringIO):
    """A terminal of 80 columns that shows what its encoding can say."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:
        return self._encoding

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def written(stream: io.StringIO, *findings: Finding) -> str:
    report = TableReport(stream)
    for finding in findings:
        report.write(finding)
    report.close()
    return stream.getvalue()


def test_a_terminal_gets_colours_marks_and_wrapped_lines() -> None:
    text = written(Terminal(), OK, WARNING)
    assert text.startswith(
        "\x1b[32m✓ ok     \x1b[0m  numpy              2.4.6\n\x1b[33;1m! warning\x1b[0m  temperature"
    )
    assert "\n" + " " * 30 + "→ cool it: a fan" in text
    plain = text.replace("\x1b[32m", "").replace("\x1b[33;1m", "").replace("\x1b[0m", "")
    assert max(map(len, plain.splitlines())) <= 80


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert written(Terminal(), OK) == "✓ ok       numpy              2.4.6\n"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert written(Terminal("iso-8859-1"), OK, WARNING).isascii()


def test_a_pipe_gets_one_whole_line_each() -> None:
    lines = written(io.StringIO(), OK, WARNING, PROBLEM).splitlines()
    assert lines[0] == "ok       numpy              2.4.6"
    assert lines[1].startswith("warning  temperature        84 °C (cpu-thermal); fix: cool it: a fan")
    assert lines[2] == "problem  litert             crashes\ufffd[2J; fix: pip install"


def test_json_is_one_object() -> None:
    stream = io.StringIO()
    report = JsonReport(stream)
    report.write(OK)
    report.write(Finding("MOBICLASS_MODEL", "problem", "a\udcff", "x"))
    report.close()
    assert json.loads(stream.getvalue()) == {
        "ok": False,
        "checks": [
            {"name": "numpy", "status": "ok", "text": "2.4.6", "fix": None},
            {"name": "MOBICLASS_MODEL", "status": "problem", "text": "a\ufffd", "fix": "x"},
        ],
    }


def test_waiting_is_shown_on_a_terminal_and_taken_away() -> None:
    stream = Terminal()
    progress = CheckProgress(stream, quiet=False)
    progress.clear()
    assert stream.getvalue() == ""
    progress.show("self-test")
    assert stream.getvalue() == "\rchecking: self-test ..."
    progress.clear()
    assert stream.getvalue().endswith("\r")
    assert not stream.getvalue().rpartition("\r")[0].rpartition("\r")[2].strip()


@pytest.mark.parametrize(("stream", "quiet"), [(Terminal(), True), (io.StringIO(), False)])
def test_nothing_is_shown_to_nobody(stream: io.StringIO, quiet: bool) -> None:
    progress = CheckProgress(stream, quiet=quiet)
    progress.show("self-test")
    progress.clear()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        ([OK], "classification works, no warnings"),
        ([OK, WARNING], "classification works, 1 warning"),
        ([WARNING, WARNING, PROBLEM], "classification fails: 1 problem, 2 warnings"),
        ([PROBLEM, PROBLEM], "classification fails: 2 problems, no warnings"),
    ],
)
def test_the_summary(findings: list[Finding], text: str) -> None:
    assert summary(findings) == text
