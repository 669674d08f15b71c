"""``mobiclass evaluate``."""

from mobiclass.cli.evaluate.command import evaluate as evaluate
