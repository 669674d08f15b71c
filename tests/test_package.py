"""The package from outside: its names, its version, what importing it costs, and where its files are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import mobiclass
from mobiclass.predictions import Prediction
from tests.support.program import PACKAGE_PARENT, environment

HEAVY = ("numpy", "PIL", "click", "ai_edge_litert", "tflite_runtime", "platformdirs")


def test_the_public_names() -> None:
    assert mobiclass.__all__ == [
        "Classifier",
        "DelegateError",
        "ImageError",
        "ImageResult",
        "LabelsError",
        "MobiclassError",
        "ModelError",
        "Prediction",
        "SetupError",
        "__version__",
    ]


@pytest.mark.parametrize("name", mobiclass.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mobiclass, name) is not None
    assert name in dir(mobiclass)


def test_public_names_are_the_things_themselves() -> None:
    assert mobiclass.Prediction is Prediction


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'mobiclass' has no attribute 'classify'"):
        mobiclass.classify  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import mobiclass",
        "from mobiclass import ImageError, ModelError",
        "import mobiclass.hub.catalog, mobiclass.tflite.info",
    ],
)
def test_importing_is_cheap(statement: str) -> None:
    program = f"import sys; {statement}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout == "\n"


def test_the_package_is_typed() -> None:
    assert (Path(mobiclass.__file__).parent / "py.typed").is_file()
    assert (Path(PACKAGE_PARENT) / "mobiclass" / "__main__.py").is_file()
