"""One BLAS thread, whether NumPy is loaded already or not."""

from __future__ import annotations

import sys

import pytest

from tests.support.program import run

COUNT = """
import ctypes, os, sys
for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
    if name in sys.modules:
        library = ctypes.CDLL(sys.modules[name].__file__)
        for getter in ("scipy_openblas_get_num_threads64_", "scipy_openblas_get_num_threads",
                       "openblas_get_num_threads64_", "openblas_get_num_threads"):
            if hasattr(library, getter):
                print(getattr(library, getter)())
                sys.exit()
"""


@pytest.mark.parametrize("first", ["import numpy\n", ""], ids=["numpy first", "numpy afterwards"])
def test_openblas_has_one_thread(first: str) -> None:
    script = f"{first}from mobiclass.teaching import use_one_thread\nuse_one_thread()\nimport numpy{COUNT}"
    done = run("-c", script, command=(sys.executable,), env={"OPENBLAS_NUM_THREADS": "3"} if first else None)
    assert done.exit_code == 0, done.stderr
    if not done.stdout:
        pytest.skip("NOT TESTED: this NumPy has no OpenBLAS")
    assert done.stdout.strip() == "1"
