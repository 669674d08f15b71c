"""The exceptions that the workstation tools raise, in the same tree (and with the same exit code 3) as mobiclass's.

SetupError (mobiclass)
├── DependencyError     a package is missing or has another version than the pinned one
├── CheckpointError     a torch checkpoint cannot be read, or its weights are not those of the architecture
├── KerasFileError      a Keras file is damaged, hostile, not a classifier, or cannot be loaded
├── NormalizationError  the normalization of the model's input cannot be determined
├── CalibrationError    the calibration images are missing or unusable
├── ConversionError     the converter failed, or its result is not what was asked for
├── MetadataError       the metadata does not match the model
├── TrainingDataError   the training photos are missing, too few or unreadable
└── TrainingError       training cannot start or continue

MobiclassError (mobiclass)
└── GateRefusalError    exit 5   the int8 model disagrees too much with the float model
"""

from __future__ import annotations

from typing import ClassVar

from mobiclass.errors import MobiclassError, SetupError


class DependencyError(SetupError):
    """A package that only the tools need is missing, or has another version than the pinned one."""


class CheckpointError(SetupError):
    """The checkpoint is damaged, hostile, of an unknown format, or not of the expected architecture."""


class KerasFileError(SetupError):
    """The Keras file is damaged, would run code, is not an image classifier, or cannot be loaded."""


class NormalizationError(SetupError):
    """Neither the graph nor the architecture nor the command line specifies the normalization of the input."""


class CalibrationError(SetupError):
    """The calibration images are missing, too few or too uniform to determine the ranges of activations."""


class ConversionError(SetupError):
    """The conversion to TFLite failed, or its result is not the full-integer model it should be."""


class MetadataError(SetupError):
    """Labels, normalization or files do not match the model that they describe."""


class GateRefusalError(MobiclassError):
    """The int8 model disagrees with the float model by more than was allowed."""

    exit_code: ClassVar[int] = 5


class TrainingDataError(SetupError):
    """The folder is no training set: too few classes or photos, or photos that cannot be read."""


class TrainingError(SetupError):
    """Training cannot start or continue: another run's checkpoint, invalid settings, a loss that is not finite."""
