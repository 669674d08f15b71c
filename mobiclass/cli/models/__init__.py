"""``mobiclass models``."""

from mobiclass.cli.models.command import models as models
