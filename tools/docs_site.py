"""The hooks of the docs site (`mkdocs.yml`): pages that lie outside of docs/, and links as they are on GitHub.

README is the first page. A link to a file of the repository that is no page leads to a copy of the file in the site, so
that the site is whole by itself.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).resolve().parent.parent
_OUTSIDE: Final = {
    "README.md": "index.md",
    "models/README.md": "models/README.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
}
"""Pages outside of docs/, and where they are in the site."""

_DECISIONS: Final = "decisions/"
_LINK: Final = re.compile(r"(?P<open>\]\()(?P<target>[^)\s#:]+)(?P<rest>(?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List every decision in the navigation."""
    pages = ["decisions/README.md", *sorted(f"decisions/{path.name}" for path in _decisions())]
    config.nav = _replaced(config.nav, _DECISIONS, pages)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside of docs/, and the files that pages link to."""
    from mkdocs.structure.files import File

    pages = [_ROOT / source for source in _OUTSIDE] + sorted((_ROOT / "docs").rglob("*.md"))
    wanted = {target for path in pages for target in _linked_files(path)}
    for place in sorted(wanted - {"docs/" + file.src_uri for file in files}):
        files.append(File.generated(config, _OUTSIDE.get(place, place), abs_src_path=str(_ROOT / place)))
    for source, place in _OUTSIDE.items():
        if source not in wanted:
            files.append(File.generated(config, place, abs_src_path=str(_ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of the repository into those of the site."""
    place = page.file.src_uri
    source = {there: here for here, there in _OUTSIDE.items()}.get(place, f"docs/{place}")

    def relink(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["target"]))
        there = _OUTSIDE.get(target, target.removeprefix("docs/"))
        return match["open"] + posixpath.relpath(there, posixpath.dirname(place) or ".") + match["rest"]

    return _LINK.sub(relink, markdown)


def _linked_files(page: Path) -> set[str]:
    """List the files of the repository that `page` links to, relative to the root."""
    targets = (page.parent / match["target"] for match in _LINK.finditer(page.read_text(encoding="utf-8")))
    found = {target.resolve() for target in targets}
    return {path.relative_to(_ROOT).as_posix() for path in found if path.is_file() and path.is_relative_to(_ROOT)}


def _decisions() -> list[Path]:
    return [path for path in (_ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md"]


def _replaced(nav: Any, placeholder: str, pages: list[str]) -> Any:
    """Put `pages` where `placeholder` stands in `nav`."""
    if nav == placeholder:
        return pages
    if isinstance(nav, dict):
        return {title: _replaced(inner, placeholder, pages) for title, inner in nav.items()}
    return [_replaced(inner, placeholder, pages) for inner in nav] if isinstance(nav, list) else nav
