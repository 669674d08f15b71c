"""The progress of a batch and of a download, and a batch's summary when it is done: all for people, on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass.cli.terminal.text import fit_text, safe_text

if TYPE_CHECKING:
    from mobiclass.batch import BatchSummary

_FREQUENT_LABELS: Final = 5
_LABEL_CELLS: Final = 40


class ProgressBar:
    """A line that says how far the batch is; nothing where stderr is no terminal."""

    def __init__(self, *, quiet: bool) -> None:
        """Show the bar unless `quiet`."""
        self._bar: Any = None
        if not quiet and sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread of its own
            # miniters=0: otherwise it would wait for as many images as before when they come more slowly.
            self._bar = tqdm(
                unit=" images", file=sys.stderr, dynamic_ncols=True, leave=False, smoothing=0.05, miniters=0
            )

    def update(self, summary: BatchSummary, listed: int, all_listed: bool) -> None:
        """Show `summary` so far; `listed` files are known of, and there may be more unless `all_listed`."""
        if self._bar is None:
            return
        self._bar.total = listed
        self._bar.set_description_str("" if all_listed else "listing", refresh=False)
        if summary.failed:
            self._bar.set_postfix_str(f"{summary.failed} failed", refresh=False)
        self._bar.update(summary.images - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


class DownloadProgress:
    """A line that says how much of a file has come, on a terminal; and what goes wrong, unless quiet."""

    def __init__(self, name: str, total: int, *, quiet: bool) -> None:
        """Show the download of the model `name`, `total` bytes long."""
        self._name = name
        self._total = total
        self._quiet = quiet
        self._bar: Any = None

    def received(self, count: int) -> None:
        """Show that `count` bytes are here."""
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
        """Say why it takes longer."""
        self._say(f"{reason}; trying again in {pause_seconds:g} s")

    def waiting(self) -> None:
        """Say for whom it waits."""
        self._say("another process is fetching it; waiting for that")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _say(self, text: str) -> None:
        if not self._quiet:
            self.close()
            click.echo(f"mobiclass: {self._name}: {safe_text(text)}", err=True)


def summary_facts(summary: BatchSummary) -> dict[str, str]:
    """List what a batch came to, name to value, for a report."""
    new = summary.images - summary.reused
    facts = {"images": str(summary.images), "time": f"{summary.seconds:.1f} s"}
    if new and summary.seconds:
        facts["speed"] = f"{new / summary.seconds:.1f} images/s"
    return facts


def rate_text(summary: BatchSummary) -> str:
    """Say how many images a batch did, and how fast."""
    new = summary.images - summary.reused
    rate = f", {new / summary.seconds:.1f} images/s" if new and summary.seconds else ""
    return f"{summary.images} images in {summary.seconds:.1f} s{rate}"


def summary_text(summary: BatchSummary) -> str:
    """Describe what a batch came to, a fact a line."""
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
