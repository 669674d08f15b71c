"""`Finding`: one line of the doctor's report."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "problem", "info"]
"""``problem``: classifying fails. ``warning``: it works, but could work better. ``info``: neither."""


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        name: what was examined; a stable word for scripts.
        status: whether it is in order.
        text: what was found, in a phrase.
        fix: what to do about it; ``None`` if nothing.
    """

    name: str
    status: Status
    text: str
    fix: str | None = None
