"""``mobiclass doctor``: whether this machine and this installation can classify, and what would help.

Each module examines one thing and gives `Finding`s; `mobiclass.doctor.examination` runs them all, each in isolation.
What may crash or hang (foreign libraries above all) runs in a child process. Nothing here needs NumPy, Pillow or a
runtime: the doctor is for when they are broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.doctor.environment import Environment
    from mobiclass.doctor.examination import examine
    from mobiclass.doctor.finding import Finding
    from mobiclass.doctor.settings import Option

open_door(
    __name__,
    {
        "environment": ("Environment",),
        "examination": ("examine",),
        "finding": ("Finding",),
        "settings": ("Option",),
    },
)
