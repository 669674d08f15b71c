"""``mobiclass doctor``."""

from mobiclass.cli.doctor.command import doctor as doctor
