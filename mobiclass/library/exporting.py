"""Rows in the form that another program reads, as a stream from one file to another."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from mobiclass._system import atomic_write
from mobiclass.errors import ImageError, SetupError
from mobiclass.library.answers import photo_path
from mobiclass.library.label_studio import LOCAL_FILES, labeling_config, write_tasks
from mobiclass.library.megadetector import write_megadetector
from mobiclass.results import CsvWriter, JsonLinesWriter, Row, exif_fields, path_bytes, path_fields

ExportFormat: TypeAlias = Literal["csv", "jsonl", "parquet", "megadetector", "label-studio"]


@dataclass(slots=True)
class Export:
    """One export.

    Attributes:
        read: reads the rows; called again where they are needed twice.
        root: where relative paths of photos start; ``None`` for the current folder.
        relative_to: the folder that paths are written relative to; ``None`` writes them as they are.
        exif: whether the time and the place of each photo are read from its Exif data, unless its row has them.
        unreadable: how many photos could not be opened for that.
    """

    read: Callable[[], Iterable[Row]]
    root: Path | None = None
    relative_to: Path | None = None
    exif: bool = False
    unreadable: int = field(default=0, init=False)

    def write(
        self,
        output_format: ExportFormat,
        output: Path | None,
        stdout: TextIO,
        *,
        csv_bom: bool = False,
        url_prefix: str = LOCAL_FILES,
        config: Path | None = None,
    ) -> None:
        """Write all rows.

        Args:
            output_format: the format.
            output: the file, which is written whole or not at all; ``None`` writes to `stdout`.
            stdout: see there.
            csv_bom: whether a CSV is for spreadsheets.
            url_prefix: for Label Studio, see `write_tasks`.
            config: for Label Studio, the file for the labeling configuration.

        Raises:
            SetupError: rows cannot be read, a photo is outside `relative_to`, or a file cannot be written.
        """
        if output_format in ("csv", "parquet"):
            self._write_table(output_format, output, stdout, csv_bom=csv_bom)
            return
        with _text_file(output, stdout) as stream:
            if output_format == "jsonl":
                writer = JsonLinesWriter(stream)
                for row in self._rows():
                    writer.write(row)
            elif output_format == "megadetector":
                write_megadetector(self._rows(), stream)
            else:
                labels = write_tasks(self._rows(), stream, url_prefix=url_prefix)
                if config is not None:
                    with _text_file(config, stdout) as config_stream:
                        config_stream.write(labeling_config(labels))

    def _write_table(self, output_format: str, output: Path | None, stdout: TextIO, *, csv_bom: bool) -> None:
        from mobiclass.batch import exporter

        decides, exif = self._columns()
        if output is not None:
            exporter(f".{output_format}", decides=decides, exif=exif, csv_bom=csv_bom)(self._rows(), output)
            return
        writer = CsvWriter(stdout, decides=decides, exif=exif, for_spreadsheets=csv_bom)
        for row in self._rows():
            writer.write(row)

    def _columns(self) -> tuple[bool, bool]:
        """Whether any row has a decision, and whether any has Exif data or is to get them."""
        decides, exif = False, self.exif
        for row in self.read():
            decides = decides or bool(row.get("decision"))
            exif = exif or "captured" in row or "gps" in row
            if decides and exif:
                break
        return decides, exif

    def _rows(self) -> Iterator[Row]:
        for row in self.read():
            if self.exif and not (row.get("captured") or row.get("gps")):
                row |= self._exif_fields(row)
            yield row if self.relative_to is None else self._moved(row, self.relative_to)

    def _exif_fields(self, row: Row) -> Row:
        from mobiclass.images import ExifFacts, exif_facts

        try:
            return exif_fields(exif_facts(str(_photo(row, self.root))))
        except ImageError:
            self.unreadable += 1
            return exif_fields(ExifFacts())

    def _moved(self, row: Row, folder: Path) -> Row:
        """Give `row` with its path relative to `folder`."""
        photo = os.path.abspath(_photo(row, self.root))
        try:
            path = os.path.relpath(photo, os.path.abspath(folder))
        except ValueError:  # on another drive
            path = os.pardir
        if path == os.pardir or path.startswith(os.pardir + os.sep):
            raise SetupError(f"{photo}: the photo is outside {folder} (--relative-to)")
        moved = {name: value for name, value in row.items() if name not in ("path", "path_base64")}
        return path_fields(Path(path).as_posix()) | moved


def _photo(row: Row, root: Path | None) -> Path:
    try:
        path_bytes(row)
        return photo_path(row, root)
    except (TypeError, ValueError) as error:
        raise SetupError(f"{row['path']}: not a path ({error})") from error


@contextmanager
def _text_file(path: Path | None, stdout: TextIO) -> Iterator[TextIO]:
    if path is None:
        yield stdout
        return
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        try:
            yield text
        finally:
            text.detach()  # the file is closed by whom it belongs to
