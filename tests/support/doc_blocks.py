"""The code blocks of README and docs, and a desk on which their commands can be run.

A block is run unless a comment before it says why not (``<!-- not run: why -->``), or that its last command ends with
another exit code than 0 (``<!-- exits: 3, when -->``).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.support.colour_photos import write_colours
from tests.support.known_models import catalog_table, copy_package
from tests.support.program import PROGRAM
from tests.support.tiny_models import colour_model, edgetpu_model

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (ROOT / "README.md", ROOT / "models" / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run|exits): (?P<why>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>[a-z]+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
# What answers in place of a program that the docs call, and whose work is not to be done here.
_STAND_INS = {
    "rpicam-still": 'exec cat "{desk}/photo.jpg"',
    "make": 'exec grep -q "^$1:" "{root}/Makefile"',
    "python": 'PYTHONPATH="{root}" exec "{python}" -m tests.support.parse_only "$@"',
    "pip": 'echo "$@" >> "{desk}/pip.log"',
}


@dataclass(frozen=True)
class Block:
    """A code block: its page, the line of its fence, its language and text, and what its mark says."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None
    exit_code: int

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, without comments and prompts."""
        text = self.text.replace("\\\n", " ")
        lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]


def blocks(page: str, *languages: str) -> list[Block]:
    """List the code blocks of `page` in `languages`."""
    text = PAGES[page].read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        mark, why = match["mark"], match["why"]
        indent = match["indent"]
        found.append(
            Block(
                page=page,
                line=text.count("\n", 0, match.start("language")) + 1,
                language=match["language"],
                text="".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True)),
                not_run=why if mark == "not run" else None,
                exit_code=int(why.partition(",")[0]) if mark == "exits" else 0,
            )
        )
    return [block for block in found if block.language in languages]


def all_blocks(*languages: str) -> list[Block]:
    """List the code blocks of all pages in `languages`."""
    return [block for page in PAGES for block in blocks(page, *languages)]


def lay_desk(desk: Path, page: str, photo: Path) -> dict[str, str]:
    """Put all that the commands of `page` name into the folder `desk`; give the environment to run them in."""
    with Image.open(photo) as image:
        for name in (
            "photo.jpg", "a.jpg", "b.jpg", "photos/1.jpg", "photos/sub/2.jpg", "labelled/Egyptian_cat/1.jpg",
            "labelled/n02123159/2.jpg", "own/kitty/1.jpg", "own/attic/2.jpg", "own/espresso/3.jpg", "cifar/a/1.jpg",
        ):  # fmt: skip
            (desk / name).parent.mkdir(exist_ok=True, parents=True)
            image.convert("RGB").save(desk / name)
    shutil.copy(photo, desk / "chelsea.png")
    write_colours(desk / "garden", {"red": 3, "green": 3})
    write_colours(desk / "more", {"yellow": 3})
    (desk / "more" / "yellow").rename(desk / "more" / "sparrow")
    for name in ("mobilenet_v2.tflite", "birds.tflite"):
        (desk / name).write_bytes(colour_model())
    for name in ("birds.keras", "own.weights.h5"):
        (desk / name).write_bytes(b"")
    (desk / "birds.txt").write_text("owl\nwren\n", encoding="utf-8")
    (desk / "truth.csv").write_text("photo,label\n1.jpg,Egyptian cat\nsub/2.jpg,tiger cat\n", encoding="utf-8")
    (desk / "v2-classes.csv").write_text("Egyptian_cat,red\nn02123159,green\n", encoding="utf-8")
    for block in blocks(page, "csv"):
        (desk / "classes.csv").write_text(block.text, encoding="utf-8")
    if page == "README.md":
        write_colours(desk / "mine", {"red": 3, "green": 3})
    if page == "docs/answers.md":
        (desk / "pets.txt").write_text("domestic cat\nn02084071\n", encoding="utf-8")
        (desk / "scores.csv").write_text("Egyptian cat,0.9\n", encoding="utf-8")
    if page == "docs/results.md":
        earlier = {"path": "photos/1.jpg", "predictions": [{"index": 0, "label": "owl", "score": 0.5}], "error": None}
        (desk / "earlier.jsonl").write_text(json.dumps(earlier) + "\n", encoding="utf-8")
        (desk / "corrections.csv").write_text("photo,label\n1.jpg,Egyptian cat\n", encoding="utf-8")
    if page == "docs/calibrating.md":
        write_colours(desk / "my_photos", {"red": 20, "green": 20, "blue": 20})
    return _programs(desk)


def _programs(desk: Path) -> dict[str, str]:
    """Put `mobiclass`, which knows models that can be pulled from `desk`, and the stand-ins on a PATH."""
    folder = desk / "bin"
    folder.mkdir()
    cpu, tpu = colour_model(), edgetpu_model()
    name = "mobilenet_v1_0.25_128_quant"
    tables = [
        catalog_table(name, cpu, edgetpu=f"{name}_edgetpu"),
        catalog_table(f"{name}_edgetpu", tpu, cpu=name),
    ]
    for table, content in zip(tables, (cpu, tpu), strict=True):
        (desk / table["file"]).write_bytes(content)
    package = copy_package(desk / "package", tables)
    for table in ("imagenet_classes.tsv", "imagenet_taxonomy.tsv"):
        shutil.copy(ROOT / "models" / table, desk / "package" / "mobiclass" / "models")
    variables = {**package, "MOBICLASS_CACHE": desk / "cache", "MOBICLASS_MIRROR": desk.as_uri()}
    settings = " ".join(f"{key}='{value}'" for key, value in variables.items())
    lines = {"mobiclass": f'{settings} exec "{sys.executable}" -c \'{PROGRAM}\' "$@"', **_STAND_INS}
    for program, line in lines.items():
        text = line if program == "mobiclass" else line.format(desk=desk, root=ROOT, python=sys.executable)
        (folder / program).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / program).chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
