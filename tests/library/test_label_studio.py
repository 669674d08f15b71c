"""Rows as tasks of Label Studio, by the rules of its documentation and, where it is installed, by its own checks."""

from __future__ import annotations

import io
import json
import os
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest

from mobiclass.library.label_studio import LOCAL_FILES, labeling_config, write_tasks
from mobiclass.results import path_bytes
from tests.support.exported_rows import ROWS


def written(rows: list[dict[str, Any]], **options: Any) -> tuple[list[dict[str, Any]], str]:
    stream = io.StringIO()
    labels = write_tasks(rows, stream, **options)
    tasks: list[dict[str, Any]] = json.loads(stream.getvalue())
    return tasks, labeling_config(labels)


def test_every_answer_is_a_choice_of_the_configuration() -> None:
    tasks, config = written(ROWS)
    view = ElementTree.fromstring(config)
    choices = {choice.get("value") for choice in view.iter("Choice")}
    assert {"tabby", "domestic cat", "class 0", "=cmd()"} <= choices
    (image,) = view.iter("Image")
    for task in tasks:
        assert image.get("value") == "$image" and "image" in task["data"]
        for prediction in task["predictions"]:
            (result,) = prediction["result"]
            assert set(result["value"]["choices"]) <= choices
            assert (result["from_name"], result["to_name"]) == ("label", image.get("name"))
            assert 0 <= prediction["score"] <= 1


def test_what_each_photo_becomes() -> None:
    tasks, _ = written(ROWS)
    assert len(tasks) == len(ROWS) - 1, "a photo that could not be read has nothing to show"
    answers = {
        task["data"]["path"]: [each["result"][0]["value"]["choices"] for each in task["predictions"]] for task in tasks
    }
    assert answers["photos/cat.jpg"] == [["tabby"]]
    assert answers["photos/group.jpg"] == [["domestic cat"]]
    assert answers["photos/unknown.jpg"] == answers["photos/nothing.jpg"] == []
    assert tasks[0]["predictions"][0]["model_version"] == "efficientnet_lite0"


def test_urls_lead_to_the_bytes_of_the_path() -> None:
    tasks, _ = written(ROWS)
    for task, row in zip(tasks, ROWS, strict=False):
        url = task["data"]["image"]
        assert url.startswith(LOCAL_FILES) and url.isascii() and " " not in url
        assert unquote_to_bytes(url.removeprefix(LOCAL_FILES)) == path_bytes(row).replace(os.sep.encode(), b"/")
    (task,), _ = written(ROWS[:1], url_prefix="https://example.org/")
    assert task["data"]["image"] == "https://example.org/photos/cat.jpg"


def test_time_and_place() -> None:
    (task,), _ = written([ROWS[0] | {"captured": "2024-05-31T18:20:01", "gps": {"latitude": 1.5, "longitude": -2.5}}])
    assert task["data"]["captured"] == "2024-05-31T18:20:01"
    assert (task["data"]["latitude"], task["data"]["longitude"]) == (1.5, -2.5)


def test_no_rows() -> None:
    assert written([])[0] == []


def test_label_studios_own_checks_accept_it() -> None:
    interfaces = pytest.importorskip(
        "label_studio_sdk.label_interface",
        reason="label-studio-sdk is not installed: its own checks have not seen the tasks",
        exc_type=ImportError,
    )
    tasks, config = written(ROWS)
    interface = interfaces.LabelInterface(config)
    interface.validate()
    checked = [prediction for task in tasks for prediction in task["predictions"]]
    assert checked
    for prediction in checked:
        assert interface.validate_prediction(prediction, return_errors=True) == []
    wrong = json.loads(json.dumps(checked[0]))
    wrong["result"][0]["value"]["choices"] = ["zebra"]
    assert interface.validate_prediction(wrong, return_errors=True)
    for task in tasks:
        interface.validate_task({"data": task["data"]})
