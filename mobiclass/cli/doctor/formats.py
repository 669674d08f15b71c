"""The doctor's report as people and scripts see it: lines with a status and a fix, or one JSON object."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TextIO

from mobiclass.cli.terminal.text import safe_text, terminal_width
from mobiclass.results import printable_utf8

if TYPE_CHECKING:
    from mobiclass.doctor import Finding

_MARKS: Final = {"ok": "✓", "warning": "!", "problem": "✗", "info": "·"}
_COLOURS: Final = {"ok": "32", "warning": "33;1", "problem": "31;1", "info": "2"}
_STATUS_CELLS: Final = 7  # "warning"
_NAME_CELLS: Final = 17  # "MOBICLASS_RUNTIME"
_MIN_TEXT_CELLS: Final = 30
_ASCII: Final = str.maketrans({"°": "", "×": "x", "…": "...", "–": "-", "→": "->", "·": "-", "✓": "", "✗": ""})


class TableReport:
    """Writes a finding as a line, as it comes: wrapped and coloured on a terminal that can, else plain and whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._width = terminal_width(stream)
        dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
        self._coloured = self._on_terminal and not dumb
        self._unicode = (stream.encoding or "utf-8").lower().replace("-", "") == "utf8"

    def write(self, finding: Finding) -> None:
        text, fix = safe_text(finding.text), safe_text(finding.fix or "")
        name = f"{safe_text(finding.name):<{_NAME_CELLS}}"
        status = f"{finding.status:<{_STATUS_CELLS}}"
        mark = f"{_MARKS[finding.status]} " if self._on_terminal and self._unicode else ""
        if self._on_terminal:
            indent = len(mark) + len(status) + len(name) + 4
            lines = _wrap(text, self._width - indent) + (_wrap(f"→ {fix}", self._width - indent) if fix else [])
            body = f"\n{' ' * indent}".join(lines)
        else:
            body = f"{text}; fix: {fix}" if fix else text
        colour, plain = (f"\x1b[{_COLOURS[finding.status]}m", "\x1b[0m") if self._coloured else ("", "")
        line = f"{name}  {body}"
        if not self._unicode:
            line = line.translate(_ASCII)
        self._stream.write(f"{colour}{mark}{status}{plain}  {line}\n")
        self._stream.flush()

    def close(self) -> None:
        pass


class JsonReport:
    """Writes all findings as one JSON object, when they are complete."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._findings: list[Finding] = []

    def write(self, finding: Finding) -> None:
        self._findings.append(finding)

    def close(self) -> None:
        import json

        checks = [
            {key: value and printable_utf8(value) for key, value in finding._asdict().items()}
            for finding in self._findings
        ]
        ok = all(finding.status != "problem" for finding in self._findings)
        self._stream.write(json.dumps({"ok": ok, "checks": checks}, ensure_ascii=False, indent=2) + "\n")


class CheckProgress:
    """Shows on a terminal which check is running; does nothing elsewhere."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream if stream.isatty() and not quiet else None
        self._shown = False

    def show(self, name: str) -> None:
        if self._stream:
            self._stream.write(f"\rchecking: {name} ...")
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        if self._stream and self._shown:
            self._stream.write(f"\r{' ' * 40}\r")
            self._stream.flush()
            self._shown = False


def summary(findings: Sequence[Finding]) -> str:
    """Summarize `findings` in a line."""
    count = Counter(finding.status for finding in findings)
    warnings = (
        f"{count['warning']} warning{'' if count['warning'] == 1 else 's'}" if count["warning"] else "no warnings"
    )
    if not count["problem"]:
        return f"classification works, {warnings}"
    return f"classification fails: {count['problem']} problem{'' if count['problem'] == 1 else 's'}, {warnings}"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(_MIN_TEXT_CELLS, width),
        subsequent_indent="  " if text.startswith("→") else "",
        break_on_hyphens=False,
    )
