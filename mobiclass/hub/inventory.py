"""The models of the catalogue and of the cache folder, and the state of each. It never parses a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from mobiclass.errors import ModelError
from mobiclass.hub.cache import cache_folder, holds
from mobiclass.hub.catalog import BUILT_IN, catalog_entries, data_folder, entry_of
from mobiclass.hub.partial_file import partial_path

if TYPE_CHECKING:
    from mobiclass.hub.entry import CatalogEntry

# Peak resident memory of `mobiclass predict` on a 500-pixel photo, LiteRT 2.3 on x86-64, by the model's file:
# 0.5 MB: 57 MB, 4.1: 68, 5.3: 66, 14.0: 88, 18.5: 98. The line lies 0 to 10 % above all but the second.
_PROGRAM_BYTES: Final = 57_000_000
_BYTES_PER_MODEL_BYTE: Final = 2.5  # the file, the runtime's repacked weights, the activations

State: TypeAlias = Literal["built-in", "pulled", "damaged", "partial", "not here", "own"]
"""It is built in; in the cache, verified; there with other bytes; partly fetched; not fetched; or the user's own:
in the cache under a name that the catalogue does not have."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be used by name.

    Attributes:
        name: its name.
        state: see `State`.
        bytes: the length of its file, or of the file that should be there.
        path: its file, where it can be used.
        entry: its entry in the catalogue; also for a model of one's own whose bytes are a known model's.
    """

    name: str
    state: State
    bytes: int
    path: Path | None
    entry: CatalogEntry | None

    def too_big(self, available_bytes: int | None) -> bool:
        """Whether classification needs more memory than is available, where that is known."""
        return available_bytes is not None and needed_bytes(self.bytes) > available_bytes


def needed_bytes(model_bytes: int) -> int:
    """Estimate the peak memory in bytes of classification with a model of this many bytes, the program included."""
    return _PROGRAM_BYTES + round(_BYTES_PER_MODEL_BYTE * model_bytes)


def known_models() -> list[KnownModel]:
    """List the models of the catalogue in its order, then those of one's own in the cache by name.

    The files in the cache are hashed, so that a damaged one is found.

    Raises:
        ModelError: the installation is incomplete.
    """
    folder = cache_folder()
    known = [_from_catalog(entry, folder) for entry in catalog_entries().values()]
    named = {entry.file.lower() for entry in catalog_entries().values()}
    own = [_own(path) for path in sorted(folder.glob("*.tflite")) if path.name.lower() not in named and path.is_file()]
    return known + own


def _from_catalog(entry: CatalogEntry, folder: Path) -> KnownModel:
    if entry.name == BUILT_IN:
        return KnownModel(entry.name, "built-in", entry.bytes, data_folder() / entry.file, entry)
    path = folder / entry.file
    if holds(path, entry.bytes, entry.sha256):
        return KnownModel(entry.name, "pulled", entry.bytes, path, entry)
    state: State = "not here"
    if path.exists():
        state = "damaged"
    elif partial_path(path).exists():
        state = "partial"
    return KnownModel(entry.name, state, entry.bytes, None, entry)


def _own(path: Path) -> KnownModel:
    name = path.name.removesuffix(".tflite")
    try:
        length = path.stat().st_size
        known_length = length in {entry.bytes for entry in catalog_entries().values()}
        entry = entry_of(path.read_bytes()) if known_length else None
    except OSError as error:
        raise ModelError(f"{path}: the model cannot be read ({error.strerror})") from error
    return KnownModel(name, "own", length, path, entry)
