"""``mobiclass results``: its help loads none of its subcommands."""

from __future__ import annotations

from pathlib import Path

from tests.support.program import run, run_and_list_modules


def test_the_help_names_every_subcommand_and_loads_none(tmp_path: Path) -> None:
    done, modules = run_and_list_modules("results", "--help", folder=tmp_path)
    for name in ("sort", "tag", "export", "review"):
        assert f"\n  {name} " in done.stdout
        assert f"mobiclass.cli.results.{name}" not in modules
    assert not modules & {"numpy", "PIL", "mobiclass.library.rows"}


def test_a_subcommand_that_is_none() -> None:
    assert run("results", "sotr", "x").exit_code == 2
