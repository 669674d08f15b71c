"""Checks that the workstation's packages are installed before an import fails halfway through.

It imports none of them and installs nothing.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.errors import DependencyError

TENSORFLOW_VERSION: Final = "2.21.0"
"""Another version of the converter writes other bytes, and sometimes a worse model."""

_EXTRA: Final = "or everything the tools need: pip install '.[tools]'"


def require_tensorflow() -> None:
    """Require the pinned TensorFlow and silence its start-up log; call this before the first import of it.

    Raises:
        DependencyError: it is missing or has another version.
    """
    hint = f"pip install tensorflow-cpu=={TENSORFLOW_VERSION} (Python 3.10 to 3.13), {_EXTRA}"
    for distribution in ("tensorflow-cpu", "tensorflow"):
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
        if version != TENSORFLOW_VERSION:
            raise DependencyError(f"{distribution} {version} is installed, {TENSORFLOW_VERSION} is needed: {hint}")
        # TensorFlow reads both when it is imported: its log level, and kernels whose results depend on the CPU.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        return
    raise DependencyError(f"TensorFlow is not installed: {hint}")


def require_keras() -> None:
    """Require TensorFlow, Keras and h5py.

    Raises:
        DependencyError: one is missing or has another version.
    """
    require_tensorflow()
    for module in ("keras", "h5py"):
        if importlib.util.find_spec(module) is None:
            raise DependencyError(f"{module} is not installed: pip install '.[tools]' in the checkout")


def package_folder(module: str, distribution: str) -> Path:
    """Locate the folder of the installed package `module` without importing it.

    Raises:
        DependencyError: it is not installed; the message names the `distribution` to install.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise DependencyError(f"{distribution} is not installed: pip install {distribution}, {_EXTRA}")
    return Path(spec.submodule_search_locations[0])


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Suppress the warnings of Keras, TensorFlow and its converter, which address developers."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
