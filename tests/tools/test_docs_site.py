"""The docs site: links as they are in the repository become those of the site, and every page is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.doc_blocks import ROOT
from tools.docs_site import on_config, on_page_markdown


def relinked(place: str, markdown: str) -> str:
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri=place))
    return on_page_markdown(markdown, page, cast(Any, None), cast(Any, None))


@pytest.mark.parametrize(
    ("place", "link", "expected"),
    [
        ("index.md", "docs/install.md", "install.md"),
        ("index.md", "docs/decisions/README.md", "decisions/README.md"),
        ("index.md", "LICENSE", "LICENSE"),
        ("index.md", "docs/pictures/report.png", "pictures/report.png"),
        ("models.md", "results-format.md#exit-codes", "results-format.md#exit-codes"),
        ("decisions/005-how-results-are-kept.md", "../performance.md", "../performance.md"),
        ("decisions/001-two-runtimes.md", "../../README.md", "../index.md"),
        ("models/README.md", "../docs/quantization.md", "../quantization.md"),
        ("models/README.md", "catalog.toml", "catalog.toml"),
        ("CONTRIBUTING.md", "docs/architecture.md", "architecture.md"),
        ("models.md", "https://example.org/README.md", "https://example.org/README.md"),
    ],
)
def test_links_of_the_repository_become_the_site_s(place: str, link: str, expected: str) -> None:
    assert relinked(place, f"See [it]({link}).") == f"See [it]({expected})."


def test_every_page_and_every_decision_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(listed)
    config: Any = SimpleNamespace(nav=[{"How": [{"Decisions": "decisions/"}, "performance.md"]}])
    (section,) = on_config(config).nav
    decisions, last = section["How"]
    assert decisions["Decisions"][:2] == ["decisions/README.md", "decisions/001-two-runtimes.md"]
    assert len(decisions["Decisions"]) == len(list((ROOT / "docs" / "decisions").glob("*.md")))
    assert last == "performance.md"


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="NOT TESTED: MkDocs is not installed (`make site` builds the site)")
    for name in ("docs", "tools", "models", "mobiclass"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.tflite"))
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    with (tmp_path / "docs" / "batch.md").open("a", encoding="utf-8") as page:
        page.write("\n[gone](no-such-page.md)\n")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no-such-page.md" in done.stderr
