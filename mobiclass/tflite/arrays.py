"""Arrays in the zip behind a model, as ``.npy``; whatever such a file says, it is read or refused."""

from __future__ import annotations

import io
import tokenize
from typing import Any

import numpy as np
import numpy.typing as npt


def read_array(content: bytes) -> npt.NDArray[Any]:
    """Read an array; one of objects, which would have to be unpickled, is none.

    Raises:
        ValueError: it is damaged, or says that it is larger than memory or than numbers go.
    """
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError, OverflowError, TypeError, SyntaxError, tokenize.TokenError,
            RecursionError) as error:  # fmt: skip
        raise ValueError(str(error) or type(error).__name__) from error
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of arrays")
    return array
