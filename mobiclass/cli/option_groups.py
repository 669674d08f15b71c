"""Options under headings: a command's ``--help`` and shell completion list them by what they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

import click

Group: TypeAlias = Literal[
    "Sources", "Model", "Comparison", "Execution", "Input preprocessing", "Predictions", "Decisions", "Measurement",
    "Output", "General",
]  # fmt: skip
"""The headings, in the order in which ``--help`` shows them; click's own options, such as ``--help``, are General."""

_ORDER: Final[tuple[str, ...]] = get_args(Group)
_NAME_CELLS: Final = 30  # an option that is wider has its help on the next line
_GAP_CELLS: Final = 2

Target = TypeVar("Target", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that is listed under the heading `group`."""

    def __init__(self, *arguments: Any, group: Group = "General", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group: Group = group


def option(group: Group, *names: str, **attributes: Any) -> Callable[[Target], Target]:
    """Decorate a command with an option listed under `group`; all else is as in `click.option`."""
    return click.option(*names, cls=GroupedOption, group=group, **attributes)


class GroupedCommand(click.Command):
    """A command that lists its options by group, whatever the order of its decorators."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params.sort(key=_rank)  # stable: within a group as declared, for shell completion too

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group, all with their help texts in the same column."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):  # arguments have one too as of click 8.5
                sections.setdefault(_group(param), []).append(record)
        if list(sections) == ["General"]:
            sections = {"Options": sections["General"]}
        widths = {heading: _name_cells(records) for heading, records in sections.items()}
        widest = max(widths.values(), default=0)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records, _NAME_CELLS, _GAP_CELLS + widest - widths[heading])


def _group(param: click.Parameter) -> str:
    return param.group if isinstance(param, GroupedOption) else "General"


def _rank(param: click.Parameter) -> int:
    return _ORDER.index(_group(param)) if isinstance(param, click.Option) else -1


def _name_cells(records: list[tuple[str, str]]) -> int:
    return min(_NAME_CELLS, max(len(names) for names, _ in records))
