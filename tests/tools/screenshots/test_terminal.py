"""A terminal's screen becomes a page: what was typed, what came, and its colours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.screenshots.terminal import Terminal

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="NOT TESTED: tmux is not installed")


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
