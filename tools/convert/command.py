"""``python -m tools.convert``: a Keras image classifier to an int8 TFLite model that has been checked.

The command line alone: options, messages, files, exit codes. The steps are those of `tools.convert.conversion`.
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass._system import atomic_write
from mobiclass.cli import separate_streams
from mobiclass.errors import MobiclassError, SetupError
from tools.keras_models import ARCHITECTURES, architecture_table

if TYPE_CHECKING:
    from tools.convert.conversion import Conversion

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_FOLDER: Final = click.Path(file_okay=False, path_type=Path)


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a number, or three with commas between") from error
    if len(numbers) not in (1, 3):
        raise click.BadParameter("one number, or three with commas between (R,G,B)")
    return numbers


def _print_list(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(architecture_table())
        context.exit()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--keras", type=_FILE, metavar="FILE", help="A .keras or .h5 file that Keras 3 or Keras 2 saved.")
@click.option("--arch", type=click.Choice(list(ARCHITECTURES)), help="Or an architecture, with --weights.")
@click.option("--alpha", type=click.FloatRange(0, 10, min_open=True), default=1.0, show_default=True, help="Its width.")
@click.option(
    "--resolution", type=click.IntRange(32, 1024), metavar="N", help="Input height and width.  [default: 224]"
)
@click.option("--minimalistic", is_flag=True, help="Of V3: without squeeze-excite and hard-swish.")
@click.option("--weights", default="imagenet", show_default=True, metavar="imagenet|FILE", help="Its weights.")
@click.option("--calibration", type=_FOLDER, metavar="DIR", help="Photos like those the model will see, recursively.")
@click.option(
    "--samples", type=click.IntRange(20, 10_000), default=100, show_default=True, help="Crops to calibrate on."
)
@click.option("--labels", type=_FILE, metavar="FILE", help="One label a line, in the order of the outputs.")
@click.option("--io", type=click.Choice(["uint8", "int8", "float32"]), default="uint8", show_default=True)
@click.option("--evaluate", type=_FOLDER, metavar="DIR", help="Labelled photos to judge by: DIR/<class>/<image>.")
@click.option("--mean", callback=_numbers, metavar="M[,M,M]", help="Subtracted from pixels of 0–255.")
@click.option("--std", callback=_numbers, metavar="S[,S,S]", help="Divides them then.")
@click.option("--max-disagreement", type=click.FloatRange(0, 1), default=0.03, show_default=True, metavar="P")
@click.option("--narrow-ranges/--no-narrow-ranges", default=True, help="Cut off what costs the other values precision.")
@click.option("--bias-correction/--no-bias-correction", default=True, help="Take out what quantization shifts.")
@click.option("--edgetpu", is_flag=True, help="Compile for the Edge TPU too, or print the command.")
@click.option("--report", type=_FILE, metavar="FILE.html|.json", help="What the check found, layer by layer.")
@click.option("--name", help="For the metadata.  [default: the output's name]")
@click.option("--description", help="For the metadata.")
@click.option("--author", help="For the metadata.")
@click.option("--license", help="For the metadata: an SPDX identifier.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_list, help="Architectures.")
@click.option("-o", "--output", type=_FILE, required=True, metavar="OUT.tflite")
def main(output: Path, edgetpu: bool, report: Path | None, name: str | None, **options: Any) -> None:
    """Convert a Keras image classifier to full-integer int8 TFLite, and check it against its float self.

    \b
    python -m tools.convert --keras model.keras --calibration photos/ --labels labels.txt -o model.tflite
    python -m tools.convert --arch mobilenet_v2 --alpha 0.5 --resolution 160 -o mobilenet.tflite

    Photos are held back to judge the result by. Where it disagrees with the float model in what that is sure of by
    more than --max-disagreement, nothing is written but the report.

    Exit codes: 0 written, 2 usage, 3 a file, the photos or a package is at fault, 5 the check refused the model.
    """
    try:
        _check_options(output, edgetpu, report, options)
        _run(output, edgetpu, report, name or output.name.removesuffix(".tflite"), options)
    except MobiclassError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _check_options(output: Path, edgetpu: bool, report: Path | None, options: dict[str, Any]) -> None:
    """Refuse what can be seen to be wrong before TensorFlow is even imported."""
    if (options["keras"] is None) == (options["arch"] is None):
        raise click.UsageError("give either --keras FILE or --arch NAME")
    if options["keras"] is not None:
        _refuse_idle_options("alpha", "minimalistic", "weights")
    if (options["mean"] is None) != (options["std"] is None):
        raise click.UsageError("--mean and --std belong together")
    if options["minimalistic"] and "v3" not in (options["arch"] or "v3"):
        raise click.UsageError("--minimalistic is a variant of mobilenet_v3_small and mobilenet_v3_large")
    if edgetpu and options["io"] == "float32":
        raise click.UsageError("the Edge TPU takes --io uint8 or int8")
    _check_normalization(options)
    for path in filter(None, (output, report)):
        if not path.parent.is_dir():
            raise SetupError(f"{path}: there is no folder {path.parent}; make it first")
    if report is not None and report.suffix.lower() not in (".html", ".json"):
        raise click.UsageError(f"{report}: a report is .html or .json")
    sources = (options["keras"], options["labels"], report)
    if any(source is not None and source.resolve() == output.resolve() for source in sources):
        raise click.UsageError(f"{output}: the output cannot be one of the other files")
    if not os.environ.get("TF_CPP_MIN_LOG_LEVEL"):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def _refuse_idle_options(*names: str) -> None:
    """Refuse options that belong to --arch: a Keras file says all that by itself."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} belongs to --arch; what --keras FILE holds is seen in its graph")


def _check_normalization(options: dict[str, Any]) -> None:
    from mobiclass.tflite import override_facts

    try:
        override_facts(mean=options["mean"], std=None)
        # A std of 1 is how a model that normalizes by itself is told so; the runtime's command line has no such case.
        if options["std"] is not None and tuple(options["std"]) != (1.0,):
            override_facts(std=options["std"])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _run(output: Path, edgetpu: bool, report: Path | None, name: str, options: dict[str, Any]) -> None:
    try:
        from tools.convert import conversion, edgetpu_compiler
    except ModuleNotFoundError as error:
        raise SetupError(f"{error.name} is not installed: pip install '.[tools]' in the checkout") from error
    request = conversion.Request(name=name, **options)
    conversion.check_request(request)
    with _quiet():
        converted = conversion.convert(request, lambda line: click.echo(line, err=True))
    _tell(converted)
    hints = () if converted.gate.passed else conversion.gate_advice(converted, request)
    if report is not None:
        from tools.convert.gate_report import render_report

        _write(report, render_report(converted.gate, report, name=name, facts=converted.facts, advice=hints))
    if not converted.gate.passed:
        _refuse(converted, output, hints)
    if not edgetpu:
        _write(output, converted.model)
        return
    edgetpu_compiler.check_operators(converted.model)
    compiled = edgetpu_compiler.compile_model(converted.model, output.name)
    _write(output, converted.model)
    if compiled is None:
        command = shlex.join(edgetpu_compiler.compiler_command(output))
        click.echo(
            f"{edgetpu_compiler.COMPILER} is not on the PATH. To compile for the Edge TPU:\n  {command}", err=True
        )
        return
    content, log = compiled
    _write(edgetpu_compiler.compiled_path(output), content)
    click.echo(f"  {log.mapped} operators on the Edge TPU, on-chip {log.on_chip}, streamed {log.off_chip}", err=True)


def _refuse(converted: Conversion, output: Path, hints: tuple[str, ...]) -> None:
    from tools.errors import GateRefusalError

    lines = [f"{'; '.join(converted.gate.reasons)}. Nothing was written to {output}.", *_worst(converted)]
    raise GateRefusalError("\n".join([*lines, "What to try:", *(f"  {hint}" for hint in hints)]))


def _tell(converted: Conversion) -> None:
    from tools.convert.gate_report import summary_rows

    rows = summary_rows(converted.gate)
    width = max(len(what) for what, _ in rows)
    for what, figure in rows:
        click.echo(f"  {what.ljust(width)}  {figure}", err=True)


def _worst(converted: Conversion) -> list[str]:
    lines = ["Layers that lose most:"]
    for layer in converted.gate.worst_layers():
        clipped = f", {layer.saturated} of {layer.channels} channels saturated" if layer.saturated else ""
        lines.append(
            f"  {layer.name} ({layer.operator}): {layer.loss_db:.1f} dB, down to {layer.snr_db:.1f} dB{clipped}"
        )
    return lines


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)
    click.echo(f"{path}: {len(content)} bytes", err=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what Keras and TensorFlow say to people who write programs with them."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [logger.level for logger in loggers]
    try:
        # Keras announces downloads on stdout, where only results belong.
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


if __name__ == "__main__":
    separate_streams()  # what TensorFlow and the runtimes say of themselves goes nowhere
    main()
