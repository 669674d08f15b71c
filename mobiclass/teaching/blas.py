"""One BLAS thread for NumPy: on a machine where other work runs, several wait for each other most of the time.

The environment is heeded when NumPy is loaded; where it is loaded already, OpenBLAS is told directly. A result is the
same with one thread on every run, too, which with several it need not be.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

_VARIABLES: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
_SETTERS: Final = (
    "scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads64_",
    "openblas_set_num_threads", "MKL_Set_Num_Threads",
)  # fmt: skip
"""What NumPy's wheels, distributions' packages and conda call it."""


def use_one_thread() -> None:
    """Let NumPy use one BLAS thread from now on, as far as its library can be told."""
    for variable in _VARIABLES:
        os.environ[variable] = "1"
    if "numpy" not in sys.modules:
        return
    import ctypes

    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        # Symbols are looked for in a library and in those that it was linked with.
        with suppress(OSError, AttributeError, TypeError):
            library = ctypes.CDLL(sys.modules[name].__file__) if name in sys.modules else None
            for setter in _SETTERS:
                if library is not None and hasattr(library, setter):
                    getattr(library, setter)(1)
                    return
