"""Says which packages of the workstation are missing, before an import fails in the middle of something.

It imports none of them, installs nothing, and is not used by the runtime.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import Final

from tools.errors import DependencyError

TENSORFLOW_VERSION: Final = "2.21.0"
"""Another version of the converter makes other bytes, and now and then worse models."""

_EXTRA: Final = "or all that the tools need with: pip install '.[tools]'"


def require_tensorflow() -> None:
    """Require the pinned TensorFlow, and quieten it; to be called before the first import of it.

    Raises:
        DependencyError: it is missing or of another version.
    """
    hint = f"pip install tensorflow-cpu=={TENSORFLOW_VERSION} (Python 3.10 to 3.13), {_EXTRA}"
    for distribution in ("tensorflow-cpu", "tensorflow"):
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
        if version != TENSORFLOW_VERSION:
            raise DependencyError(f"{distribution} {version} is installed, {TENSORFLOW_VERSION} is needed: {hint}")
        # Read when it is imported: its start-up chatter, and kernels whose results depend on the CPU.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        return
    raise DependencyError(f"TensorFlow is not installed: {hint}")


def package_folder(module: str, distribution: str) -> Path:
    """Find the folder of the installed package `module` without importing it.

    Raises:
        DependencyError: it is not installed; the message names the `distribution` to install.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise DependencyError(f"{distribution} is not installed: pip install {distribution}, {_EXTRA}")
    return Path(spec.submodule_search_locations[0])
