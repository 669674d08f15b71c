"""Rows as tasks of Label Studio, with what the model answered as a pre-annotation to confirm or correct."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, Final, TextIO
from urllib.parse import quote_from_bytes
from xml.sax.saxutils import quoteattr

from mobiclass.library.answers import answer
from mobiclass.library.xmp import keyword_text
from mobiclass.results import Row, path_bytes

LOCAL_FILES: Final = "/data/local-files/?d="
"""Where Label Studio serves files of its own machine, if it is told to."""

_CONTROL, _OBJECT = "label", "image"
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def write_tasks(rows: Iterable[Row], stream: TextIO, *, url_prefix: str = LOCAL_FILES) -> dict[str, None]:
    """Write `rows` as a JSON array of tasks; those with an error have nothing to show and are left out.

    Args:
        rows: the rows.
        stream: takes the text.
        url_prefix: what comes before the path of each photo, whose special characters are written as %XX.

    Returns:
        The labels that occur, for `labeling_config`.
    """
    labels: dict[str, None] = {}
    separator = "[\n"
    for row in rows:
        labels.update(dict.fromkeys(each["label"] for each in row["predictions"] if each["label"]))
        if row["error"]:
            continue
        stream.write(separator + _JSON.encode(_task(row, labels, url_prefix)))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")
    return labels


def _task(row: Row, labels: dict[str, None], url_prefix: str) -> dict[str, Any]:
    path = path_bytes(row).replace(os.sep.encode(), b"/")
    data = {_OBJECT: url_prefix + quote_from_bytes(path, safe="/"), "path": row["path"]}
    if "captured" in row:
        data["captured"] = row["captured"]
    if row.get("gps"):
        data |= row["gps"]
    found = answer(row)
    if found.kind == "unknown":
        return {"data": data, "predictions": []}
    labels[found.label] = None
    choice = {
        "id": "answer",
        "from_name": _CONTROL,
        "to_name": _OBJECT,
        "type": "choices",
        "value": {"choices": [_choice(found.label)]},
    }
    version = str(row.get("model") or "unknown model")
    return {
        "data": data,
        "predictions": [{"model_version": version, "score": float(found.score), "result": [choice]}],
    }


def _choice(label: str) -> str:
    """Make `label` a text that the XML of the configuration can hold."""
    return keyword_text(label) or "(no name)"


def labeling_config(labels: Iterable[str]) -> str:
    """Make the labeling configuration (XML) for the tasks: an answer is shown only where it is one of the choices."""
    choices = "".join(
        f"    <Choice value={quoteattr(label)}/>\n" for label in sorted(dict.fromkeys(map(_choice, labels)))
    )
    return (
        f'<View>\n  <Image name="{_OBJECT}" value="${_OBJECT}"/>\n'
        f'  <Choices name="{_CONTROL}" toName="{_OBJECT}" choice="single" showInline="true">\n'
        f"{choices}  </Choices>\n</View>\n"
    )
