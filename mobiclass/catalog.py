"""Known models by name: where their files are. It reads no model and downloads nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from mobiclass.cache import cache_folder
from mobiclass.errors import ModelError

BUILT_IN: Final = "efficientnet_lite0"
BUILT_IN_SHA256: Final = "c080b3bef92f6cfc3b6b32b11ce18ce92432add193e52b0806f23f1dd17654e8"
_SUFFIX: Final = ".tflite"


def data_folder() -> Path:
    """Find the folder of the built-in models.

    A wheel carries it inside the package; a checkout and an editable install have it beside the package.

    Raises:
        ModelError: neither is there: the installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "models", package.parent / "models"):
        if (folder / f"{BUILT_IN}{_SUFFIX}").is_file():
            return folder
    raise ModelError(f"the built-in model {BUILT_IN} is missing from {package}: install mobiclass again")


def find_model(name_or_path: str | os.PathLike[str] | None = None) -> Path:
    """Find the file of a model given by name (in any case) or by path; ``None`` is the built-in model.

    What looks like a path (a folder separator, or ``.tflite`` at the end) is taken for one; a name is looked for
    among the built-in models and those in the cache.

    Raises:
        ModelError: there is no such file, or no model of that name here; the message suggests near misses.
    """
    wanted = os.fspath(name_or_path) if name_or_path is not None else BUILT_IN
    separators = (os.sep, os.altsep) if os.altsep else (os.sep,)
    if wanted.lower().endswith(_SUFFIX) or any(separator in wanted for separator in separators):
        path = Path(wanted)
        if _may_exist(path):
            return path
        raise ModelError(f"{wanted}: there is no such model file{_suggestion(path.name)}")
    if wanted.lower() == BUILT_IN:
        return data_folder() / f"{BUILT_IN}{_SUFFIX}"
    models = {path.name.removesuffix(_SUFFIX).lower(): path for path in _known_files()}
    if wanted.lower() in models:
        return models[wanted.lower()]
    with contextlib.suppress(OSError):  # a name that is too long for a file
        if Path(wanted).is_file():
            return Path(wanted)
    raise ModelError(
        f"there is no model named {wanted!r} here{_suggestion(wanted)}; "
        f"known: {', '.join(sorted(models))}, or the path of any {_SUFFIX} file"
    )


def _may_exist(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder without permission, a name that is too long: whoever opens the file says which
        return True


def _known_files() -> list[Path]:
    """List the model files in the cache, then the built-in ones: of two with one name the latter are the last."""
    return [*sorted(cache_folder().glob(f"*{_SUFFIX}")), *sorted(data_folder().glob(f"*{_SUFFIX}"))]


def _suggestion(wanted: str) -> str:
    import difflib

    names = sorted({path.name.removesuffix(_SUFFIX) for path in _known_files()})
    near = difflib.get_close_matches(wanted.lower().removesuffix(_SUFFIX), names, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""
