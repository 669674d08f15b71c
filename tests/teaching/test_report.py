"""The report of teaching: photos that look mislabelled first, the broken ones there too."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.program import run
from tests.support.report_pages import Page
from tests.support.tiny_models import colour_model

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}


def test_mislabelled_photos_come_first_and_broken_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "base.tflite").write_bytes(colour_model())
    for label, (red, green, blue) in COLOURS.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(8):
            colour = (red - number, green + 3 * number, blue - number)
            Image.new("RGB", (20, 20), colour).save(tmp_path / "photos" / label / f"{number}.png")
    Image.new("RGB", (20, 20), (10, 20, 230)).save(tmp_path / "photos" / "red" / "wrong.png")
    (tmp_path / "photos" / "red" / "broken.png").write_bytes(b"no photo")
    arguments = ("teach", "photos", "-o", "taught.tflite", "-m", "base.tflite", "--report", "page.html")
    done = run(*arguments, cwd=tmp_path, env={"MOBICLASS_CACHE": str(tmp_path / "cache")})
    assert done.exit_code == 4  # the broken one
    assert "wrong.png\n    red, looks like blue (" in done.stdout
    page = Page(tmp_path / "page.html")
    rows = page.rows
    assert len(rows) == 18
    assert Path(rows[0]["path"]).name == "wrong.png"
    assert [row["path"] for row in rows if row.get("error")] == ["photos/red/broken.png"]
    again = run(*arguments, "--overwrite", "-q", cwd=tmp_path, env={"MOBICLASS_CACHE": str(tmp_path / "cache")})
    assert again.exit_code == 4
    refused = run(*arguments, cwd=tmp_path)
    assert refused.exit_code == 3
