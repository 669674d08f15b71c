"""``python -m tools.convert``: converts a Keras image classifier to int8 TFLite, and checks the result.

Only the command line: options, messages, files, exit codes. The steps are in `tools.convert.conversion`.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mobiclass._system import atomic_write
from tools.command_line import ToolCommand, require_folder_of
from tools.dependencies import quiet_tensorflow
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
        raise click.BadParameter(f"{value!r} is neither a number nor three comma-separated numbers") from error
    if len(numbers) not in (1, 3):
        raise click.BadParameter("expected one number, or three separated by commas (R,G,B)")
    return numbers


def _print_list(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(architecture_table())
        context.exit()


@click.command(cls=ToolCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--keras", type=_FILE, metavar="FILE", help="Model saved by Keras 3 or 2: .keras or .h5.")
@click.option("--arch", type=click.Choice(list(ARCHITECTURES)), help="Architecture to build instead of --keras.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 10, min_open=True),
    default=1.0,
    show_default=True,
    help="Width of --arch.",
)
@click.option(
    "--resolution", type=click.IntRange(32, 1024), metavar="N", help="Input height and width.  [default: 224]"
)
@click.option("--minimalistic", is_flag=True, help="V3 without squeeze-and-excite and hard-swish.")
@click.option("--weights", default="imagenet", show_default=True, metavar="imagenet|FILE", help="Weights of --arch.")
@click.option("--calibration", type=_FOLDER, metavar="DIR", help="Calibration photos, searched recursively.")
@click.option(
    "--samples", type=click.IntRange(20, 10_000), default=100, show_default=True, help="Number of calibration crops."
)
@click.option("--labels", type=_FILE, metavar="FILE", help="Label list: one label per line, in output order.")
@click.option(
    "--io",
    type=click.Choice(["uint8", "int8", "float32"]),
    default="uint8",
    show_default=True,
    help="Input and output dtype.",
)
@click.option("--evaluate", type=_FOLDER, metavar="DIR", help="Labelled photos for the check: DIR/<class>/<image>.")
@click.option("--mean", callback=_numbers, metavar="M[,M,M]", help="Subtract from pixels (0–255).")
@click.option("--std", callback=_numbers, metavar="S[,S,S]", help="Divide by, after --mean.")
@click.option("--max-disagreement", type=click.FloatRange(0, 1), default=0.03, show_default=True, metavar="P",
              help="Highest material disagreement that passes.")  # fmt: skip
@click.option("--narrow-ranges/--no-narrow-ranges", default=True, help="Clip outlying activations.")
@click.option("--bias-correction/--no-bias-correction", default=True, help="Correct shifted channel means.")
@click.option("--edgetpu", is_flag=True, help="Also compile for the Edge TPU, or print the command.")
@click.option("--report", type=_FILE, metavar="FILE.html|.json", help="Write the results of the check, layer by layer.")
@click.option("--name", help="Model name in the metadata.  [default: the output's name]")
@click.option("--description", help="Description in the metadata.")
@click.option("--author", help="Author in the metadata.")
@click.option("--license", help="License in the metadata: an SPDX identifier.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_list, help="List architectures."
)
@click.option("-o", "--output", type=_FILE, required=True, metavar="OUT.tflite", help="Output model.")
def main(output: Path, edgetpu: bool, report: Path | None, name: str | None, **options: Any) -> None:
    """Convert a Keras image classifier to full-integer int8 TFLite, and compare it with the float model.

    \b
    python -m tools.convert --keras model.keras --calibration photos/ --labels labels.txt -o model.tflite
    python -m tools.convert --arch mobilenet_v2 --alpha 0.5 --resolution 160 -o mobilenet.tflite

    Some photos are held out for the check. If the material disagreement with the float model exceeds
    --max-disagreement, only the report is written.

    Exit codes: 0 written, 2 usage error, 3 a file, the photos or a package cannot be used, 5 refused by the check.
    """
    _check_options(output, edgetpu, report, options)
    _run(output, edgetpu, report, name or output.name.removesuffix(".tflite"), options)


def _check_options(output: Path, edgetpu: bool, report: Path | None, options: dict[str, Any]) -> None:
    """Reject wrong options before TensorFlow is imported."""
    if (options["keras"] is None) == (options["arch"] is None):
        raise click.UsageError("give either --keras FILE or --arch NAME")
    if options["keras"] is not None:
        _reject_unused_options("alpha", "minimalistic", "weights")
    if (options["mean"] is None) != (options["std"] is None):
        raise click.UsageError("--mean and --std must be given together")
    if options["minimalistic"] and "v3" not in (options["arch"] or "v3"):
        raise click.UsageError("--minimalistic is for mobilenet_v3_small and mobilenet_v3_large")
    if edgetpu and options["io"] == "float32":
        raise click.UsageError("--edgetpu requires --io uint8 or int8")
    _check_normalization(options)
    for path in filter(None, (output, report)):
        require_folder_of(path)
    if report is not None and report.suffix.lower() not in (".html", ".json"):
        raise click.UsageError(f"{report}: a report must be .html or .json")
    sources = (options["keras"], options["labels"], report)
    if any(source is not None and source.resolve() == output.resolve() for source in sources):
        raise click.UsageError(f"{output}: the output must differ from the other files")
    if not os.environ.get("TF_CPP_MIN_LOG_LEVEL"):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def _reject_unused_options(*names: str) -> None:
    """Reject options of --arch: a Keras file already defines them."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} goes with --arch; a Keras file defines it itself")


def _check_normalization(options: dict[str, Any]) -> None:
    from mobiclass.tflite import override_facts

    try:
        override_facts(mean=options["mean"], std=None)
        # A std of 1 means that the graph normalizes pixels itself, which the runtime's own --std does not provide for.
        if options["std"] is not None and tuple(options["std"]) != (1.0,):
            override_facts(std=options["std"])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _run(output: Path, edgetpu: bool, report: Path | None, name: str, options: dict[str, Any]) -> None:
    from tools.convert import conversion, edgetpu_compiler

    request = conversion.Request(name=name, **options)
    with quiet_tensorflow(), redirect_stdout(sys.stderr):  # Keras prints downloads to stdout
        converted = conversion.convert(request, lambda line: click.echo(line, err=True))
    _print_summary(converted)
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
            f"{edgetpu_compiler.COMPILER} is not on the PATH. To compile for the Edge TPU, run:\n  {command}", err=True
        )
        return
    content, log = compiled
    _write(edgetpu_compiler.compiled_path(output), content)
    click.echo(f"  {log.mapped} operators on the Edge TPU, on-chip {log.on_chip}, streamed {log.off_chip}", err=True)


def _refuse(converted: Conversion, output: Path, hints: tuple[str, ...]) -> None:
    from tools.errors import GateRefusalError

    lines = [f"{'; '.join(converted.gate.reasons)}. Nothing was written to {output}.", *_worst(converted)]
    raise GateRefusalError("\n".join([*lines, "What to try:", *(f"  {hint}" for hint in hints)]))


def _print_summary(converted: Conversion) -> None:
    from tools.convert.gate_report import summary_rows

    rows = summary_rows(converted.gate)
    width = max(len(what) for what, _ in rows)
    for what, figure in rows:
        click.echo(f"  {what.ljust(width)}  {figure}", err=True)


def _worst(converted: Conversion) -> list[str]:
    lines = ["Layers with the largest loss:"]
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
