"""Exports: what is added to rows on their way, and where they go."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mobiclass.errors import SetupError
from mobiclass.library.exporting import Export
from tests.support.exif_blocks import SYDNEY, TAKEN, photo
from tests.support.exported_rows import ROWS, row


def written(export: Export, output_format: Any = "jsonl", **options: Any) -> str:
    stream = io.StringIO()
    export.write(output_format, None, stream, **options)
    return stream.getvalue()


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_rows_are_as_they_were() -> None:
    assert rows_of(written(Export(lambda: ROWS))) == ROWS


def test_exif_data_are_added_once(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(TAKEN, SYDNEY))
    known = row("a.jpg", ("x", 1.0), captured="1999-01-01T00:00:00", gps=None)
    export = Export(lambda: [row("a.jpg", ("x", 1.0)), known, row("b.jpg", ("x", 1.0))], root=tmp_path, exif=True)
    first, second, third = rows_of(written(export))
    assert first["captured"] == "2024-05-31T18:20:01.120+02:00"
    assert first["gps"] == {"latitude": -33.85875, "longitude": 151.2111806}
    assert second["captured"] == "1999-01-01T00:00:00"
    assert (third["captured"], third["gps"]) == (None, None)
    assert export.unreadable == 1


def test_columns_are_those_that_any_row_has() -> None:
    def header(*rows: dict[str, Any], **options: Any) -> str:
        return written(Export(lambda: rows, **options), "csv").splitlines()[0]

    plain = "path,rank,index,label,score,error"
    assert header(ROWS[0]) == header() == plain
    assert header(ROWS[0], ROWS[2]) == f"{plain},decision,decision_score,decision_kind"
    assert header(ROWS[0] | {"captured": None}) == f"{plain},captured,latitude,longitude"
    assert header(exif=True) == f"{plain},captured,latitude,longitude"


def test_paths_relative_to_a_folder(tmp_path: Path) -> None:
    inside = row("photos/a b.jpg", ("x", 1.0))
    strange = row("photos/\ufffd.jpg", ("x", 1.0), path_base64="cGhvdG9zL/8uanBn")
    absolute = row(str(tmp_path / "photos" / "sub" / "c.jpg"), ("x", 1.0))
    export = Export(lambda: [inside, strange, absolute], root=tmp_path, relative_to=tmp_path / "photos")
    first, second, third = rows_of(written(export))
    assert (first["path"], third["path"]) == ("a b.jpg", "sub/c.jpg")
    if os.name != "nt":
        assert (second["path"], second["path_base64"]) == ("\ufffd.jpg", "/y5qcGc=")
    for path in ("../x.jpg", "photos/../../x.jpg", "photosandmore/x.jpg"):
        outside = Export(lambda path=path: [row(path)], root=tmp_path, relative_to=tmp_path / "photos")  # type: ignore[misc]
        with pytest.raises(SetupError, match="outside"):
            written(outside)


def test_a_path_that_is_none() -> None:
    for fields in ({"path_base64": "?"}, {"path_base64": 7}):
        with pytest.raises(SetupError, match="not a path"):
            written(Export(lambda fields=fields: [row("a.jpg", **fields)], exif=True))  # type: ignore[misc]


def test_a_file_is_whole_or_not_at_all(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("old")

    def broken() -> Any:
        yield ROWS[0]
        raise SetupError("the rows end here")

    for output_format in ("jsonl", "csv", "parquet", "megadetector", "label-studio"):
        with pytest.raises(SetupError, match="end here"):
            Export(broken).write(output_format, output, io.StringIO(), config=tmp_path / "config.xml")
        assert output.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
