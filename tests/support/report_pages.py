"""Rows for a report, and a report taken apart again."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from PIL import Image

from mobiclass.report.page import write_report


class Page(HTMLParser):
    """The elements of a report, as a browser's parser would part them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open = False
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[-1][2].append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [
            "".join(text)
            for name, found, text in self.elements
            if name == tag and all(found.get(key.rstrip("_")) == value for key, value in attributes.items())
        ]

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts("script", class_="rows")]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for block in self.blocks for row in block["rows"]]

    @property
    def labels(self) -> list[list[Any]]:
        return [label for block in self.blocks for label in block["labels"]]

    def thumbnail(self, row: dict[str, Any]) -> Image.Image:
        (encoded,) = self.texts("script", id=row["thumbnail"])
        image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
        image.load()
        return image


def row(path: str | Path, label: str | None = "cat", *, score: float = 0.9, **more: Any) -> dict[str, Any]:
    predictions = [{"index": 7, "label": label, "score": score}]
    return {"path": str(path), "predictions": predictions, "model": "m", "device": "cpu", "error": None, **more}


def failure(path: str, kind: str = "truncated", message: str = "cut short") -> dict[str, Any]:
    error = {"type": "ImageError", "kind": kind, "message": message}
    return {"path": path, "predictions": [], "model": "m", "device": "cpu", "error": error}


def written(output: Path, *rows: dict[str, Any], title: str = "A title", **options: Any) -> Page:
    write_report(iter(rows), output, title=title, **options)
    return Page(output)
