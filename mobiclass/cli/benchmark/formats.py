"""What ``mobiclass benchmark`` prints: measurements as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from mobiclass.cli.terminal.text import fit_text, safe_text, terminal_width, text_width
from mobiclass.results import printable_utf8

if TYPE_CHECKING:
    from mobiclass.benchmark import Measurement

_CSV_FIELDS: Final = (
    "model", "runtime", "device", "threads", "load_ms", "first_ms", "p50_ms", "p90_ms", "p99_ms", "images_per_second",
    "peak_rss_mb", "decode_ms", "preprocess_ms", "invoke_ms", "postprocess_ms", "runs", "bytes", "published_top1",
    "noise",
)  # fmt: skip
_COLUMNS: Final = {
    "device": ("device", 8), "thr": ("threads", 3), "load": ("load_ms", 6), "first": ("first_ms", 6),
    "p50": ("p50_ms", 6), "p90": ("p90_ms", 6), "p99": ("p99_ms", 6), "img/s": ("images_per_second", 6),
    "MB": ("peak_rss_mb", 4),
}  # fmt: skip
_LEGEND: Final = (
    "load, first, p50, p90, p99: ms, the model alone;\nimg/s: photos end to end, on all cores; MB: peak memory"
)
_PHOTO_COLUMNS: Final = {
    "thr": 3, "decode": 6, "preprocess": 10, "invoke": 6, "postprocess": 11, "total": 6, "file": 5, "top-1": 5,
}  # fmt: skip
_PHOTO_LEGEND: Final = (
    "decode to total: median ms per stage of {photo};\nfile: MB; top-1: %, as published (–: not published)"
)
_MADE_PHOTO: Final = "a synthetic photo of 500x375 pixels"
_NARROWEST_NAME: Final = 14


class MeasurementWriter(Protocol):
    """Writes one measurement after the other."""

    def write(self, measurement: Measurement) -> None: ...

    def close(self) -> None:
        """Write what comes after the last one."""


def measurement_writer(output_format: str, stream: TextIO) -> MeasurementWriter:
    """Make the writer for `output_format`: ``table``, ``json`` or ``csv``."""
    match output_format:
        case "json":
            return _JsonWriter(stream)
        case "csv":
            return _CsvWriter(stream)
        case _:
            return _TableWriter(stream)


class _JsonWriter:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._measurements: list[Measurement] = []

    def write(self, measurement: Measurement) -> None:
        self._measurements.append({**measurement, "model": printable_utf8(measurement["model"])})

    def close(self) -> None:
        self._stream.write(json.dumps(self._measurements, ensure_ascii=False, indent=2) + "\n")


class _CsvWriter:
    def __init__(self, stream: TextIO) -> None:
        self._csv = csv.writer(stream, lineterminator="\n")
        self._csv.writerow(_CSV_FIELDS)
        self._stream = stream

    def write(self, measurement: Measurement) -> None:
        fields = {
            **measurement,
            **{f"{step}_ms": value for step, value in measurement["timing_ms"].items()},
            "model": printable_utf8(measurement["model"]),
            "noise": "; ".join(measurement["noise"]),
        }
        self._csv.writerow(fields[name] for name in _CSV_FIELDS)
        self._stream.flush()

    def close(self) -> None:
        pass


class _TableWriter:
    """Writes a line per measurement as it comes, and the time per stage of a photo at the end.

    A name that is too long for its column gets a line of its own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        cells = sum(width for _, width in _COLUMNS.values()) + len(_COLUMNS)
        self._name_width = max(_NARROWEST_NAME, min(40, terminal_width(stream) - cells))
        self._measurements: list[Measurement] = []

    def write(self, measurement: Measurement) -> None:
        widths = [width for _, width in _COLUMNS.values()]
        if not self._measurements:
            self._line("model", list(_COLUMNS), widths)
        self._measurements.append(measurement)
        self._line(
            safe_text(measurement["model"]), [_cell(measurement[field], width) for field, width in _COLUMNS.values()],
            widths,
        )  # fmt: skip
        self._stream.flush()

    def close(self) -> None:
        if not self._measurements:
            return
        widths = list(_PHOTO_COLUMNS.values())
        self._stream.write(f"{_LEGEND}\n\n")
        self._line("per photo", list(_PHOTO_COLUMNS), widths)
        for each in self._measurements:
            self._line(safe_text(each["model"]), _photo_cells(each), widths)
        image = self._measurements[0]["image"]
        self._stream.write(_PHOTO_LEGEND.format(photo=_MADE_PHOTO if image is None else safe_text(image)) + "\n")

    def _line(self, name: str, cells: list[str], widths: list[int]) -> None:
        if text_width(name) > self._name_width:  # whole, on a line of its own
            self._stream.write(f"{name}\n")
            name = ""
        texts = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        self._stream.write(" ".join((fit_text(name, self._name_width), *texts)).rstrip() + "\n")


def _photo_cells(measurement: Measurement) -> list[str]:
    steps, top1 = measurement["timing_ms"], measurement["published_top1"]
    times = [
        _cell(float(value), _PHOTO_COLUMNS[step]) for step, value in (*steps.items(), ("total", sum(steps.values())))
    ]
    size = f"{measurement['bytes'] / 1e6:.1f}"
    return [str(measurement["threads"]), *times, size, "–" if top1 is None else f"{top1 * 100:.1f}"]


def _cell(value: float | int | str, width: int) -> str:
    if isinstance(value, float):
        return next((text for digits in (2, 1) if len(text := f"{value:.{digits}f}") <= width), f"{value:.0f}")
    return str(value)
