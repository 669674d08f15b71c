"""``mobiclass benchmark``."""

from mobiclass.cli.benchmark.command import benchmark as benchmark
