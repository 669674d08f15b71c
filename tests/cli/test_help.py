"""What every command's ``--help`` has, whichever command it is, and that docs/commands.md says the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from mobiclass.cli import program
from mobiclass.cli.option_groups import GroupedCommand, GroupedOption

REFERENCE = Path(__file__).parents[2] / "docs" / "commands.md"
LONGEST_TEXT = 130  # characters: two lines of a terminal that is 100 wide


def all_commands(names: tuple[str, ...] = (), command: click.Command = program) -> Iterator[tuple[str, click.Command]]:
    """Walk through the program's commands and their subcommands, each with its words."""
    yield " ".join(names), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            yield from all_commands((*names, name), subcommand)


def all_options() -> Iterator[tuple[str, click.Option]]:
    """Walk through the options of all commands, each with the words of its command."""
    for words, command in all_commands():
        yield from ((words, param) for param in command.params if isinstance(param, click.Option))


def text_of(option: click.Option) -> str:
    """Give an option's help without its remark on a default that depends on something."""
    return re.sub(r"  \[default: [^]]+\]$", "", option.help or "")


def test_there_are_commands() -> None:
    words = [words for words, _ in all_commands()]
    assert len(words) >= 11
    assert len(words) == len(set(words))
    assert len(list(all_options())) > 90


def test_every_command_has_examples() -> None:
    lacking = []
    for words, _ in all_commands():
        shown = CliRunner().invoke(program, [*words.split(), "--help"], prog_name="mobiclass").stdout
        section = re.search(r"^  Examples:\n((?:    \S.*\n)+)", shown, re.MULTILINE)
        if section is None or not all("mobiclass " in line for line in section[1].splitlines()):
            lacking.append(words)
    assert lacking == []


def test_every_command_is_summarized_in_a_sentence_that_is_not_cut() -> None:
    summaries = {
        words: command.get_short_help_str(limit=80) for words, command in all_commands() if words.startswith("models ")
    }
    assert len(summaries) >= 4
    assert [words for words, summary in summaries.items() if summary.endswith("...")] == []


def test_every_option_has_a_text_that_is_a_sentence_and_short() -> None:
    assert [
        f"{words} {option.opts[-1]}: {option.help}"
        for words, option in all_options()
        if not re.fullmatch(r"[A-Z].*\.", text_of(option)) or len(text_of(option)) > LONGEST_TEXT
    ] == []


def test_every_option_of_a_command_is_in_a_group_and_general_means_general() -> None:
    ungrouped = [words for words, command in all_commands() if not isinstance(command, GroupedCommand | click.Group)]
    assert ungrouped == []
    general = {
        option.opts[-1] for words, option in all_options() if words and getattr(option, "group", "General") == "General"
    }
    assert general == {"--quiet", "--verbose"}


def test_every_command_can_be_quiet_and_explain_itself() -> None:
    expected = {"-q": "General", "-v": "General"}
    for words, command in all_commands():
        if not isinstance(command, click.Group):
            found = {p.opts[0]: p.group for p in command.params if isinstance(p, GroupedOption) and p.is_flag}
            assert {name: found.get(name) for name in expected} == expected, words


def test_the_reference_has_every_command_and_every_option() -> None:
    sections = dict(re.findall(r"^## mobiclass ?(.*)\n\n```\n((?:.*\n)*?)```$", REFERENCE.read_text(), re.MULTILINE))
    assert list(sections) == [words for words, _ in all_commands()]
    missing = [
        f"{words} {name}"
        for words, option in all_options()
        for name in option.opts
        if not re.search(rf"^  (?:-\w, )?{name}\b", sections[words], re.MULTILINE)
    ]
    assert missing == []
