"""Running a model: the TFLite runtimes, the CPU and the Edge TPU. It takes tensors and gives tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.runtime.backends import RUNTIMES, Runtime, choose_runtime, import_runtime, load_interpreter
    from mobiclass.runtime.edgetpu.devices import INSTALL, LIBRARIES, EdgeTpuDevice, advise, find_devices
    from mobiclass.runtime.extra_output import ExtraKind
    from mobiclass.runtime.session import Fallback, Session, open_session
    from mobiclass.runtime.trial import require_loadable

open_door(
    __name__,
    {
        "backends": ("RUNTIMES", "Runtime", "choose_runtime", "import_runtime", "load_interpreter"),
        "edgetpu.devices": ("INSTALL", "LIBRARIES", "EdgeTpuDevice", "advise", "find_devices"),
        "extra_output": ("ExtraKind",),
        "session": ("Fallback", "Session", "open_session"),
        "trial": ("require_loadable",),
    },
)
