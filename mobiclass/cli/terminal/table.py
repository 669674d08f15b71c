"""Results as a table for people: label, score, and a bar for the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TextIO

from mobiclass.cli.terminal.text import fit_text, safe_text, terminal_width, text_width

if TYPE_CHECKING:
    from mobiclass.results import Row

_BAR_CELLS: Final = 20
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_SCORE_CELLS: Final = 7  # "100.0 %"


class TableWriter:
    """Writes each image's predictions as aligned lines, under the file's name where there are several files."""

    def __init__(self, stream: TextIO, *, with_paths: bool) -> None:
        self._stream = stream
        self._with_paths = with_paths
        self._first = True
        self._width = terminal_width(stream)

    def write(self, row: Row) -> None:
        lines = [] if not self._with_paths else [safe_text(row["path"])]
        if row["error"]:
            lines.append(f"not classified: {safe_text(row['error']['message'])}")
        elif not row["predictions"]:
            lines.append("no prediction reaches the threshold")
        if decision := row.get("decision"):
            lines.append(_decision_line(decision))
        lines += self._prediction_lines(row["predictions"])
        if timing := row.get("timing_ms"):
            lines.append(", ".join(f"{step} {milliseconds:.1f} ms" for step, milliseconds in timing.items()))
        if self._with_paths:
            lines = [lines[0], *(f"  {line}" for line in lines[1:])]
            if not self._first:
                lines.insert(0, "")
        self._first = False
        self._stream.write("\n".join(lines) + "\n")

    def _prediction_lines(self, predictions: list[dict[str, Any]]) -> list[str]:
        names = [safe_text(prediction["label"] or f"class {prediction['index']}") for prediction in predictions]
        indent = 2 if self._with_paths else 0
        room = max(10, self._width - indent - _SCORE_CELLS - _BAR_CELLS - 4)
        width = min(room, max(map(text_width, names), default=0))
        return [
            f"{fit_text(name, width)}  {_percent(prediction['score'])}  {_bar(prediction['score'])}".rstrip()
            for name, prediction in zip(names, predictions, strict=True)
        ]


def _decision_line(decision: dict[str, Any]) -> str:
    if decision["kind"] == "unknown":
        return "→ unknown"
    group = ", a group" if decision["kind"] == "group" else ""
    return f"→ {safe_text(decision['label'])} ({_percent(decision['score']).strip()}{group})"


def _percent(score: float) -> str:
    return f"{score * 100:5.1f} %"


def _bar(score: float) -> str:
    eighths = round(max(0.0, min(1.0, score)) * _BAR_CELLS * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
