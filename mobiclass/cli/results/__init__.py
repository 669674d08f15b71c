"""``mobiclass results``: a module for each subcommand."""

from mobiclass.cli.results.command import results

__all__ = ["results"]
