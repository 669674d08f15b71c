"""The files of mobiclass: the built-in model and the cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding
from mobiclass.errors import MobiclassError
from mobiclass.hub import BUILT_IN, cache_folder, catalog_entries, find_model

_REINSTALL: Final = "pip install --force-reinstall mobiclass"
_LITTLE_BYTES: Final = 50_000_000


def check_builtin_model(environment: Environment) -> Finding:
    """Compare the built-in model with its checksum."""
    name = "built-in model"
    try:
        path = find_model()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        known = catalog_entries()[BUILT_IN].sha256
    except (ImportError, LookupError, MobiclassError, OSError) as error:
        return Finding(name, "problem", f"cannot be verified: {error}", _REINSTALL)
    if digest == known:
        return Finding(name, "ok", f"{BUILT_IN}, with the catalogue's sha256 {digest[:12]}…")
    text = f"{path} is damaged, or not the catalogue's file: sha256 {digest[:12]}…, not {known[:12]}…"
    return Finding(name, "problem", text, _REINSTALL)


def check_cache(environment: Environment) -> Finding:
    """Write to the cache folder, or to where it would be created."""
    folder = cache_folder()
    fix = f"make {folder} a writable folder, or choose another: export MOBICLASS_CACHE=FOLDER"
    consequence = "no model can be pulled, and tflite-runtime tries each model at every start"
    there = _nearest(folder)
    try:
        with tempfile.TemporaryDirectory(dir=there):  # permissions do not tell everything
            pass
    except OSError as error:
        how = "be written to" if there == folder.absolute() else f"be created in {there}"
        return Finding("cache", "warning", f"{folder} cannot {how} ({error.strerror or error}): {consequence}", fix)
    text = f"{folder}{'' if there == folder.absolute() else ' (not created yet)'}"
    free = None
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(there).free
    if free is not None and free < _LITTLE_BYTES:
        return Finding("cache", "warning", f"{text}: only {free / 1e6:.0f} MB free", "free space on that disk")
    return Finding("cache", "ok", f"{text}, writable{'' if free is None else f', {free / 1e9:.1f} GB free'}")


def _nearest(folder: Path) -> Path:
    """Return `folder`, or its nearest parent that exists."""
    folder = folder.absolute()
    for candidate in (folder, *folder.parents):
        if os.path.lexists(candidate):
            return candidate
    return folder
