"""Options under headings, in help and in shell completion, by the commands that have them."""

from __future__ import annotations

import re

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from mobiclass.cli import program
from mobiclass.cli.option_groups import GroupedCommand, option


@click.command(cls=GroupedCommand)
@click.argument("source")
@option("General", "-q", "--quiet", is_flag=True, help="Print less.")
@option("Output", "-o", "--output", metavar="FILE", help="Write here.")
@option("Sources", "--an-option-with-a-name-too-long-for-the-column", is_flag=True, help="Below its name.")
@option("Output", "--hidden", hidden=True, help="Not shown.")
@click.option("--plain", is_flag=True, help="Declared without a group.")
def shuffled(**_: object) -> None:
    """Have options in no order."""


def test_groups_stand_in_their_order_and_their_texts_in_one_column() -> None:
    shown = CliRunner().invoke(shuffled, ["--help"]).stdout
    assert shown.partition("\n\n")[2].partition("\n\n")[2] == (
        "Sources:\n"
        "  --an-option-with-a-name-too-long-for-the-column\n"
        "                                  Below its name.\n"
        "\n"
        "Output:\n"
        "  -o, --output FILE               Write here.\n"
        "\n"
        "General:\n"
        "  -q, --quiet                     Print less.\n"
        "  --plain                         Declared without a group.\n"
        "  --help                          Show this message and exit.\n"
    )


def test_options_without_any_group_stand_under_the_usual_heading() -> None:
    @click.command(cls=GroupedCommand)
    @click.argument("source")
    def bare(**_: object) -> None:
        """Have no options."""

    assert "\nOptions:\n  --help  Show" in CliRunner().invoke(bare, ["--help"]).stdout


def test_a_shared_option_lands_in_its_group() -> None:
    shown = CliRunner().invoke(program, ["batch", "--help"]).stdout
    headings = re.findall(r"^(\w[\w ]*):$", shown, re.MULTILINE)
    assert headings == [
        "Sources",
        "Model",
        "Execution",
        "Input preprocessing",
        "Predictions",
        "Decisions",
        "Output",
        "General",
    ]
    sections = dict(zip(headings, re.split(r"^\w[\w ]*:$", shown, flags=re.MULTILINE)[1:], strict=True))
    places = {"--labels": "Model", "--device": "Execution", "--std": "Input preprocessing", "--top-k": "Predictions"}
    places |= {"--null": "Sources", "--report": "Output", "--resume": "Output", "--verbose": "General"}
    assert {name: [heading for heading in headings if name in sections[heading]] for name in places} == {
        name: [heading] for name, heading in places.items()
    }


@pytest.mark.parametrize("name", ["predict", "batch", "benchmark", "evaluate", "doctor"])
def test_completion_lists_options_in_the_order_of_the_help(name: str) -> None:
    completed = ShellComplete(program, {}, "mobiclass", "_MOBICLASS_COMPLETE").get_completions([name], "--")
    shown = CliRunner().invoke(program, [name, "--help"]).stdout.partition("Examples:\n")[2]
    in_help = re.findall(r"^  (?:-\w, )?(--[\w-]+(?: / --[\w-]+)?)", shown, re.MULTILINE)
    in_help = [name for names in in_help for name in names.split(" / ")]  # --decide / --no-decide
    assert len(in_help) >= 3
    assert [item.value for item in completed] == in_help
