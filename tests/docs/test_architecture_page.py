"""The page on the architecture: its rooms are those of the house, and its ten questions are answered where it says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_architecture import ROOMS, TOOL_ROOMS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_rooms_are_listed_in_their_order() -> None:
    table = PAGE.partition("## The rooms of the runtime")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", table, re.MULTILINE)
    assert tuple(listed) == ROOMS


def test_the_workstation_s_folders_are_named() -> None:
    folders = {room for room in TOOL_ROOMS if (ROOT / "tools" / room).is_dir()}
    assert {room for room in folders if f"`{room}/`" not in PAGE} == set()


def test_ten_questions_lead_to_a_file_that_answers_them() -> None:
    questions = re.findall(r"^\| [^|]+\? \| `([^`]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)
    assert len(questions) == 10
    assert [(file, name) for file, name in questions if name not in (ROOT / file).read_text(encoding="utf-8")] == []


def test_every_path_on_the_page_exists() -> None:
    paths = set(re.findall(r"`((?:mobiclass|tools|tests|docs|models|cli)/[\w./]+\.\w+)`", PAGE))
    assert {path for path in paths if not any((base / path).exists() for base in (ROOT, ROOT / "mobiclass"))} == set()
