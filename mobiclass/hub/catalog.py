"""Known models: what is known of them, and where their files are. It reads no model and downloads nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mobiclass.errors import ModelError
from mobiclass.hub.cache import cache_folder

if TYPE_CHECKING:
    from mobiclass.hub.entry import CatalogEntry

BUILT_IN: Final = "efficientnet_lite0"
_SUFFIX: Final = ".tflite"
_CATALOG_NAME: Final = "catalog.toml"
_NEAR_MISSES: Final = 3
_MIN_PART: Final = 4  # letters of a name that are enough to mean it


def catalog_entries() -> Mapping[str, CatalogEntry]:
    """Give the known models by name, in the order in which they are listed.

    Raises:
        ModelError: the catalogue is missing or damaged: the installation is incomplete.
    """
    from mobiclass.hub.entry import read_catalog

    return read_catalog(data_folder() / _CATALOG_NAME)


def entry_by_name(name: str) -> CatalogEntry | None:
    """Find the model of this name, in any case.

    Raises:
        ModelError: see `catalog_entries`.
    """
    return next((entry for entry in catalog_entries().values() if entry.name.lower() == name.lower()), None)


def entry_by_sha256(sha256: str) -> CatalogEntry | None:
    """Find the model whose file has this SHA-256 (in lower-case hexadecimal).

    Raises:
        ModelError: see `catalog_entries`.
    """
    return next((entry for entry in catalog_entries().values() if entry.sha256 == sha256), None)


def entry_of(content: bytes) -> CatalogEntry | None:
    """Find the model whose file holds exactly `content`, which is hashed only where its length is a known one.

    Raises:
        ModelError: see `catalog_entries`.
    """
    if len(content) not in {entry.bytes for entry in catalog_entries().values()}:
        return None
    import hashlib

    return entry_by_sha256(hashlib.sha256(content).hexdigest())


def data_folder() -> Path:
    """Find the folder of the built-in models.

    A wheel carries it inside the package; a checkout and an editable install have it beside the package.

    Raises:
        ModelError: neither is there: the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):
        if (folder / f"{BUILT_IN}{_SUFFIX}").is_file():
            return folder
    raise ModelError(f"the built-in model {BUILT_IN} is missing from {package}: reinstall mobiclass")


def find_model(name_or_path: str | os.PathLike[str] | None = None) -> Path:
    """Find the file of a model given by name (in any case) or by path; ``None`` is the built-in model.

    What looks like a path (a folder separator, or ``.tflite`` at the end) is taken for one; a name is looked for
    among the built-in models and those in the cache. Under a name of the catalogue only the catalogue's file is
    found: it is hashed here, which takes some milliseconds. Nothing is downloaded.

    Raises:
        ModelError: there is no such file, or no model of that name here, or another file than the catalogue's; the
            message suggests near misses, or how to fetch the model.
    """
    wanted = os.fspath(name_or_path) if name_or_path is not None else BUILT_IN
    separators = (os.sep, os.altsep) if os.altsep else (os.sep,)
    if wanted.lower().endswith(_SUFFIX) or any(separator in wanted for separator in separators):
        path = Path(wanted)
        if _may_exist(path):
            return path
        raise ModelError(f"{wanted}: there is no such model file{near_misses(path.name)}")
    if wanted.lower() == BUILT_IN:
        return data_folder() / f"{BUILT_IN}{_SUFFIX}"
    entry = entry_by_name(wanted)
    if entry and (path := cache_folder() / entry.file).is_file():
        _require_intact(path, entry)
        return path
    models = {path.name.removesuffix(_SUFFIX).lower(): path for path in _known_files()}
    if wanted.lower() in models:
        return models[wanted.lower()]
    if entry:
        raise ModelError(f"{entry.name} is not in the cache yet: fetch it with `mobiclass models pull {entry.name}`")
    with contextlib.suppress(OSError):  # a name that is too long for a file
        if Path(wanted).is_file():
            return Path(wanted)
    raise ModelError(
        f"there is no model named {wanted!r} here{near_misses(wanted)}; available: {', '.join(sorted(models))}, or the "
        f"path of any {_SUFFIX} file; `mobiclass models list` shows those to fetch"
    )


def near_misses(wanted: str) -> str:
    """Ask whether one of the names like `wanted` was meant, as a clause for a message; ``""`` where none is like it."""
    import difflib

    wanted = wanted.lower().removesuffix(_SUFFIX)
    names = {path.name.removesuffix(_SUFFIX) for path in _known_files()} | set(catalog_entries())
    by_lower_case = {name.lower(): name for name in sorted(names)}
    near = [name for name in by_lower_case if len(wanted) >= _MIN_PART and wanted in name]
    alike = difflib.get_close_matches(wanted, by_lower_case, n=_NEAR_MISSES, cutoff=0.6)
    near = [*near, *(name for name in alike if name not in near)][:_NEAR_MISSES]
    if not near:
        return ""
    *others, last = [by_lower_case[name] for name in near]
    return f" (did you mean {', '.join(others)} or {last}?)" if others else f" (did you mean {last}?)"


def _require_intact(path: Path, entry: CatalogEntry) -> None:
    """Refuse another model, or a damaged one, under a name that stands for one file only."""
    from mobiclass.hub.cache import holds

    if not holds(path, entry.bytes, entry.sha256):
        raise ModelError(
            f"{path}: damaged, or not the catalogue's {entry.name}: fetch that with `mobiclass models "
            f"pull {entry.name}`, or give the path to use the file as is"
        )


def _may_exist(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder without permission, a name that is too long: whoever opens the file says which
        return True


def _known_files() -> list[Path]:
    """List the model files in the cache, then the built-in ones: of two with one name the latter are the last."""
    return [*sorted(cache_folder().glob(f"*{_SUFFIX}")), *sorted(data_folder().glob(f"*{_SUFFIX}"))]
