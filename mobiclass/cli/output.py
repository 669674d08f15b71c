"""What the classifying commands print: results in a format on stdout, explanations on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

import click

from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier
    from mobiclass.results import Row, RowWriter


def row_writer(output_format: str | None, stream: TextIO, *, several: bool) -> RowWriter:
    """Make the writer for `output_format`: by default a table on a terminal and JSON lines elsewhere."""
    from mobiclass.cli.terminal.table import TableWriter
    from mobiclass.results import CsvWriter, JsonLinesWriter, JsonWriter

    match output_format or ("table" if stream.isatty() else "jsonl"):
        case "table":
            return TableWriter(stream, with_paths=several)
        case "csv":
            return CsvWriter(stream)
        case "json":
            return JsonWriter(stream)
        case _:
            return JsonLinesWriter(stream)


class StreamOutput:
    """Rows to a stream as they come; there is no going on from it."""

    def __init__(self, stream: TextIO, writer: RowWriter) -> None:
        """Write to `stream` by way of `writer`."""
        self._stream = stream
        self._writer = writer

    def __enter__(self) -> StreamOutput:
        """Be closed at the end of a block."""
        return self

    def __exit__(self, exception_type: type[BaseException] | None, *_: object) -> None:
        """Write what the format has at its end, unless it was the stream that failed."""
        if exception_type is None or not issubclass(exception_type, OSError):
            self._writer.close()

    def finished_row(self, path: str, size: int, mtime_ns: int, model_sha256s: tuple[str, ...]) -> None:
        """Know of no earlier run."""

    def keep(self, offset: int) -> None:
        """Never be asked to: there is no earlier run."""
        raise AssertionError("a stream has no earlier rows")

    def write(self, row: Row) -> None:
        """Write `row` at once."""
        self._writer.write(row)
        self._stream.flush()

    def idle(self) -> None:
        """Do nothing: every row has been flushed."""

    def finish(self) -> None:
        """Write nothing more than `__exit__` does: there is no earlier run of which rows could be left out."""

    def rows(self) -> Iterator[Row]:
        """Give nothing: what went into a stream cannot be read again."""
        return iter(())


def explain(classifier: Classifier, *, quiet: bool, verbose: bool) -> None:
    """Say on stderr what was chosen (with -v), and what was guessed or stood in (unless -q)."""
    model = classifier.model
    if verbose:
        from mobiclass.cli.description import facts_text, model_facts

        click.echo(facts_text(model_facts(model)), err=True)
        click.echo(
            f"runtime  {classifier.runtime.package} {classifier.runtime.version}, "
            f"{classifier.num_threads} thread{'s' if classifier.num_threads > 1 else ''}, on {classifier.device}",
            err=True,
        )
    if quiet:
        return
    if model.nearby_labels:
        from mobiclass.cli.description import nearby_labels_text

        click.echo(
            f"mobiclass: {safe_text(model.name)}: {safe_text(nearby_labels_text(model.nearby_labels))}", err=True
        )
    if model.preprocessing.sources["mean"] == "default":
        click.echo(
            f"mobiclass: {safe_text(model.name)} does not say how its input is normalized; "
            "taking (pixel - 127.5) / 127.5. If that is wrong, give --mean and --std",
            err=True,
        )
