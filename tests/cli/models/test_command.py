"""`mobiclass models path` as a process."""

from __future__ import annotations

import pytest

from mobiclass.hub.catalog import find_model
from tests.support.program import run


def test_path_prints_one_path_and_nothing_else() -> None:
    outcome = run("models", "path", "EfficientNet_lite0")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, f"{find_model()}\n", "")


def test_path_of_an_unknown_model_is_an_error() -> None:
    outcome = run("models", "path", "zebra")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("mobiclass: error: there is no model named 'zebra' here")


@pytest.mark.parametrize(
    "arguments", [["models", "show"], ["models", "path"], ["models", "show", "a", "b"], ["models", "x"]]
)
def test_usage_errors(arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Error: " in outcome.stderr
