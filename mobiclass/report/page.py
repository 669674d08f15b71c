"""Result rows to one self-contained HTML page: thumbnails by label, searchable, sortable, failures with reasons.

It reads rows and image files, and classifies nothing; the page needs no network. Rows and thumbnails are written as
they come: at most a hundred rows are in memory. The page itself is in ``assets/``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
import secrets
import string
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO, TypeAlias
from unicodedata import category

from PIL import Image

from mobiclass._system import atomic_write
from mobiclass.errors import ImageError
from mobiclass.images import load_image
from mobiclass.results import is_mistake

MAX_THUMBNAILS: Final = 20_000
"""About 125 MB of page. Browsers open larger ones slowly or not at all; later rows have no thumbnail."""

_THUMBNAIL_SIDE: Final = 176  # the width of a card on the page
_JPEG_QUALITY: Final = 65
_ROWS_PER_BLOCK: Final = 100
# Pillow releases the interpreter lock to decode: two threads on two cores make 1.5 to 1.8 times as many thumbnails.
_THREADS: Final = min(4, os.cpu_count() or 1)
_STDIN: Final = "-"
_REVIEW_STYLES: Final = ("review.css",)
_REVIEW_SCRIPTS: Final = ("review.js",)
_STYLES: Final = ("base.css", "tools.css", "cards.css", "detail.css", "small_and_print.css")
_SCRIPTS: Final = ("rows.js", "theme.js", "grid.js", "cards.js", "detail.js", "facets.js")
_START: Final = ("page.js",)
_ROWS_MARK: Final = "<!-- rows -->"


Explain: TypeAlias = "Callable[[Mapping[str, Any]], Image.Image]"
"""Draws what in the photo of a row speaks for its answer; raises `ImageError` where it cannot."""


class Review(NamedTuple):
    """What makes a report a page for review.

    Attributes:
        labels: those that a correction may choose from; others can be typed.
        none: the label that says that a photo shows nothing that the model knows.
        file: the name of the CSV file that the page gives for download: ``photo,label``.
    """

    labels: Sequence[str]
    none: str
    file: str


def write_report(
    rows: Iterable[dict[str, Any]],
    output: Path,
    *,
    title: str,
    summary: Mapping[str, Any] | None = None,
    review: Review | None = None,
    explain: Explain | None = None,
) -> None:
    """Write `rows` to the HTML page `output` atomically.

    Args:
        rows: the JSON objects of results, in the order in which the page first shows them. If they have a ``truth``,
            the page shows it beside each photo, counts the mistakes and shows them first.
        output: the page; an existing file is replaced.
        title: the page's heading.
        summary: further facts for the heading, name to value; read after the last row.
        review: lets people confirm or correct the answer of each row that has a ``review``: an object with the
            ``photo`` as the CSV is to name it, the ``reason`` why it is asked, and perhaps ``more`` about it.
        explain: draws a second picture for a row whose answer is wrong; called by several threads.

    Raises:
        SetupError: the page cannot be written.
    """
    styles = (*_STYLES, *(_REVIEW_STYLES if review else ()))
    scripts = (*_SCRIPTS, *(_REVIEW_SCRIPTS if review else ()), *_START)
    head, tail = (string.Template(part) for part in _resource("page.html").split(_ROWS_MARK))
    with atomic_write(output) as file:
        # What UTF-8 cannot encode becomes U+FFFD instead of ending the report.
        page = io.TextIOWrapper(file, encoding="utf-8", errors="xmlcharrefreplace", newline="\n")
        page.write(head.substitute(title=_as_text(title), **_style_and_policy(styles, scripts)))
        totals = _write_rows(rows, explain, page)
        facts = _facts(summary or {}, review)
        page.write(tail.substitute(totals=totals.as_html(), facts=facts, script=_resources(scripts)))
        page.detach()  # flushed; its owner closes the file


class _Totals:
    """The counts of the heading."""

    def __init__(self) -> None:
        self.images = 0
        self.failures: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.mistakes: int | None = None

    def count(self, row: Mapping[str, Any]) -> None:
        self.images += 1
        if row.get("error"):
            self.failures[_text(row["error"].get("kind"))] += 1
        elif row.get("predictions"):
            self.labels[_label(row.get("decision") or row["predictions"][0])] += 1
        if row.get("truth"):
            self.mistakes = (self.mistakes or 0) + is_mistake(row)

    def as_html(self) -> str:
        """Return the counts as a list, for a browser without JavaScript."""
        failed = self.failures.total()
        counts = {
            "Images": self.images,
            "Classified": self.images - failed,
            "Failed": failed,
            **({} if self.mistakes is None else {"Mistakes": self.mistakes}),
            **{f"Failed: {kind}": count for kind, count in self.failures.most_common()},
            **{f"Label: {label}": count for label, count in self.labels.most_common(20)},
        }
        return "".join(f"<li><bdi>{_as_text(name)}</bdi>: {count}</li>" for name, count in counts.items())


class _Labels:
    """Numbers labels, so that each is written once."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, str], int] = {}
        self._new: list[tuple[int, str]] = []

    def number(self, prediction: Mapping[str, Any]) -> int:
        index = prediction.get("index")  # of a class alone: a group and "unknown" have none
        label = (-1 if index is None else int(index), _label(prediction))
        if label not in self._numbers:
            self._numbers[label] = len(self._numbers)
            self._new.append(label)
        return self._numbers[label]

    def take_new(self) -> list[tuple[int, str]]:
        """Return the labels that no earlier block has."""
        new, self._new = self._new, []
        return new


def _write_rows(rows: Iterable[dict[str, Any]], explain: Explain | None, page: TextIO) -> _Totals:
    """Write every thumbnail as an inert script element, and after each hundred their rows."""
    totals = _Totals()
    labels = _Labels()
    block: list[dict[str, Any]] = []
    for row, (thumbnail, explained) in _with_thumbnails(rows, explain):
        record = _record(row)
        if row.get("truth"):
            record["truth"] = labels.number(row["truth"])
            record["wrong"] = is_mistake(row)
        if row.get("decision"):
            record["decision"] = (labels.number(row["decision"]), row["decision"]["score"])
        record["scores"] = [(labels.number(each), each["score"]) for each in row.get("predictions") or ()]
        if isinstance(thumbnail, bytes):
            record["thumbnail"] = _write_picture(page, f"t{totals.images}", thumbnail)
        elif thumbnail:
            record["no_thumbnail"] = thumbnail
        if explained:
            record["explained"] = _write_picture(page, f"e{totals.images}", explained)
        totals.count(row)
        block.append(record)
        if len(block) == _ROWS_PER_BLOCK:
            _write_block(page, labels.take_new(), block)
            block.clear()
    if block:
        _write_block(page, labels.take_new(), block)
    return totals


def _write_picture(page: TextIO, name: str, jpeg: bytes) -> str:
    page.write(f'<script type="text/plain" id="{name}">{base64.b64encode(jpeg).decode("ascii")}</script>\n')
    return name


def _write_block(page: TextIO, labels: list[tuple[int, str]], rows: list[dict[str, Any]]) -> None:
    content = _script_json({"labels": labels, "rows": rows})
    page.write(f'<script type="application/json" class="rows">{content}</script>\n')


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Select what the page shows of `row`, except the predictions, whose labels are written only once."""
    record = {name: row[name] for name in ("model", "device", "fallback", "error") if row.get(name)}
    record["path"] = row["path"]
    if row.get("review"):
        record["review"] = row["review"]
    if row["path"] != _STDIN:
        with suppress(ValueError):  # not a possible file name
            record["uri"] = Path(_file_name(row)).absolute().as_uri()
    return record


def _label(prediction: Mapping[str, Any]) -> str:
    return _text(prediction.get("label")) or f"class {prediction['index']}"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _file_name(row: Mapping[str, Any]) -> str:
    """Return the name under which the file of `row` can be opened, UTF-8 or not."""
    if encoded := row.get("path_base64"):
        with suppress(ValueError):  # somebody has edited it
            return os.fsdecode(base64.b64decode(encoded))
    return str(row["path"])


def _with_thumbnails(
    rows: Iterable[dict[str, Any]], explain: Explain | None
) -> Iterator[tuple[dict[str, Any], tuple[bytes | str | None, bytes | None]]]:
    """Pair each row, in order, with its thumbnail or the reason why it has none, and with what explains it.

    A few are in flight at a time.
    """
    pending: deque[tuple[dict[str, Any], Future[tuple[bytes | str | None, bytes | None]]]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="thumbnail") as pool:
        for number, row in enumerate(rows):
            pending.append((row, pool.submit(_pictures, row, number, explain)))
            if len(pending) > 2 * _THREADS:
                oldest, pictures = pending.popleft()
                yield oldest, pictures.result()
        for row, pictures in pending:
            yield row, pictures.result()


def _pictures(row: Mapping[str, Any], number: int, explain: Explain | None) -> tuple[bytes | str | None, bytes | None]:
    thumbnail = _thumbnail(row, number)
    if explain is None or not isinstance(thumbnail, bytes) or not (row.get("truth") and is_mistake(row)):
        return thumbnail, None
    try:
        return thumbnail, _jpeg(explain(row))
    except ImageError:  # it has changed meanwhile
        return thumbnail, None


def _thumbnail(row: Mapping[str, Any], number: int) -> bytes | str | None:
    """Make a JPEG of the file of `row`, or return the reason why there is none; a failed row has its own."""
    if row.get("error"):
        return None
    if row["path"] == _STDIN:
        return "read from standard input"
    if number >= MAX_THUMBNAILS:
        return f"only the first {MAX_THUMBNAILS:,} images have a thumbnail"
    try:
        # The image was classified, so whatever can be decoded is worth showing.
        return _jpeg(
            load_image(_file_name(row), min_height=_THUMBNAIL_SIDE, min_width=_THUMBNAIL_SIDE, allow_truncated=True)
        )
    except ImageError as error:
        return error.reason


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.BICUBIC)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return jpeg.getvalue()


def _facts(summary: Mapping[str, Any], review: Review | None) -> str:
    now = datetime.now().astimezone()
    facts: dict[str, Any] = {
        "written": now.isoformat(timespec="minutes"),
        "summary": [[str(name), str(value)] for name, value in summary.items()],
    }
    if review:  # the browser keeps answers by the page's id
        facts["review"] = {**review._asdict(), "labels": list(review.labels), "id": secrets.token_hex(8)}
    return _script_json(facts)


def _style_and_policy(styles: Iterable[str], scripts: Iterable[str]) -> dict[str, str]:
    style = _resources(styles)
    script = _resources(scripts)
    policy = (
        "default-src 'none'; img-src data:; "
        f"style-src {_source_hash(style)}; script-src {_source_hash(script)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {"style": style, "policy": policy}


def _source_hash(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _resources(names: Iterable[str]) -> str:
    return "".join(_resource(name) for name in names)


def _resource(name: str) -> str:
    return (files("mobiclass.report") / "assets" / name).read_text(encoding="utf-8")


def _script_json(value: object) -> str:
    """Encode `value` as JSON that is safe in a script element: ASCII, and without what could open or end a tag."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _as_text(text: str) -> str:
    """Escape `text` for HTML; characters that reorder or hide others become U+FFFD."""
    return html.escape("".join("\ufffd" if category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text))
