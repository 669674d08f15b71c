"""The TFLite runtimes: which are installed, importing one, constructing its interpreter.

Nothing else imports them, and what they raise becomes a `SetupError` or `ModelError` here.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from mobiclass.choices import RuntimeChoice, RuntimeName
from mobiclass.errors import ModelError, SetupError

_UNRESOLVED: Final = re.compile(r"unresolved custom op: (\S+?)\.?(?=\s|See |$)", re.IGNORECASE)


class Runtime(NamedTuple):
    """A TFLite runtime.

    Attributes:
        name: what ``--runtime`` calls it.
        package: its name on PyPI.
        module: the module that holds its interpreter.
        install: the command that installs it.
        crashes_on_damage: whether loading a damaged model can crash the process.
    """

    name: RuntimeName
    package: str
    module: str
    install: str
    crashes_on_damage: bool

    @property
    def installed(self) -> bool:
        """Whether its module can be found, without importing it."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    @property
    def version(self) -> str:
        """The version of its package; ``unknown`` where it was installed by other means."""
        import importlib.metadata

        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return "unknown"


RUNTIMES: Final[dict[RuntimeName, Runtime]] = {
    "litert": Runtime(
        name="litert",
        package="ai-edge-litert",
        module="ai_edge_litert.interpreter",
        install="pip install ai-edge-litert",
        crashes_on_damage=False,
    ),
    "tflite": Runtime(
        name="tflite",
        package="tflite-runtime",
        module="tflite_runtime.interpreter",
        install="pip install 'mobiclass[tflite-runtime]'",
        crashes_on_damage=True,
    ),
}


def choose_runtime(choice: RuntimeChoice = "auto") -> Runtime:
    """Return the runtime of `choice`; ``auto`` prefers LiteRT.

    Raises:
        SetupError: it is not installed; the message says how to install it.
    """
    wanted = list(RUNTIMES.values()) if choice == "auto" else [RUNTIMES[choice]]
    for runtime in wanted:
        if runtime.installed:
            return runtime
    instead = next((other for other in RUNTIMES.values() if other.installed), None)
    if instead:
        hint = f", or use --runtime {instead.name} ({instead.package} is installed)"
    else:
        hint = "" if choice != "auto" else f" (32-bit Arm: {RUNTIMES['tflite'].install})"
    raise SetupError(f"the runtime {wanted[0].package} is not installed: {wanted[0].install}{hint}")


def load_interpreter(
    runtime: Runtime,
    content: bytes,
    file: str,
    *,
    num_threads: int,
    input_shape: Sequence[int] | None = None,
    delegate: Any = None,
    default_delegates: bool = True,
) -> Any:
    """Construct the runtime's own interpreter on the model `content` and allocate its tensors.

    The first input is resized to `input_shape` if it has another shape. Without `default_delegates` (XNNPACK) the
    runtime uses its builtin kernels.

    Raises:
        SetupError: the runtime cannot be imported.
        ModelError: it refuses the model; `file` names it in the message.
    """
    module = import_runtime(runtime)
    delegates = None if delegate is None else [delegate]
    resolvers = module.OpResolverType
    resolver = resolvers.AUTO if default_delegates else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = module.Interpreter(
            model_content=content,
            num_threads=num_threads,
            experimental_delegates=delegates,
            experimental_op_resolver_type=resolver,
        )
        if input_shape is not None:
            image = interpreter.get_input_details()[0]
            if tuple(image["shape"]) != tuple(input_shape):
                interpreter.resize_tensor_input(image["index"], list(input_shape))
        interpreter.allocate_tensors()
    except (MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
        if unresolved := _UNRESOLVED.search(str(error)):
            raise ModelError(
                f"{file}: it needs the custom operator {unresolved[1]}, which {runtime.package} does not have; convert "
                "the model again without it"
            ) from error
        raise ModelError(
            f"{file}: {runtime.package} cannot load the model ({one_line(error)}); it is damaged, or made for "
            "another runtime"
        ) from error
    return interpreter


def import_runtime(runtime: Runtime) -> Any:
    """Import the module of `runtime`.

    Raises:
        SetupError: its installation is incomplete, or this NumPy is too new for it.
    """
    import numpy as np

    if runtime.name == "tflite" and int(np.__version__.partition(".")[0]) >= 2:
        # Its compiled module fails in NumPy 2 with a message about _ARRAY_API; its metadata do not exclude NumPy 2.
        raise SetupError(
            f"{runtime.package} needs NumPy 1 and this is NumPy {np.__version__}: pip install 'numpy<2', "
            f"or use --runtime litert"
        )
    try:
        return importlib.import_module(runtime.module)
    except ImportError as error:
        raise SetupError(
            f"the runtime {runtime.package} cannot be imported ({one_line(error)}): {runtime.install}"
        ) from error


def one_line(error: BaseException) -> str:
    """Return the message of a runtime's `error` on one line."""
    return " ".join(str(error).split()) or type(error).__name__
