"""A copy of a model with rules: the same network, and all that is known of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mobiclass.decisions import Rules, parse_rules
from mobiclass.errors import ModelError
from mobiclass.evaluation.calibrated_model import calibrated_copy, calibration_json, fitted_rules
from mobiclass.evaluation.calibration import fit_and_judge
from mobiclass.tflite import read_model, read_zip_members
from mobiclass.tflite.editing import without_zip
from tests.conftest import MakeModel
from tests.evaluation.test_calibration import observed, photos
from tests.support.tiny_models import append_zip, colour_model

RULES = Rules(class_score=0.7, group_score=0.8, fitted_on="some photos")


def moved(content: bytes, tmp_path: Path) -> Path:
    """Put a copy where nothing lies beside it."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "copy.tflite"
    path.write_bytes(content)
    return path


def test_the_network_stays_and_the_rules_are_read_back(make_model: MakeModel, tmp_path: Path) -> None:
    config = json.dumps({"format": 1, "source": "a test", "preprocessing": {"resize": "squash"}})
    model = read_model(make_model(config=config))
    copy = calibrated_copy(model, RULES)
    assert without_zip(copy) == without_zip(model.content)
    there = read_model(moved(copy, tmp_path))
    assert there.rules is not None
    assert parse_rules(there.rules, "copy") == RULES
    assert there.labels == model.labels
    assert there.preprocessing == model.preprocessing
    members = read_zip_members(copy, "copy", {"mobiclass.json", "labels.txt"})
    assert json.loads(members["mobiclass.json"])["source"] == "a test"
    assert json.loads(members["mobiclass.json"])["preprocessing"] == {"resize": "squash"}
    assert members["labels.txt"] == read_zip_members(model.content, "m", {"labels.txt"})["labels.txt"]


def test_what_lies_beside_the_model_goes_along(make_model: MakeModel, tmp_path: Path) -> None:
    path = make_model(labels=None, mean=None, std=None)
    (tmp_path / "colours.labels.txt").write_text("rot\ngrün\nblau\n", encoding="utf-8")
    (tmp_path / "colours.json").write_text(
        json.dumps({"mean": 100, "std": 50, "crop_fraction": 0.9, "license": "CC0-1.0", "channels": "bgr"})
    )
    (tmp_path / "colours.taxonomy.csv").write_text("rot,warm\ngrün,warm\n", encoding="utf-8")
    model = read_model(path)
    there = read_model(moved(calibrated_copy(model, RULES), tmp_path))
    assert there.labels == ("rot", "grün", "blau")
    assert there.preprocessing == model.preprocessing
    assert there.preprocessing.mean == (100, 100, 100)
    assert there.license == "CC0-1.0"
    table = read_zip_members(there.content, "copy", {"taxonomy.csv"})["taxonomy.csv"]
    assert table.decode() == "rot,warm\ngrün,warm\n"


def test_what_stands_outside_of_the_section_does_not_stand_twice(make_model: MakeModel, tmp_path: Path) -> None:
    path = make_model(config=json.dumps({"resize": "pad", "mean": 120}))
    (tmp_path / "colours.json").write_text(json.dumps({"resize": "squash"}))
    model = read_model(path)
    there = read_model(moved(calibrated_copy(model, RULES), tmp_path))
    assert there.preprocessing == model.preprocessing
    assert there.preprocessing.resize == "squash"


def test_earlier_rules_give_way(make_model: MakeModel, tmp_path: Path) -> None:
    model = read_model(make_model(config=json.dumps({"rules": {"class_score": 0.1, "labels": {"red": 0.9}}})))
    there = read_model(moved(calibrated_copy(model, RULES), tmp_path))
    assert there.rules == RULES.as_json()


def test_the_same_rules_give_the_same_bytes(make_model: MakeModel) -> None:
    model = read_model(make_model())
    assert calibrated_copy(model, RULES) == calibrated_copy(model, RULES)


def test_a_config_that_is_none_is_an_error(make_model: MakeModel) -> None:
    path = make_model()
    model = read_model(path)
    spoilt = append_zip(colour_model(labels=None, mean=None, std=None), {"mobiclass.json": "[1]"})
    object.__setattr__(model, "content", spoilt)
    with pytest.raises(ModelError, match="a JSON object is expected"):
        calibrated_copy(model, RULES)


def test_a_config_with_numbers_that_json_has_not_is_an_error(make_model: MakeModel) -> None:
    model = read_model(make_model(config='{"taught": {"photos": 1e999}}'))
    with pytest.raises(ModelError, match="not valid JSON"):
        calibrated_copy(model, RULES)


# The rules


def test_rules_say_what_they_come_to(make_model: MakeModel) -> None:
    model = read_model(make_model())
    found = fit_and_judge(photos(200), target=0.85, seed=0)
    rules = fitted_rules(found, model, "holidays, 2026-01-31")
    assert parse_rules(rules.as_json(), "m") == rules
    assert rules.class_score == found.thresholds.class_score
    assert rules.group_score == found.thresholds.group_score
    assert rules.largest_group == 400
    assert rules.fitted_on == f"{len(found.fitted_on)} photos of holidays, 2026-01-31, for a precision of 0.85"
    assert rules.measured["right"] == found.outcome.right
    shown = calibration_json(found, rules, model)
    assert shown["judged"] == rules.measured
    assert shown["rules"] == rules.as_json()
    assert json.loads(json.dumps(shown)) == shown


def test_without_groups_no_group_is_small_enough(make_model: MakeModel) -> None:
    found = fit_and_judge([observed(0.9, True) for _ in range(80)], target=0.85, seed=0)
    rules = fitted_rules(found, read_model(make_model()), "photos")
    assert rules.largest_group == 1


def test_the_rule_of_unknown_photos_stays_with_its_means(make_model: MakeModel) -> None:
    rules = {"unknown": {"kind": "cosine", "threshold": 0.4, "means": "class_means.npy"}}
    model = read_model(make_model(config=json.dumps({"rules": rules})))
    found = fit_and_judge([observed(0.9, True, cosine=0.9) for _ in range(80)], target=0.85, seed=0, cosine=0.4)
    unknown = fitted_rules(found, model, "photos").unknown
    assert unknown is not None
    assert unknown.as_json() == rules["unknown"]
