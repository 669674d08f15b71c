"""Where a model runs: on the CPU, on an Edge TPU, or on the CPU for want of an Edge TPU.

What a model for the CPU does not need costs it nothing: all about the Edge TPU is imported where one is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass.choices import is_device
from mobiclass.errors import DelegateError
from mobiclass.model import ModelInfo
from mobiclass.preprocess import Preprocessor
from mobiclass.running import DeviceOptions, Running, run_on_cpu

if TYPE_CHECKING:
    from mobiclass.facts import Facts
    from mobiclass.stand_in import StandIn


def place(model: ModelInfo, overrides: Facts, options: DeviceOptions) -> tuple[Running, StandIn | None]:
    """Load `model`, whose description `overrides` are part of, on the device of `options`.

    Returns:
        What runs, and what takes over if it raises a `DelegateError`.

    Raises:
        DelegateError: the device is the wrong one for the model, or an Edge TPU cannot be used.
        ModelError: the runtime cannot load it.
        SetupError: the runtime cannot be imported.
        ValueError: there is no such device.
    """
    if not _needs_edgetpu(model, options.device):
        return run_on_cpu(model, options.runtime, options.num_threads), None
    from mobiclass.edgetpu_interpreter import EdgeTpuInterpreter
    from mobiclass.stand_in import StandIn

    stand_in = StandIn(model, overrides, options) if options.device == "auto" else None
    device = "edgetpu" if options.device == "auto" else options.device
    try:
        interpreter = EdgeTpuInterpreter(
            model,
            runtime=options.runtime,
            device=device,
            num_threads=options.num_threads,
            timeout_seconds=options.timeout_seconds,
            notify=options.notify,
        )
    except DelegateError as error:
        if stand_in is None:
            raise
        return stand_in.take_over(error), stand_in
    return Running(model, interpreter, Preprocessor(model.input, model.preprocessing), device), stand_in


def _needs_edgetpu(model: ModelInfo, device: str) -> bool:
    """Whether `model` is to run on an Edge TPU; otherwise it can run on the CPU."""
    if not is_device(device):
        raise ValueError(f"device must be auto, cpu or edgetpu[:usb|:pci][:N], not {device!r}")
    if model.edgetpu_compiled and device == "cpu":
        from mobiclass.stand_in import only_on_edgetpu

        raise only_on_edgetpu(model)
    if not model.edgetpu_compiled and device not in ("auto", "cpu"):
        raise DelegateError(
            f"{model.path} is not compiled for the Edge TPU, and libedgetpu would let it run on the CPU: compile it "
            f"with `edgetpu_compiler {model.path.name}`, or use --device cpu"
        )
    return model.edgetpu_compiled
