"""``mobiclass doctor``: check this machine and this installation, and suggest fixes."""

from __future__ import annotations

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import verbosity
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.doctor import Option


@click.command(cls=GroupedCommand)
@option(
    "Output", "--format", "output_format", type=click.Choice(("table", "json")), default="table", show_default=True,
    help="Output format on stdout.",
)  # fmt: skip
@option(
    "Execution", "--timeout", metavar="SECONDS", type=click.FloatRange(min=0, min_open=True), default=30.0,
    show_default=True, help="Time limit of each step of a check; raise it on slow machines.",
)  # fmt: skip
@verbosity(quiet="Print no progress and no summary on stderr.", verbose="Report how long the checks took on stderr.")
def doctor(output_format: str, timeout: float, quiet: bool, verbose: bool) -> None:
    """Check this machine and this installation, and suggest fixes.

    Each line is ok, a warning (it works, but could work better), a problem (classification fails; exit code 3) or
    info. A check that may crash or hang runs in a process of its own, so that it costs a line, not the report. The
    environment variables MOBICLASS_* that are set are checked too.

    JSON: {"ok": bool, "checks": [{"name", "status": "ok|warning|problem|info", "text", "fix"}]}; "fix" is null where
    there is nothing to fix, and "ok" is false where there is a problem.

    \b
    Examples:
      mobiclass doctor
      MOBICLASS_DEVICE=edgetpu mobiclass doctor
      mobiclass doctor --format json | jq '.checks[] | select(.status != "ok")'
    """
    from mobiclass.cli.doctor.formats import CheckProgress, JsonReport, TableReport, summary
    from mobiclass.doctor import Environment, examine
    from mobiclass.errors import SetupError

    report = (JsonReport if output_format == "json" else TableReport)(sys.stdout)
    progress = CheckProgress(sys.stderr, quiet=quiet)
    findings = []
    seconds: dict[str, float] = {}
    start = last = monotonic()
    for finding in examine(Environment(timeout_seconds=timeout), _options_set(), progress.show):
        progress.clear()
        now = monotonic()
        seconds[finding.name] = seconds.get(finding.name, 0) + now - last
        last = now
        findings.append(finding)
        report.write(finding)
    report.close()
    if verbose:
        slowest = sorted((took, name) for name, took in seconds.items() if took >= 0.05)[::-1]
        texts = [f"{last - start:.1f} s in all", *(f"{safe_text(name)} {took:.1f} s" for took, name in slowest)]
        click.echo(f"checks took {', '.join(texts)}", err=True)
    if not quiet:
        click.echo(summary(findings), err=True)
    if any(finding.status == "problem" for finding in findings):
        click.get_current_context().exit(SetupError.exit_code)


def _options_set() -> dict[str, Option]:
    """Have the command line validate each environment variable that sets one of its options."""
    from mobiclass.cli.batch import batch
    from mobiclass.cli.predict import predict
    from mobiclass.doctor import Option

    judged = {}
    for command in (predict, batch):
        context = click.Context(command)
        for param in command.params:
            if not isinstance(param.envvar, str):
                continue
            complaint = None
            try:
                if value := os.environ.get(param.envvar):  # an empty one counts as not set
                    param.process_value(context, value)
            except click.BadParameter as error:
                complaint = error.message
            judged[param.envvar] = Option(max(param.opts, key=len), complaint)
    return judged
