"""Raw files beside the camera's JPEG of the same photo: in folders the JPEG stands for both."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

RAW_SUFFIXES: Final = {
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef", ".mos",
    ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip
"""The suffixes, in lower case, of cameras' raw files."""

_JPEG_SUFFIXES: Final = {".jpg", ".jpeg", ".jpe", ".jfif"}


def without_paired_raws(names: list[str]) -> list[str]:
    """Leave out of one folder's `names` the raw files that have a JPEG of the same stem among them, in any case."""
    suffixes = tuple(RAW_SUFFIXES)
    if not any(name.lower().endswith(suffixes) for name in names):
        return names
    paths = [PurePath(name.lower()) for name in names]
    jpegs = {path.stem for path in paths if path.suffix in _JPEG_SUFFIXES}
    paired = [path.suffix in RAW_SUFFIXES and path.stem in jpegs for path in paths]
    return [name for name, beside in zip(names, paired, strict=True) if not beside]
