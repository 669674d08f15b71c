"""The exceptions that the workstation tools raise, in the same tree (and with the same exit code 3) as mobiclass's.

SetupError (mobiclass)
├── DependencyError     a package of the workstation is missing or of another version
├── CheckpointError     a torch checkpoint cannot be read, or holds other weights than the architecture needs
├── KerasFileError      a Keras file is damaged, hostile, not a classifier, or cannot be loaded
├── NormalizationError  nothing says how the model's input is normalized
├── CalibrationError    the calibration images cannot calibrate anything
├── ConversionError     the converter failed, or left something behind that was promised to be gone
├── MetadataError       the facts to be written do not fit the model
├── TrainingDataError   the photos to learn from are missing, too few or unreadable
└── TrainingError       training cannot begin or go on

MobiclassError (mobiclass)
└── GateRefusalError    exit 5   the int8 model is not good enough to be handed over
"""

from __future__ import annotations

from typing import ClassVar

from mobiclass.errors import MobiclassError, SetupError


class DependencyError(SetupError):
    """A package that only a workstation needs is missing, or has another version than the pinned one."""


class CheckpointError(SetupError):
    """The checkpoint is damaged, hostile, of an unknown format, or not of the expected architecture."""


class KerasFileError(SetupError):
    """The Keras file is damaged, would run code, is no image classifier, or no loader can load it."""


class NormalizationError(SetupError):
    """Neither the graph nor its architecture nor the command line says how pixels become the model's input."""


class CalibrationError(SetupError):
    """The calibration images are missing, or too few or too uniform to show the range of activations."""


class ConversionError(SetupError):
    """The conversion to TFLite failed, or its result is not the full-integer model it should be."""


class MetadataError(SetupError):
    """Labels, normalization or files do not fit the model that they should describe."""


class GateRefusalError(MobiclassError):
    """The int8 model disagrees with its float self more than was allowed."""

    exit_code: ClassVar[int] = 5


class TrainingDataError(SetupError):
    """The folder holds no photos to learn classes from: too few classes or photos, or some that cannot be read."""


class TrainingError(SetupError):
    """Training cannot begin or go on: a checkpoint of another run, settings that do not fit, losses not finite."""
