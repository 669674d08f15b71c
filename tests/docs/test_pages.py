"""Samples, links, pictures and lists of README and docs are those of the program and the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mobiclass.errors import IMAGE_ERROR_KINDS, ModelError
from mobiclass.results import FLAT_FIELDS
from mobiclass.tflite.facts import parse_config
from tests.support.doc_blocks import PAGES, ROOT, all_blocks, blocks, lay_desk
from tests.support.program import run

PICTURES = ROOT / "docs" / "pictures"
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def test_the_sample_of_a_configuration_is_accepted(tmp_path: Path, colours: Path) -> None:
    (sample,) = [block.text for block in blocks("docs/models.md", "json") if '"format"' in block.text]
    (tmp_path / "mobilenet_v2.tflite").write_bytes(colours.read_bytes())
    (tmp_path / "mobilenet_v2.json").write_text(sample, encoding="utf-8")
    outcome = run("models", "show", str(tmp_path / "mobilenet_v2.tflite"), "--format", "json")
    assert outcome.exit_code == 0, outcome.stderr
    shown = json.loads(outcome.stdout)
    assert shown["description"] == "birds of Europe"
    assert shown["preprocessing"]["mean"] == {"value": [127.5, 127.5, 127.5], "source": "mobilenet_v2.json"}


def test_every_sample_of_a_configuration_can_be_read() -> None:
    samples = [block for block in all_blocks("json") if '"format"' in block.text]
    assert len(samples) >= 2
    for block in samples:
        parse_config(block.text.encode(), block.page, block.page)


def test_every_key_of_a_configuration_is_described() -> None:
    with pytest.raises(ModelError, match="has no 'no such key'; it has (.+)") as caught:
        parse_config(b'{"preprocessing": {"no such key": 1}}', "X.json", "X.json")
    keys = re.findall(r"[a-z_]+", str(caught.value).partition("; it has ")[2])
    assert {"mean", "std", "resize"} <= set(keys)
    page = PAGES["docs/models.md"].read_text(encoding="utf-8")
    assert [key for key in keys if not re.search(rf"`(preprocessing\.)?{key}`", page)] == []


def test_samples_of_rows_have_a_row_s_fields(tmp_path: Path, photos: dict[str, Path]) -> None:
    lay_desk(tmp_path, "README.md", photos["chelsea.png"])
    row = json.loads(run("predict", str(tmp_path / "photo.jpg")).stdout)
    samples = [json.loads(block.text) for block in all_blocks("json") if '"predictions"' in block.text]
    assert len(samples) == 2
    for sample in samples:
        assert list(sample) == list(row)
        assert list(sample["predictions"][0]) == list(row["predictions"][0])


def test_every_field_of_a_row_is_described(tmp_path: Path, photos: dict[str, Path]) -> None:
    page = PAGES["docs/results-format.md"].read_text(encoding="utf-8")
    lay_desk(tmp_path, "README.md", photos["chelsea.png"])
    output = tmp_path / "rows.jsonl"
    assert run("batch", str(tmp_path / "photo.jpg"), "--timing", "-o", str(output)).exit_code == 0
    (row,) = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    fields = [*row, *row["predictions"][0], *row["timing_ms"], *IMAGE_ERROR_KINDS]
    assert [name for name in fields if not re.search(rf"`([a-z]+\[\]\.)?{name}`", page)] == []
    assert f"`{','.join(FLAT_FIELDS)}`" in page


def test_every_environment_variable_is_described() -> None:
    page = PAGES["docs/environment.md"].read_text(encoding="utf-8")
    package = ROOT / "mobiclass"
    named = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r'"(MOBICLASS_[A-Z]+)"', path.read_text(encoding="utf-8"))
    }
    assert {"MOBICLASS_MODEL", "MOBICLASS_CACHE"} <= named
    assert [name for name in sorted(named) if f"| `{name}` |" not in page] == []


def test_the_readme_s_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = "\n".join(command for block in blocks("README.md", "sh") for command in block.commands)
    targets = re.findall(r"^make ([a-z-]+)", commands, re.MULTILINE)
    assert targets == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    offenders = []
    for target in _LINK.findall(path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or target.startswith("../../"):
            continue
        linked = path.parent / file if file else path
        if not linked.is_file() or (anchor and anchor not in anchors(linked)):
            offenders.append(target)
    assert offenders == []


def anchors(page: Path) -> set[str]:
    """Give the anchors of the headings of `page`, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pictures_are_small_and_shown() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAGES.values())
    pictures = sorted(PICTURES.glob("*.png"))
    assert len(pictures) >= 4
    assert [path.name for path in pictures if path.stat().st_size > 300_000] == []
    assert [path.name for path in pictures if f"pictures/{path.name})" not in text] == []


def test_every_decision_is_listed() -> None:
    page = PAGES["docs/decisions/README.md"].read_text(encoding="utf-8")
    decisions = [path for path in (ROOT / "docs" / "decisions").glob("0*.md")]
    listed = {
        f"[{path.read_text(encoding='utf-8').splitlines()[0].removeprefix('# ')}]({path.name})" for path in decisions
    }
    assert [entry for entry in sorted(listed) if entry not in page] == []
