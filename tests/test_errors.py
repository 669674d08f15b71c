"""The exceptions: their tree, their exit codes, their journey between processes."""

from __future__ import annotations

import pickle

import pytest

from mobiclass.errors import (
    IMAGE_ERROR_KINDS,
    DelegateError,
    DownloadError,
    ImageError,
    LabelsError,
    MobiclassError,
    ModelError,
    OptionsError,
    SetupError,
)


@pytest.mark.parametrize("kind", [SetupError, ModelError, LabelsError, DelegateError, DownloadError])
def test_errors_of_the_set_up_end_with_3(kind: type[MobiclassError]) -> None:
    assert issubclass(kind, SetupError)
    assert kind("reason").exit_code == 3


def test_errors_of_one_image_end_with_4() -> None:
    assert ImageError("reason", kind="truncated").exit_code == 4
    assert not issubclass(ImageError, SetupError)


def test_options_that_differ_end_with_2() -> None:
    assert OptionsError("reason").exit_code == 2
    assert not issubclass(OptionsError, SetupError)


def test_no_error_is_also_a_builtin_one() -> None:
    for kind in (MobiclassError, SetupError, ModelError, LabelsError, DelegateError, DownloadError, ImageError):
        assert not issubclass(kind, (KeyError, OSError, RuntimeError, ValueError))


def test_an_image_error_names_its_file() -> None:
    error = ImageError("is damaged", kind="truncated", path="a/b.jpg")
    assert (str(error), error.reason, error.path) == ("a/b.jpg: is damaged", "is damaged", "a/b.jpg")
    assert str(ImageError("is damaged", kind="truncated")) == "is damaged"


def test_an_image_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ImageError("is damaged", kind="truncated", path="b.jpg")))
    assert (error.reason, error.kind, error.path, str(error)) == (
        "is damaged", "truncated", "b.jpg", "b.jpg: is damaged",
    )  # fmt: skip


def test_the_kinds_are_those_of_the_contract() -> None:
    assert IMAGE_ERROR_KINDS == ("not_found", "unreadable", "not_an_image", "unsupported", "truncated", "too_large")
