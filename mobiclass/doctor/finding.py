"""What an examination finds: one line of the doctor's report."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "problem", "info"]
"""``problem``: classifying fails. ``warning``: it works, but worse than it could. ``info``: neither good nor bad."""


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        name: what was looked at; a stable word for scripts.
        status: how it is.
        text: what was found, in a phrase.
        fix: what to do about it; ``None`` where nothing need be done.
    """

    name: str
    status: Status
    text: str
    fix: str | None = None
