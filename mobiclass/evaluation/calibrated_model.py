"""A copy of a model that carries fitted rules: what it says is the model's, wherever the copy is moved."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from mobiclass.decisions import Rules, UnknownRule, parse_rules, sidecar_taxonomy
from mobiclass.errors import ModelError
from mobiclass.evaluation.calibration import Calibration, Outcome
from mobiclass.evaluation.observations import LARGEST_GROUP
from mobiclass.results import printable_utf8
from mobiclass.tflite import ModelInfo, config_bytes, read_model, read_zip_members, replace_members

_CONFIG_NAME: Final = "mobiclass.json"
_TEXTS: Final = ("license", "author", "description")


def fitted_rules(calibration: Calibration, model: ModelInfo, photos: str) -> Rules:
    """Make the rules of a model from what was fitted; `photos` names the photos, for people.

    What the model's own rules say of single labels is left out: it was not measured.
    """
    thresholds, outcome = calibration.thresholds, calibration.outcome
    unknown = parse_rules(model.rules, str(model.path)).unknown if model.rules is not None else None
    if unknown is not None and calibration.cosine is not None:
        unknown = UnknownRule(max(-1.0, thresholds.cosine), unknown.means)
    count = len(calibration.fitted_on)
    return Rules(
        class_score=thresholds.class_score,
        group_score=min(1.0, thresholds.group_score),
        largest_group=LARGEST_GROUP if thresholds.group_score <= 1 else 1,  # a group has at least two classes
        unknown=unknown,
        fitted_on=f"{count} photos of {printable_utf8(photos)}, for a precision of {calibration.target:g}",
        measured=measured_fields(outcome),
    )


def measured_fields(outcome: Outcome) -> dict[str, Any]:
    """Give `outcome` as fields of a JSON object."""
    interval = outcome.precision_interval
    return {
        "photos": outcome.photos,
        "answered": outcome.answered,
        "right": outcome.right,
        "classes": outcome.classes,
        "other_photos": outcome.others,
        "other_photos_answered": outcome.others_answered,
        "precision": None if outcome.precision is None else round(outcome.precision, 4),
        "precision_95": None if interval is None else [round(end, 4) for end in interval],
        "coverage": round(outcome.coverage, 4),
        "coverage_95": [round(end, 4) for end in outcome.coverage_interval],
    }


def calibration_json(calibration: Calibration, rules: Rules, model: ModelInfo) -> dict[str, Any]:
    """Give a calibration as a JSON object."""
    top1 = calibration.top1_coverage
    return {
        "model": printable_utf8(model.name),
        "model_sha256": model.sha256,
        "target": calibration.target,
        "rules": rules.as_json(),
        "fitted": measured_fields(calibration.fitted),
        "judged": measured_fields(calibration.outcome),
        "top1_coverage_at_that_precision": None if top1 is None else round(top1, 4),
    }


def calibrated_copy(model: ModelInfo, rules: Rules) -> bytes:
    """Make the copy: the same network, with `rules` in the ``mobiclass.json`` of the zip behind it.

    What is known of the model from elsewhere, such as a label file beside it, is written into the copy as well: beside
    the copy there is none. The taxonomy beside it goes along too, as the rules hang on it.

    Raises:
        ModelError: the zip of the model is damaged, or its ``mobiclass.json`` is none.
    """
    file = str(model.path)
    config = _own_config(model, file) | {"rules": rules.as_json()}
    members = {"taxonomy.csv": table} if (table := sidecar_taxonomy(model)) is not None else {}
    copy = replace_members(model.content, {_CONFIG_NAME: config_bytes(config), **members}, file)
    if not (lost := _differences(model, _read_back(copy))):
        return copy
    preprocessing = {**(config.get("preprocessing") or {}), **lost.pop("preprocessing", {})}
    for name in preprocessing:
        config.pop(name, None)  # they may stand outside of the section too, but not twice
    config |= {"preprocessing": preprocessing, **lost}
    copy = replace_members(copy, {_CONFIG_NAME: config_bytes(config)}, file)
    if left := _differences(model, _read_back(copy)):
        raise ModelError(f"{file}: a copy would not know all that is known of the model: {', '.join(left)}")
    return copy


def _own_config(model: ModelInfo, file: str) -> dict[str, Any]:
    content = read_zip_members(model.content, file, {_CONFIG_NAME}).get(_CONFIG_NAME)
    try:
        config = json.loads(content) if content is not None else {"format": 1}
        config_bytes(config)  # Python reads numbers that JSON has not, NaN for one
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} ({_CONFIG_NAME}): not valid JSON ({error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file} ({_CONFIG_NAME}): a JSON object is expected")
    return config


def _read_back(copy: bytes) -> ModelInfo | ModelError:
    """Read the copy where nothing lies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.tflite"
        path.write_bytes(copy)
        try:
            return read_model(path)
        except ModelError as error:  # it has to be said which output holds the scores, for one
            return error


def _differences(model: ModelInfo, copy: ModelInfo | ModelError) -> dict[str, Any]:
    """List what is known of the model and not of the copy, as a ``mobiclass.json`` has it."""
    known = _described(model)
    there: Mapping[str, Any] = {} if isinstance(copy, ModelError) else _described(copy)
    lost = {name: value for name, value in known.items() if value is not None and value != there.get(name)}
    if "preprocessing" in lost:
        of_copy = there.get("preprocessing", {})
        lost["preprocessing"] = {
            name: value for name, value in known["preprocessing"].items() if value != of_copy.get(name)
        }
    return lost


def _described(model: ModelInfo) -> dict[str, Any]:
    said = model.preprocessing
    preprocessing = {
        each.name: list(value) if isinstance(value := getattr(said, each.name), tuple) else value
        for each in fields(said)
        if each.name != "sources"
    }
    return {
        "labels": list(model.labels) if model.labels is not None else None,
        **{name: getattr(model, name) for name in _TEXTS},
        "preprocessing": {
            **preprocessing,
            "resolution": [model.height, model.width],
            "output_tensor": str(model.output_place),
            **({"output_kind": model.output_kind} if model.output_kind is not None else {}),
        },
    }
