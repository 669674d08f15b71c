"""A page becomes a picture of the size that was asked for, or what is missing is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from mobiclass.errors import SetupError
from tools.screenshots.browser import find_program, take_picture


@pytest.mark.skipif(not shutil.which("chromium"), reason="NOT TESTED: Chromium is not installed")
def test_a_picture_of_a_page(tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text("<body style='margin:0;background:#204060'>", encoding="utf-8")
    take_picture(page, picture, height=100, width=200, scale=2)
    with Image.open(picture) as image:
        assert image.size == (400, 200)
        assert image.convert("RGB").getpixel((200, 100)) == (0x20, 0x40, 0x60)


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    with pytest.raises(SetupError, match="no-such-browser is not installed: apt-get install chromium"):
        find_program("no-such-browser", package="chromium")
