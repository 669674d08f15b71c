"""``mobiclass teach``."""

from mobiclass.cli.teach.command import teach as teach
