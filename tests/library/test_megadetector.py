"""Rows in MegaDetector's format, by its published rules and, where it is installed, by its own validator."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from mobiclass.library.megadetector import write_megadetector
from tests.support.exported_rows import ROWS


def written(rows: list[dict[str, Any]]) -> dict[str, Any]:
    stream = io.StringIO()
    write_megadetector(rows, stream)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


@pytest.mark.parametrize("rows", [ROWS, [], ROWS[:1]])
def test_the_published_rules_hold(rows: list[dict[str, Any]]) -> None:
    found = written(rows)
    assert set(found) == {"info", "images", "detection_categories", "classification_categories"}
    assert isinstance(found["info"]["format_version"], str) and float(found["info"]["format_version"]) >= 1.4
    for categories in (found["detection_categories"], found["classification_categories"]):
        assert all(number.isdigit() and name.strip() for number, name in categories.items())
    assert len(found["images"]) == len(rows)
    for image in found["images"]:
        if "failure" in image:
            assert isinstance(image["failure"], str) and image["detections"] is None
            continue
        for detection in image["detections"]:
            assert detection["category"] in found["detection_categories"]
            assert isinstance(detection["conf"], float) and 0 <= detection["conf"] <= 1
            assert detection["bbox"] == [0.0, 0.0, 1.0, 1.0]
            scores = [score for _, score in detection["classifications"]]
            assert scores == sorted(scores, reverse=True)
            assert all(number in found["classification_categories"] for number, _ in detection["classifications"])


def test_what_each_photo_becomes() -> None:
    found = written(ROWS)
    names = found["classification_categories"]
    images = {image["file"]: image for image in found["images"]}

    def classes(file: str) -> list[tuple[str, float]]:
        (detection,) = images[file]["detections"]
        return [(names[number], score) for number, score in detection["classifications"]]

    assert classes("photos/cat.jpg") == [("tabby", 0.5), ("tiger cat", 0.25), ("=cmd()", 0.0)]
    assert classes("photos/group.jpg") == [("domestic cat", 0.75), ("tabby", 0.5), ("tiger cat", 0.25)]
    assert images["photos/group.jpg"]["detections"][0]["conf"] == 0.75
    assert classes("photos/no label.jpg") == [("class 0", 0.5)]
    assert images["photos/unknown.jpg"]["detections"] == images["photos/nothing.jpg"]["detections"] == []
    assert images["photos/cut.jpg"]["failure"] == "truncated: cut short"
    assert found["info"]["classifier"] == "efficientnet_lite0"


@pytest.mark.parametrize("version", ["1.5", "1.6"])
def test_megadetectors_own_validator_accepts_it(version: str) -> None:
    validator = pytest.importorskip(
        "megadetector.postprocessing.validate_batch_results",
        reason="megadetector is not installed: its own validator has not seen the file",
        exc_type=ImportError,
    )
    found = written(ROWS)
    found["info"]["format_version"] = version
    results = validator.validate_batch_results(found)["validation_results"]
    assert results["errors"] == results["warnings"] == []
