"""A catalogue for tests, whose models they can build: as a folder of data files, and as a whole copy of the package."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import mobiclass
from mobiclass.hub import catalog

PACKAGE = Path(mobiclass.__file__).resolve().parent


def catalog_table(name: str, content: bytes, **changes: Any) -> dict[str, Any]:
    """Give the catalogue's table of a model; a field that is ``None`` in `changes` is left out."""
    table = {
        "name": name, "file": f"{name}.tflite", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        "url": f"https://models.invalid/{name}.tflite", "family": "MobileNet", "version": "V1", "alpha": 0.25,
        "resolution": 128, "classes": 3, "license": "Apache-2.0", "parameters": 1, "multiply_adds": 1,
        "counts_source": "made up", **changes,
    }  # fmt: skip
    return {key: value for key, value in table.items() if value is not None}


def write_data_folder(folder: Path, tables: list[dict[str, Any]]) -> Path:
    """Make `folder` a folder of data files: the real built-in model, first in a catalogue with `tables`."""
    folder.mkdir(parents=True, exist_ok=True)
    built_in = catalog.data_folder() / f"{catalog.BUILT_IN}.tflite"
    os.link(built_in, folder / built_in.name) if _same_disk(built_in, folder) else shutil.copy(built_in, folder)
    tables = [catalog_table(catalog.BUILT_IN, built_in.read_bytes(), url=None, family="EfficientNet"), *tables]
    lines = [f"{key} = {json.dumps(value)}" for table in tables for key, value in ({"": None} | table).items()]
    text = "\n".join("[[model]]" if line.startswith(" = ") else line for line in lines)
    (folder / "catalog.toml").write_text(text + "\n", encoding="utf-8")
    return folder


def use_catalog(monkeypatch: pytest.MonkeyPatch, folder: Path, tables: list[dict[str, Any]]) -> None:
    """Let this process know the models of `tables`, with data files in `folder`."""
    write_data_folder(folder / "models", tables)
    monkeypatch.setattr(catalog, "__file__", str(folder / "mobiclass" / "hub" / "catalog.py"))


def copy_package(folder: Path, tables: list[dict[str, Any]]) -> Mapping[str, str]:
    """Copy the package to `folder` with a catalogue of `tables`; give the environment in which that copy runs."""
    shutil.copytree(PACKAGE, folder / "mobiclass", ignore=shutil.ignore_patterns("__pycache__", "*.tflite"))
    shutil.rmtree(folder / "mobiclass" / "models", ignore_errors=True)  # a wheel's own data files
    write_data_folder(folder / "mobiclass" / "models", tables)
    return {"PYTHONPATH": str(folder)}


def _same_disk(file: Path, folder: Path) -> bool:
    return file.stat().st_dev == folder.stat().st_dev
