"""How fast a model is on this machine, and how much memory it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.benchmark.measurement import Measurement, Task, measure
    from mobiclass.benchmark.plot import Bubble, diameter, number_bubbles, require_matplotlib, write_plot

open_door(
    __name__,
    {
        "measurement": ("Measurement", "Task", "measure"),
        "plot": ("Bubble", "diameter", "number_bubbles", "require_matplotlib", "write_plot"),
    },
)
