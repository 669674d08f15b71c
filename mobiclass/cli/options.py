"""The options that commands share, each defined once; a command takes them with a decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, get_args

import click

from mobiclass.choices import (
    MAX_THREADS,
    Channels,
    Layout,
    OutputKind,
    Resize,
    RunOptions,
    RuntimeChoice,
    is_device,
)
from mobiclass.cli.option_groups import option
from mobiclass.cli.signals import loaded
from mobiclass.cli.terminal.text import echo_notice

if TYPE_CHECKING:
    from pathlib import Path

    from mobiclass.batch import Exclusion
    from mobiclass.classifier import Classifier

# For completion only: reading a file gives a better message than click's check.
ANY_PATH: Final = click.Path(readable=False)

PREPROCESSING: Final = ("resize", "crop_fraction", "mean", "std", "channels", "layout", "resolution")
"""The options that override what a model says of its input."""

DESCRIPTION: Final = (*PREPROCESSING, "output_tensor", "output_kind")
"""Those, and the ones that override what it says of its output."""

_MAX_SECONDS: Final = 86_400
_DEFAULTS: Final = RunOptions()

Command = TypeVar("Command", bound=Callable[..., Any])


class Decisions(NamedTuple):
    """Whether a model's scores become an answer, and how; see `mobiclass.classifier.Classifier.load`."""

    decide: bool | None = None
    thresholds: str | None = None
    only: str | None = None


class ModelOptions(NamedTuple):
    """Which model, and how to run it."""

    model: str | None
    labels: str | None
    run: RunOptions
    resize: Resize | None
    crop_fraction: float | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    channels: Channels | None
    layout: Layout | None
    resolution: tuple[int, int] | None
    output_tensor: str | None
    output_kind: OutputKind | None
    decisions: Decisions = Decisions(decide=False)

    def of_another_model(self, model: str, labels: str | None) -> ModelOptions:
        """Run `model` likewise; what was said of the first one's input and output does not hold for it."""
        nothing: dict[str, Any] = dict.fromkeys(DESCRIPTION)
        return self._replace(model=model, labels=labels, decisions=Decisions(decide=False), **nothing)

    @property
    def description(self) -> dict[str, Any]:
        """What overrides the model's description of its input and output, as `Classifier.load` takes it."""
        return {name: getattr(self, name) for name in DESCRIPTION}

    def load(self, *, quiet: bool = False) -> Classifier:
        """Load the classifier, to be closed when the command ends; a failing device is reported on stderr."""
        from mobiclass.classifier import Classifier

        classifier = Classifier.load(
            self.model,
            labels=self.labels,
            **self.description,
            **self.run._asdict(),
            **self.decisions._asdict(),
            notify=None if quiet else echo_notice,
        )
        click.get_current_context().call_on_close(classifier.close)
        loaded()
        return classifier


def _device(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if is_device(value):
        return value
    raise click.BadParameter(f"{value!r} is not one of auto, cpu, edgetpu[:usb|:pci][:N]")


def fraction(ctx: click.Context, param: click.Parameter, value: float) -> float:
    """Check a value from 0 to 1: the callback of an option."""
    if not 0 <= value <= 1:  # nor "nan", which click.FloatRange lets pass
        raise click.BadParameter(f"{value} is not in the range 0<=x<=1.")
    return value


def _seconds(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if not 0 < value <= _MAX_SECONDS:  # nor "nan"
        raise click.BadParameter(f"{value:g} is not in the range 0<x<={_MAX_SECONDS}.")
    return value


def _checked(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Check a value as what the option is named after, and give it in its one form."""
    if value is None or param.name is None:
        return None
    from mobiclass.tflite import override_facts

    try:
        return getattr(override_facts(**{param.name: value}), param.name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _per_channel(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Parse one number, or three separated by commas, and check them as a mean or standard deviation."""
    if value is None:
        return None
    from mobiclass.tflite import override_facts

    try:
        numbers = tuple(float(number) for number in value.split(","))
        override_facts(std=numbers) if param.name == "std" else override_facts(mean=numbers)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}") from error
    return numbers


_DESCRIPTION_OPTIONS = (
    option(
        "Input preprocessing", "--resize", type=click.Choice(get_args(Resize)),
        help="Resize mode: crop the centre, squash the aspect ratio, or pad.  [default: the model's own, else crop]",
    ),
    option(
        "Input preprocessing", "--crop-fraction", metavar="F", type=float, callback=_checked,
        help="Part of the shorter side that a centre crop keeps, up to 1.  [default: the model's own, else 0.875]",
    ),
    option(
        "Input preprocessing", "--mean", callback=_per_channel, metavar="M[,M,M]",
        help="Mean to subtract from pixels of 0-255, one value or one per channel.  [default: the model's own]",
    ),
    option(
        "Input preprocessing", "--std", callback=_per_channel, metavar="S[,S,S]",
        help="Standard deviation to divide by afterwards, in the same units; 1, with a mean of 0, for raw pixels.  "
        "[default: the model's own]",
    ),
    option(
        "Input preprocessing", "--channels", type=click.Choice(get_args(Channels)),
        help="Order of the colour channels.  [default: the model's own, else rgb]",
    ),
    option(
        "Input preprocessing", "--layout", type=click.Choice(get_args(Layout)),
        help="Channels last or first, for an input that may be either.  [default: as its shape says]",
    ),
    option(
        "Input preprocessing", "--resolution", metavar="N|HxW", callback=_checked,
        help="Height and width in pixels, for an input that takes any.  [default: the model's own]",
    ),
    option(
        "Predictions", "--output-tensor", metavar="N|NAME",
        help="Output that holds the scores, where there are several.  [default: the one that does by the graph]",
    ),
    option(
        "Predictions", "--output-kind", type=click.Choice(get_args(OutputKind)),
        help="What the scores are: logits get a softmax, multi-label ones a sigmoid each.  "
        "[default: as the graph tells, else test images]",
    ),
)  # fmt: skip

_DEVICE_OPTIONS = (
    option(
        "Execution", "--device", callback=_device, metavar="DEVICE", default=_DEFAULTS.device, show_default=True,
        envvar="MOBICLASS_DEVICE", show_envvar=True,
        help="Device: auto, cpu, or edgetpu[:usb|:pci][:N].",
    ),
    option(
        "Execution", "--device-timeout", metavar="SECONDS", type=float, callback=_seconds,
        default=_DEFAULTS.device_timeout, show_default=True, help="Time limit for one image on an Edge TPU.",
    ),
    option(
        "Execution", "--runtime", type=click.Choice(get_args(RuntimeChoice)), default=_DEFAULTS.runtime,
        show_default=True,
        envvar="MOBICLASS_RUNTIME", show_envvar=True,
        help="Runtime: ai-edge-litert or tflite-runtime; auto prefers LiteRT.",
    ),
    option(
        "Execution", "--threads", "num_threads", metavar="N", type=click.IntRange(1, MAX_THREADS),
        envvar="MOBICLASS_THREADS", show_envvar=True,
        help="Interpreter threads.  [default: all cores; 1 per job in batch and evaluate]",
    ),
)  # fmt: skip

_LABELS_OPTION = option(
    "Model", "--labels", metavar="FILE", type=ANY_PATH,
    help="Label file: one label per line, or what exporters write (JSON, CSV, pbtxt, YAML; with or without "
    "indices).  [default: the model's own]",
)  # fmt: skip

_MODEL_OPTION = option(
    "Model", "-m", "--model", metavar="NAME|PATH", type=ANY_PATH, envvar="MOBICLASS_MODEL", show_envvar=True,
    help="Catalogue name, or path of any .tflite classifier.  [default: the built-in model]",
)  # fmt: skip

_BASE_OPTION = option(
    "Model", "-m", "--model", "base", metavar="NAME|PATH", type=ANY_PATH, envvar="MOBICLASS_MODEL", show_envvar=True,
    help="Base model: any .tflite classifier that ends in pooling and a dense layer, or an embedding extractor.  "
    "[default: the built-in model]",
)  # fmt: skip

_MODEL_OPTIONS = (
    _MODEL_OPTION,
    _LABELS_OPTION,
    *_DEVICE_OPTIONS,
    *_DESCRIPTION_OPTIONS,
)  # fmt: skip

allow_truncated_option = option(
    "Input preprocessing", "--allow-truncated", is_flag=True, help="Decode truncated images."
)

jobs_option = option(
    "Execution", "--jobs", metavar="N", type=click.IntRange(1, 256),
    help="Images classified in parallel.  [default: one per core]",
)  # fmt: skip

all_files_option = option("Sources", "--all-files", is_flag=True, help="Try files of any suffix in folders.")


def _exclusion(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> Exclusion:
    from mobiclass.batch import Exclusion

    try:
        return Exclusion(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


exclude_option = option(
    "Sources", "--exclude", "exclusion", metavar="GLOB", multiple=True, callback=_exclusion,
    help="Skip files and folders by name, or by path below the source; repeatable.",
)  # fmt: skip

_PREDICTION_OPTIONS = (
    option(
        "Predictions", "-k", "--top-k", metavar="N", type=click.IntRange(min=1), default=5, show_default=True,
        help="Predictions per image.",
    ),
    option(
        "Predictions", "--threshold", metavar="P", type=float, callback=fraction, default=0.0,
        help="Drop predictions with a score below P (0-1).  [default: 0]",
    ),
    allow_truncated_option,
    option("Output", "--timing", is_flag=True, help="Include per-stage timings."),
)  # fmt: skip

_EARLIER_RUN_OPTIONS = (
    option(
        "Output", "--resume", is_flag=True,
        help="Resume an earlier run with the same options: classify new, changed and failed images only.",
    ),
    option("Output", "--overwrite", is_flag=True, help="Replace the output of an earlier run."),
)  # fmt: skip

_DECISION_OPTIONS = (
    option(
        "Decisions", "--decide/--no-decide", default=None,
        help="Decide for a class where it is sure, else for a group, else for unknown.  [default: where the model has "
        "rules for that, or ImageNet's labels]",
    ),
    option(
        "Decisions", "--thresholds", metavar="FILE", type=ANY_PATH,
        help="Least score of a class to be decided for: label,score per line.",
    ),
    option(
        "Decisions", "--only", metavar="FILE", type=ANY_PATH,
        help="List of the only classes to predict: labels, WordNet ids or groups.",
    ),
)  # fmt: skip

format_option = option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json", "jsonl", "csv")),
    help="Output format on stdout.  [default: table on a terminal, else jsonl]",
)  # fmt: skip

csv_bom_option = option(
    "Output", "--csv-bom", is_flag=True,
    help="Write CSV for spreadsheets: with a byte order mark, and no cell a formula.",
)  # fmt: skip


def check_csv_bom(csv_bom: bool, output_format: str | None, *files: Path | None) -> None:
    """Refuse `csv_bom` where neither the format on stdout nor a file is CSV."""
    if csv_bom and output_format != "csv" and not any(file and file.suffix.lower() == ".csv" for file in files):
        raise click.UsageError("--csv-bom is for CSV: add --format csv, or write to a .csv file")


def model_options(command: Command) -> Command:
    """Give `command` the options that choose a model; it takes them as one `ModelOptions` named `options`."""

    @functools.wraps(command)
    def with_options(**arguments: Any) -> Any:
        arguments["run"] = _take_run_options(arguments)
        fields = {name: arguments.pop(name) for name in ModelOptions._fields if name in arguments}
        return command(options=ModelOptions(**fields), **arguments)

    return _with(_MODEL_OPTIONS, with_options)  # type: ignore[return-value]


def decision_options(command: Command) -> Command:
    """Give `command` the options that say how scores become an answer; they are part of its `ModelOptions`.

    It stands before `model_options`.
    """

    @functools.wraps(command)
    def with_decisions(**arguments: Any) -> Any:
        fields = {name: arguments.pop(name) for name in Decisions._fields}
        return command(decisions=Decisions(**fields), **arguments)

    return _with(_DECISION_OPTIONS, with_decisions)  # type: ignore[return-value]


def base_options(command: Command) -> Command:
    """Give `command` the model that it takes features of: `base`, where it `run`s, and the mapping `preprocessing`.

    The latter is what overrides the model's description of its input.
    """

    @functools.wraps(command)
    def with_base(**arguments: Any) -> Any:
        given = {name: value for name in PREPROCESSING if (value := arguments.pop(name)) is not None}
        return command(run=_take_run_options(arguments), preprocessing=given, **arguments)

    options = _DESCRIPTION_OPTIONS[: len(PREPROCESSING)]
    return _with((_BASE_OPTION, *_DEVICE_OPTIONS, *options), with_base)  # type: ignore[return-value]


def description_options(command: Command) -> Command:
    """Give `command` the options that override what a model says of itself: `labels`, and those of `DESCRIPTION`."""
    return _with((_LABELS_OPTION, *_DESCRIPTION_OPTIONS), command)


def device_options(command: Command) -> Command:
    """Give `command` the options that say where a model runs; it takes them as one `RunOptions` named `run`."""

    @functools.wraps(command)
    def with_run(**arguments: Any) -> Any:
        return command(run=_take_run_options(arguments), **arguments)

    return _with(_DEVICE_OPTIONS, with_run)  # type: ignore[return-value]


def _take_run_options(arguments: dict[str, Any]) -> RunOptions:
    return RunOptions(**{name: arguments.pop(name) for name in RunOptions._fields})


def prediction_options(command: Command) -> Command:
    """Give `command` `top_k`, `threshold`, `allow_truncated` and `timing`."""
    return _with(_PREDICTION_OPTIONS, command)


def earlier_run_options(command: Command) -> Command:
    """Give `command` `resume` and `overwrite`."""
    return _with(_EARLIER_RUN_OPTIONS, command)


def _with(options: tuple[Callable[[Command], Command], ...], command: Command) -> Command:
    for decorate in reversed(options):
        command = decorate(command)
    return command


def verbosity(*, quiet: str, verbose: str) -> Callable[[Command], Command]:
    """Make the decorator that gives a command `quiet` and `verbose`, with what the two do there as help texts."""
    options = (
        option("General", "-q", "--quiet", is_flag=True, help=quiet),
        option("General", "-v", "--verbose", is_flag=True, help=verbose),
    )
    return functools.partial(_with, options)


verbosity_options = verbosity(
    quiet="Print nothing on stderr but fatal errors.",
    verbose="Report the model, runtime, device and preprocessing on stderr.",
)
