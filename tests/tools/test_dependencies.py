"""Missing packages and other versions are named, with what to install, before anything is imported."""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from typing import Any

import pytest

from tools.dependencies import (
    TENSORFLOW_VERSION,
    package_folder,
    quiet_tensorflow,
    require_keras,
    require_tensorflow,
)
from tools.errors import DependencyError


def _install(monkeypatch: Any, **versions: str) -> None:
    def version(distribution: str) -> str:
        try:
            return versions[distribution.replace("-", "_")]
        except KeyError:
            raise importlib.metadata.PackageNotFoundError(distribution) from None

    monkeypatch.setattr("importlib.metadata.version", version)


@pytest.mark.parametrize("distribution", ["tensorflow", "tensorflow_cpu"])
def test_the_pinned_version_is_accepted_under_both_names(monkeypatch: Any, distribution: str) -> None:
    _install(monkeypatch, **{distribution: TENSORFLOW_VERSION})
    for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.setenv(name, "set by the user")
    require_tensorflow()


def test_another_version_is_refused(monkeypatch: Any) -> None:
    _install(monkeypatch, tensorflow_cpu="2.20.0")
    with pytest.raises(DependencyError, match=r"2\.20\.0 is installed, 2\.21\.0 is needed: pip install"):
        require_tensorflow()


def test_no_tensorflow_is_said(monkeypatch: Any) -> None:
    _install(monkeypatch)
    with pytest.raises(DependencyError, match="TensorFlow is not installed: pip install tensorflow-cpu=="):
        require_tensorflow()


def test_a_package_is_found_without_importing_it() -> None:
    assert (package_folder("email", "python") / "message.py").is_file()


@pytest.mark.parametrize("module", ["surely_not_installed", "this"])
def test_what_is_no_installed_package_is_refused(module: str) -> None:
    with pytest.raises(DependencyError, match="some-package is not installed: pip install some-package"):
        package_folder(module, "some-package")


def test_keras_is_needed_besides_tensorflow(monkeypatch: Any) -> None:
    _install(monkeypatch, tensorflow=TENSORFLOW_VERSION)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="keras is not installed: pip install"):
        require_keras()


def test_tensorflow_is_quiet_for_a_while_only() -> None:
    logger = logging.getLogger("absl")
    level = logger.level
    with warnings.catch_warnings(record=True) as caught, quiet_tensorflow():
        assert logger.level == logging.ERROR
        warnings.warn("of no interest", stacklevel=1)
    assert caught == []
    assert logger.level == level
