"""What a release refuses. The whole way, with a build and an empty environment, is `make release` itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from mobiclass import __version__
from tools import release

CHANGELOG = f"# Changelog\n\n## [{__version__}] - 2026-01-31\n"
CITATION = f"cff-version: 1.2.0\nversion: {__version__}\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a committed checkout of the texts alone, in place of this one."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "CITATION.cff").write_text(CITATION)
    monkeypatch.setattr(release, "_ROOT", tmp_path)
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(checkout: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=checkout, check=True)


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "Change texts")


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(release.main, arguments)
    assert result.exit_code == 3
    return result.output


def test_a_tree_with_changes(checkout: Path) -> None:
    (checkout / "new.txt").touch()
    assert "the tree is not clean" in refusal()
    assert "new.txt" in refusal()


def test_a_version_that_is_tagged(checkout: Path) -> None:
    git(checkout, "tag", f"v{__version__}")
    assert f"v{__version__} exists already" in refusal()


@pytest.mark.parametrize("section", ["## [9.9.9] - 2026-01-31", f"## [{__version__}]", f"## [{__version__}] - soon"])
def test_a_version_without_a_dated_section_in_the_changelog(section: str, checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text(f"# Changelog\n\n{section}\n")
    commit(checkout)
    assert f"CHANGELOG.md has no section [{__version__}] with a date" in refusal()


def test_a_citation_of_another_version(checkout: Path) -> None:
    (checkout / "CITATION.cff").write_text("version: 9.9.9\n")
    commit(checkout)
    assert "CITATION.cff is of another version" in refusal()


def test_a_tag_of_another_version(checkout: Path) -> None:
    assert f"the version is {__version__}, not that of v9.9.9" in refusal("--no-tag", "--expect-tag", "v9.9.9")
