"""A taught model as a file: an ordinary ``.tflite`` whose card says what it was taught.

It keeps the features of its photos, so that it can be taught more without them.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from mobiclass import __version__
from mobiclass.errors import ModelError
from mobiclass.results import printable_utf8
from mobiclass.teaching.base import Base
from mobiclass.teaching.fitted import Fitted
from mobiclass.teaching.head import Features
from mobiclass.teaching.samples import FEATURES_NAME, RECORD_NAME, Samples, read_members
from mobiclass.teaching.unknown import UnknownRule
from mobiclass.tflite import (
    Card,
    ModelInfo,
    NewHead,
    read_model_file,
    read_zip_members,
    replace_head,
    write_card,
)

MEANS_NAME: Final = "class_means.npy"
_CONFIG_FORMAT: Final = 1
_RULES_FORMAT: Final = 1
_MOST_FEATURE_BYTES: Final = 256 << 20
_HEADROOM: Final = 0.25
"""The part of the range of the taught photos' logits by which other photos' may go beyond it at each end."""


class Origin(NamedTuple):
    """What a taught model was made of.

    Attributes:
        name: the name of the base.
        sha256: of the base's file.
        seed: chose the crops.
    """

    name: str
    sha256: str
    seed: int


def taught_content(
    base: Base,
    origin: Origin,
    samples: Samples,
    fitted: Fitted,
    file: str,
) -> bytes:
    """Write the taught model.

    Args:
        base: the model whose head is replaced.
        origin: what it is, and was, called.
        samples: the photos.
        fitted: the new head and the rule for photos of no class.
        file: the name of the file that this is going to be.
    """
    model = base.model
    head, rule = fitted.head, fitted.rule
    content = replace_head(
        model.content,
        base.head,
        NewHead(head.weights.astype(np.float32), head.bias.astype(np.float32), _with_headroom(*fitted.logits_range)),
        str(model.path),
        output_place=model.output_place,
    )
    photos = sum(samples.counts.values())
    description = f"{len(samples.labels)} classes, taught from {photos} photos on the features of {origin.name}"
    license_ = model.license or ""
    card = Card(
        name=printable_utf8(f"{origin.name}, taught {len(samples.labels)} classes"),
        description=description,
        version=__version__,
        author=model.author or "",
        license=license_,
        mean=model.preprocessing.mean,
        std=model.preprocessing.std,
        labels=samples.labels,
    )
    taught = {
        "photos": samples.counts,
        "photos_sha256": photos_sha256(samples),
        "base": origin.name,
        "base_sha256": origin.sha256,
        "seed": origin.seed,
        "version": __version__,
        **fitted.measured(),
    }
    config: dict[str, Any] = {
        "format": _CONFIG_FORMAT,
        "description": description,
        **({"license": license_} if license_ else {}),
        "labels": list(samples.labels),
        "preprocessing": _preprocessing(model),
        "taught": taught,
    }
    members = samples.members(origin._asdict())
    if rule is not None:
        config["rules"] = _rules(rule, photos)
        members[MEANS_NAME] = _npy(rule.means)
    return write_card(content, card, config, file, members)


def photos_sha256(samples: Samples) -> str:
    """Give a digest of which photos are of which class, whatever their names and order."""
    lines = "".join(f"{photo.sha256} {label}\n" for label, photo in samples.pairs())
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()


def read_taught(path: Path) -> tuple[Samples, Origin]:
    """Read what the taught model at `path` keeps for being taught more.

    Returns:
        Its photos' features, and what it was made of.

    Raises:
        ModelError: it cannot be read, or was not taught.
    """
    content = read_model_file(path).content
    members = read_zip_members(content, str(path), {FEATURES_NAME, RECORD_NAME}, most_bytes=_MOST_FEATURE_BYTES)
    if len(members) < 2:
        raise ModelError(
            f"{path}: it holds no photos' features: only a model that `mobiclass teach` made can be taught more"
        )
    samples, about = read_members(members[FEATURES_NAME], members[RECORD_NAME], str(path))
    try:
        origin = Origin(str(about["name"]), str(about["sha256"]), int(about["seed"]))
        origin.name.encode("utf-8")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path}: it does not say which model it was taught on ({error})") from error
    return samples, origin


def _with_headroom(low: float, high: float) -> tuple[float, float]:
    room = _HEADROOM * (high - low)
    return low - room, high + room


def _preprocessing(model: ModelInfo) -> dict[str, Any]:
    """Say how the base's input is made; a std below 1, which is refused there, stands in the metadata alone."""
    said = model.preprocessing
    found: dict[str, Any] = {
        "resize": said.resize,
        "crop_fraction": said.crop_fraction,
        "interpolation": said.interpolation,
        "channels": said.channels,
        "layout": said.layout,
    }
    if min(said.std) >= 1:
        found |= {"mean": list(said.mean), "std": list(said.std)}
    if any(side < 0 for side in model.input.signature[1:]):
        found["resolution"] = [model.height, model.width]
    return found


def _rules(rule: UnknownRule, photos: int) -> dict[str, Any]:
    return {
        "format": _RULES_FORMAT,
        "unknown": {"kind": "cosine", "threshold": rule.rounded, "means": MEANS_NAME},
        "fitted_on": f"the {photos} photos that the model was taught, each left out in turn: 2 standard deviations "
        "below their mean cosine to the class means",
    }


def _npy(values: Features) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()
