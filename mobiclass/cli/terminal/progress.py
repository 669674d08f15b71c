"""Progress of batches and downloads, and a batch's summary, for people, on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from mobiclass.cli.terminal.text import fit_text, safe_text

if TYPE_CHECKING:
    from mobiclass.batch import BatchSummary

_FREQUENT_LABELS: Final = 5
_LABEL_CELLS: Final = 40


class Progress(Protocol):
    """How far a run over many photos has come."""

    @property
    def images(self) -> int:
        """The photos done so far."""

    @property
    def failed(self) -> int:
        """Those of them that could not be read."""


class ProgressBar:
    """The progress bar of a run over many photos, on a terminal and unless quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread of its own
            # miniters=0: otherwise it would wait for as many images as before when they come more slowly.
            self._bar = tqdm(
                unit=" images", file=sys.stderr, dynamic_ncols=True, leave=False, smoothing=0.05, miniters=0
            )

    def update(self, summary: Progress, listed: int, all_listed: bool) -> None:
        """Show `summary` so far; `listed` files were found, and there may be more unless `all_listed`."""
        if self._bar is None:
            return
        self._bar.total = listed
        self._bar.set_description_str("" if all_listed else "listing", refresh=False)
        if summary.failed:
            self._bar.set_postfix_str(f"{summary.failed} failed", refresh=False)
        self._bar.update(summary.images - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class DownloadProgress:
    """A download's progress bar, on a terminal, and its notices; neither if quiet."""

    def __init__(self, name: str, total: int, *, quiet: bool) -> None:
        """Prepare for the download of the model `name`, `total` bytes long."""
        self._name = name
        self._total = total
        self._quiet = quiet
        self._bar: Any = None

    def received(self, count: int) -> None:
        """Show that `count` bytes were received."""
        if self._bar is None and not self._quiet and sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread of its own
            self._bar = tqdm(
                desc=self._name, total=self._total, initial=count, unit="B", unit_scale=True, file=sys.stderr,
                dynamic_ncols=True, leave=False, miniters=0,
            )  # fmt: skip
        if self._bar is not None:
            self._bar.update(count - self._bar.n)

    def retrying(self, reason: str, pause_seconds: float) -> None:
        self._say(f"{reason}; trying again in {pause_seconds:g} s")

    def waiting(self) -> None:
        self._say("another process is fetching it; waiting for that")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, text: str) -> None:
        if not self._quiet:
            self.close()
            click.echo(f"mobiclass: {self._name}: {safe_text(text)}", err=True)


def summary_facts(summary: BatchSummary) -> dict[str, str]:
    """List a batch's figures, name to value, for a report."""
    new = summary.images - summary.reused
    facts = {"images": str(summary.images), "time": f"{summary.seconds:.1f} s"}
    if new and summary.seconds:
        facts["speed"] = f"{new / summary.seconds:.1f} images/s"
    return facts


def rate_text(summary: BatchSummary) -> str:
    """Describe how many images a batch classified, and how fast."""
    new = summary.images - summary.reused
    rate = f", {new / summary.seconds:.1f} images/s" if new and summary.seconds else ""
    return f"{summary.images} images in {summary.seconds:.1f} s{rate}"


def summary_text(summary: BatchSummary) -> str:
    """Summarize a batch, a fact a line."""
    lines = [rate_text(summary)]
    if summary.reused:
        lines.append(f"  {summary.reused} reused from an earlier run")
    if summary.failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in summary.failures.most_common())
        lines.append(f"  {summary.failed} could not be classified: {kinds}")
    if summary.fallback:
        lines.append(f"  {summary.fallback} on the CPU as fallback for the Edge TPU")
    if summary.slowest:
        path, seconds = summary.slowest
        lines.append(f"  slowest: {safe_text(path)} ({seconds * 1000:.0f} ms)")
    if summary.labels:
        lines.append("  most frequent:")
        for label, count in summary.labels.most_common(_FREQUENT_LABELS):
            lines.append(f"    {count:>8}  {fit_text(safe_text(label), _LABEL_CELLS).rstrip()}")
    return "\n".join(lines)
