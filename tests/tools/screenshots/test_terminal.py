"""A terminal's screen becomes a page: what was typed, what came, and its colours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from mobiclass.errors import SetupError
from tools.screenshots.browser import find_program, take_picture
from tools.screenshots.photos import make_album, make_labelled_album
from tools.screenshots.terminal import Terminal

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="NOT TESTED: tmux is not installed")
needs_chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="NOT TESTED: Chromium is not installed")


@needs_tmux
def test_what_is_typed_and_what_comes(tmp_path: Path) -> None:
    (tmp_path / "here.txt").touch()
    with Terminal(tmp_path, columns=40, rows=10, variables={"WORD": "<b>&"}) as terminal:
        terminal.type('echo "$WORD"; ls')
        page, lines = terminal.page()
    screen = page.partition("<pre>")[2].partition("</pre>")[0]
    assert screen.split("\n") == ["$ echo &quot;$WORD&quot;; ls", "&lt;b&gt;&amp;", "here.txt"]
    assert lines == 3


@needs_tmux
def test_colours_go_on_until_they_end(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\x1b[1;32mgood\nmore\x1b[0m plain \x1b[2mdim\x1b[0m\n")
    with Terminal(tmp_path, columns=40, rows=10, variables={}) as terminal:
        terminal.type("cat text")
        page, _ = terminal.page()
    lines = page.partition("<pre>")[2].split("\n")
    green = '<span style="font-weight:bold;color:#8fbf6f">'
    assert lines[1] == f"{green}good</span>"
    assert lines[2].startswith(f'{green}more</span> plain <span style="opacity:0.65">dim</span>')


@needs_chromium
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


def test_the_albums(tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="NOT TESTED on photos: scikit-image is not installed")
    make_album(tmp_path / "album")
    make_labelled_album(tmp_path / "labelled")
    assert len(list((tmp_path / "album").iterdir())) == 12
    assert {len(list(folder.iterdir())) for folder in (tmp_path / "labelled").iterdir()} == {4}
