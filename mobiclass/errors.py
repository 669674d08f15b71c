"""The exceptions that mobiclass raises, each with the exit code it ends the program with.

MobiclassError(Exception)
├── OptionsError            exit 2   --resume with other options than those of the earlier rows
├── SetupError              exit 3   nothing can be classified
│   ├── ModelError                   not a .tflite, damaged, not an image classifier
│   ├── LabelsError                  the labels cannot be read or do not fit the outputs
│   ├── ClassesError                 photos' folders and the model's classes do not fit each other
│   ├── DelegateError                the accelerator cannot be used
│   └── DownloadError                a model cannot be fetched
└── ImageError(path, kind)  exit 4   this one file cannot be classified; the others go on

Errors of other libraries and of the operating system become one of these at the boundary where they
arise, with ``raise … from``. A message says what is wrong, with which file, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, get_args

ImageErrorKind = Literal["not_found", "unreadable", "not_an_image", "unsupported", "truncated", "too_large"]
"""What can be wrong with one image; the vocabulary of the ``error.kind`` field of a result."""

IMAGE_ERROR_KINDS: tuple[str, ...] = get_args(ImageErrorKind)


class MobiclassError(Exception):
    """The base of every error that mobiclass raises on purpose.

    Attributes:
        details: what a person is told below the message, a line each.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


class OptionsError(MobiclassError):
    """Rows of an earlier run were made with other options, so that those of this run do not go with them.

    `details` has a line for each option.
    """

    exit_code: ClassVar[int] = 2


class SetupError(MobiclassError):
    """Nothing can be classified: the installation, the model, the labels or the device is at fault."""


class ModelError(SetupError):
    """The model is missing, damaged, or no image classifier."""


class LabelsError(SetupError):
    """The labels cannot be read, or their number is not the number of the model's outputs."""


class ClassesError(SetupError):
    """Folders of photos are not the classes of the model, or cannot be told to be.

    `details` has a line for each folder.
    """


class DelegateError(SetupError):
    """The accelerator that was asked for, or that the model was compiled for, cannot be used.

    Attributes:
        reason: what is wrong, without the advice that the message adds.
    """

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or message


class DownloadError(SetupError):
    """A model cannot be fetched, or what came is not the model that was asked for."""


class ImageError(MobiclassError):
    """One image cannot be classified.

    Attributes:
        path: the file as it was given, ``-`` for standard input, ``None`` for an image in memory.
        kind: one of `IMAGE_ERROR_KINDS`.
        reason: the message without the path.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, reason: str, *, kind: ImageErrorKind, path: str | None = None) -> None:
        super().__init__(reason if path is None else f"{path}: {reason}")
        self.reason = reason
        self.kind: ImageErrorKind = kind
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling: the error of a worker process reaches its parent whole."""
        return (_rebuild_image_error, (self.reason, self.kind, self.path))


def _rebuild_image_error(reason: str, kind: ImageErrorKind, path: str | None) -> ImageError:
    return ImageError(reason, kind=kind, path=path)
