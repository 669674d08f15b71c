"""The options that shape rows, and their digest: an earlier run's rows are reused only if theirs is the same.

Rows carry the digest alone. What differed is found by trying likely values against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from hashlib import sha256
from itertools import combinations, product
from typing import Any, Final, NamedTuple, get_args

from mobiclass.choices import Channels, Layout, OutputKind, Resize
from mobiclass.errors import OptionsError

_MOST_CHANGES: Final = 2
_LIKELY: Final[dict[str, Iterable[Any]]] = {
    "top_k": range(1, 1002),
    "threshold": [hundredths / 100 for hundredths in range(101)],
    "resize": get_args(Resize),
    "channels": get_args(Channels),
    "layout": get_args(Layout),
    "output_kind": get_args(OutputKind),
    "crop_fraction": [hundredths / 100 for hundredths in range(1, 101)],
}
"""Values to try for an earlier run, besides the default, the present value, and both values of a flag."""


@dataclass(frozen=True, slots=True)
class RowOptions:
    """The options of a run that shape its rows, named as on the command line (``top_k`` is ``--top-k``).

    An option with its default value is not part of the digest, so a new option does not invalidate earlier rows.

    Attributes:
        top_k: the number of predictions, at least 1.
        threshold: predictions with a lower score (0–1) are dropped.
        allow_truncated: whether truncated images are decoded.
        timing: whether rows have the time of each stage.
        labels: a digest of the labels that replace the model's own; ``None`` for those.
        resize: overrides the model's resize mode.
        mean: overrides the model's normalization: one value or one a channel, in pixel units of 0–255.
        std: likewise.
        crop_fraction: overrides the part of the image's shorter side that the centre crop keeps.
        channels: overrides the order of the input's channels.
        layout: where the channels are in an input that could be read in two ways.
        resolution: height and width for an input that leaves them open.
        output_tensor: which output holds the scores.
        output_kind: overrides what that output holds.
        decide: whether rows have a decision.
        thresholds: a digest of the scores from which on classes are answered; ``None`` for the model's rules.
        only: a digest of the classes that may be answered; ``None`` for all.
        rules: a digest of the rules and groups that decide and lie beside the model, whose own digest has those in it;
            ``None`` for none.
        exif: whether rows have the time and the place of the photo.
    """

    top_k: int = 5
    threshold: float = 0.0
    allow_truncated: bool = False
    timing: bool = False
    labels: str | None = None
    resize: Resize | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    crop_fraction: float | None = None
    channels: Channels | None = None
    layout: Layout | None = None
    resolution: tuple[int, int] | None = None
    output_tensor: str | None = None
    output_kind: OutputKind | None = None
    decide: bool = False
    thresholds: str | None = None
    only: str | None = None
    rules: str | None = None
    exif: bool = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of the options as canonical JSON, those with their defaults left out."""
        return _sha256(option.encoded for option in self._options())

    def check_earlier(self, digests: Iterable[str | None], file: str) -> None:
        """Refuse rows of an earlier run, by their digests; `file` is where they are.

        Raises:
            OptionsError: they were made with other options, or do not say with which.
        """
        present = self.sha256
        for digest in sorted({*digests} - {present}, key=str):
            if digest is None:
                raise OptionsError(
                    f"{file}: its rows do not say which options they were made with, so --resume cannot add to them; "
                    "replace them with --overwrite, or write to another file"
                )
            changed = self._changes(digest)
            if changed is None:
                raise OptionsError(
                    f"{file}: its rows were made with other options, and --resume would mix the two; repeat the first "
                    "run's options, or replace the rows with --overwrite",
                    [
                        "rows carry a digest of their options, which does not tell which of these differ:",
                        *(f"  {option.flag} (now {option.shown})" for option in self._options()),
                    ],
                )
            raise OptionsError(
                f"{file}: its rows were made with another {' and '.join(then.flag for then, _ in changed)}, and "
                "--resume would mix the two; repeat the first run's options, or replace the rows with --overwrite",
                [f"{then.flag}: {then.shown} in the first run, {now.shown} now" for then, now in changed],
            )

    def _options(self) -> Iterator[_Option]:
        for field in fields(self):
            yield _Option(field.name, getattr(self, field.name), field.default)

    def _changes(self, digest: str) -> list[tuple[_Option, _Option]] | None:
        """Find which one or two options make `digest` with another value; each with that value, and as it is."""
        options = list(self._options())
        for count in range(1, _MOST_CHANGES + 1):
            for changed in combinations(options, count):
                others = [option.encoded for option in options if option not in changed]
                alternatives = [[(other, other.encoded) for other in option.alternatives()] for option in changed]
                for then in product(*alternatives):
                    if _sha256([*others, *(encoded for _, encoded in then)]) == digest:
                        return list(zip((option for option, _ in then), changed, strict=True))
        return None


class _Option(NamedTuple):
    """One option with a value."""

    name: str
    value: Any
    default: Any

    @property
    def flag(self) -> str:
        if self.name == "rules":  # not an option, but files
            return "set of rules and groups beside the model"
        return f"--{self.name.replace('_', '-')}"

    @property
    def encoded(self) -> str:
        """The option as a member of a JSON object; empty if it has its default value."""
        value = self.value
        if value == self.default:
            return ""
        if isinstance(value, tuple):  # one value is short for the same in each channel
            value = [float(channel) for channel in (value * 3 if len(value) == 1 else value)]
        elif isinstance(self.default, float):
            value = float(value)
        return f"{json.dumps(self.flag)}:{json.dumps(value, separators=(',', ':'))}"

    @property
    def shown(self) -> str:
        if isinstance(self.value, bool):
            return "on" if self.value else "off"
        if self.value is None:
            return "none" if self.name == "rules" else "the default"
        if self.name in ("labels", "thresholds", "only", "rules"):
            return "a file"
        if isinstance(self.value, tuple):
            return ",".join(f"{channel:.12g}" for channel in self.value)
        return str(self.value)

    def alternatives(self) -> Iterator[_Option]:
        """Yield the option with each other value that an earlier run may have had."""
        likely = (False, True) if isinstance(self.default, bool) else _LIKELY.get(self.name, ())
        for value in dict.fromkeys((self.default, *likely)):
            if value != self.value:
                yield self._replace(value=value)


def _sha256(encoded: Iterable[str]) -> str:
    return sha256(f"{{{','.join(sorted(filter(None, encoded)))}}}".encode("ascii")).hexdigest()
