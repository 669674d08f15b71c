"""`mobiclass results tag` as a process: keywords of whole folders, interrupted anywhere, and what it refuses."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mobiclass.library.embedded_keywords import without_our_keywords
from mobiclass.library.xmp import our_keywords
from tests.support.batch_runs import jpeg
from tests.support.exiftool import as_list, needs_exiftool, read_tags
from tests.support.made_images import encode, scene
from tests.support.program import COMMAND, Outcome, environment, run

LABELS = ("tabby cat", "dog", "-config=evil", "a\nb", "<script>&amp;", "\u202egod", "x" * 300)
ROWS = Path("rows.jsonl")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def tag(*arguments: str | Path, **how: Any) -> Outcome:
    return run("results", "tag", *arguments, **how)


def row_of(path: Path, label: str, score: float = 0.9, **fields: Any) -> dict[str, Any]:
    status = path.stat()
    prediction = {"index": 1, "label": label, "score": score}
    return {
        "path": str(path),
        "predictions": [prediction, {"index": 2, "label": "second", "score": 0.05}],
        "error": None,
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        **fields,
    }


def write_rows(rows: Sequence[dict[str, Any]], file: Path = ROWS) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def make_photos(number: int) -> list[Path]:
    """Write photos of three kinds, and the rows of them."""
    Path("photos").mkdir()
    contents = {"jpg": jpeg("red"), "png": encode(scene(), "PNG"), "webp": encode(scene(), "WEBP")}
    photos = []
    for count in range(number):
        suffix = [*contents][count % len(contents)]
        photo = Path("photos", f"{count:04}.{suffix}")
        photo.write_bytes(contents[suffix])
        photos.append(photo)
    write_rows([row_of(photo, LABELS[count % len(LABELS)]) for count, photo in enumerate(photos)])
    return photos


def state() -> dict[str, str]:
    """Give the digest of every file below, and its time if it is a photo."""
    return {
        str(path): f"{sha256(path.read_bytes()).hexdigest()}{'' if path.suffix == '.xmp' else path.stat().st_mtime_ns}"
        for path in sorted(Path("photos").rglob("*"))
    }


@pytest.mark.parametrize("how", [(), ("--embed",), ("--sidecar-style", "photo.xmp")])
def test_twice_is_once_and_remove_is_never(how: tuple[str, ...]) -> None:
    make_photos(12)
    before = state()
    outcome = tag(ROWS, *how)
    assert (outcome.exit_code, outcome.stdout) == (0, ""), outcome.stderr
    assert "12 tagged" in outcome.stderr
    tagged = state()
    assert tagged != before
    outcome = tag(ROWS, *how)
    assert "0 tagged, 12 unchanged" in outcome.stderr
    assert state() == tagged
    outcome = tag(ROWS, "--remove", *how)
    assert "12 without keywords now" in outcome.stderr
    assert state() == before


def test_without_embed_photos_are_as_they_were() -> None:
    photos = make_photos(6)
    before = state()
    tag(ROWS)
    after = state()
    assert {path: after[path] for path in before} == before
    assert sorted(set(after) - set(before)) == sorted(f"{photo}.xmp" for photo in photos)


@needs_exiftool
@pytest.mark.parametrize("embed", [False, True])
def test_exiftool_reads_exactly_the_labels(embed: bool) -> None:
    photos = make_photos(len(LABELS))
    assert tag(ROWS, *(["--embed"] if embed else [])).exit_code == 0
    files = photos if embed else [Path(f"{photo}.xmp") for photo in photos]
    found = [as_list(tags["Subject"]) for tags in read_tags(*files)]
    assert found == [[label.replace("\n", " ")] for label in LABELS]


def test_which_labels(tmp_path: Path) -> None:
    photos = make_photos(5)
    rows = [
        row_of(photos[0], "sure", 0.9),
        row_of(photos[1], "unsure", 0.3),
        row_of(photos[2], "a", 0.9, decision={"label": "group", "score": 0.8, "kind": "group"}),
        row_of(photos[3], "a", 0.9, decision={"label": "unknown", "score": 0.8, "kind": "unknown"}),
        row_of(photos[4], "a", error={"type": "ImageError", "kind": "truncated", "message": "cut"})
        | {"predictions": []},
    ]
    write_rows(rows)
    Path("groups.csv").write_text("group,root\n")
    outcome = tag(ROWS, "--min-score", "0.5", "--taxonomy", "groups.csv")
    assert outcome.exit_code == 0
    assert "2 tagged, 2 unchanged, 1 passed over: not classified" in outcome.stderr
    keywords = {path.name[:4]: our_keywords(path.read_bytes()) for path in Path("photos").glob("*.xmp")}
    assert {name: each.subject for name, each in keywords.items()} == {"0000": ("sure",), "0002": ("group",)}
    assert keywords["0002"].hierarchical == ("root|group",)
    outcome = tag(ROWS, "--top", "2")
    assert our_keywords(Path("photos/0003.jpg.xmp").read_bytes()).subject == ("a", "second")
    outcome = tag(ROWS)
    assert not Path("photos/0003.jpg.xmp").exists()
    assert "1 without keywords now" in outcome.stderr


def test_photos_that_cannot_be_tagged_do_not_stop_the_others() -> None:
    photos = make_photos(4)
    before = photos[0].read_bytes()
    photos[0].write_bytes(before + b"changed")
    photos[1].unlink()
    outcome = tag(ROWS)
    assert outcome.exit_code == 4
    assert "photos/0000.jpg: the photo has changed since it was classified" in outcome.stderr
    assert "photos/0001.png: there is no such photo" in outcome.stderr
    assert "2 tagged, 2 failed" in outcome.stderr
    assert tag(ROWS, "-q").stderr == ""


def test_rows_of_predict_allow_sidecars_alone() -> None:
    photos = make_photos(1)
    row = row_of(photos[0], "cat")
    del row["bytes"], row["mtime_ns"]
    write_rows([row])
    outcome = tag(ROWS, "--embed")
    assert outcome.exit_code == 4
    assert "write sidecars instead" in outcome.stderr
    assert tag(ROWS).exit_code == 0


def test_a_dry_run_prints_and_writes_nothing() -> None:
    make_photos(4)
    before = state()
    outcome = tag(ROWS, "--dry-run")
    assert outcome.stdout.splitlines()[0] == "tagged     photos/0000.jpg: tabby cat"
    assert state() == before


def test_nothing_is_written_outside_of_root() -> None:
    photos = make_photos(2)
    Path("outside.jpg").write_bytes(jpeg("red"))
    write_rows([row_of(photos[0], "cat") | {"path": "0000.jpg"}, row_of(Path("outside.jpg"), "cat")])
    escaping = row_of(Path("outside.jpg"), "cat") | {"path": "../outside.jpg"}
    absolute = row_of(Path("outside.jpg"), "cat") | {"path": str(Path("outside.jpg").absolute())}
    strange = row_of(Path("outside.jpg"), "cat") | {"path": "a\0b"}
    encoded = row_of(Path("outside.jpg"), "cat") | {"path_base64": "?"}
    rows = [row_of(photos[0], "cat") | {"path": "0000.jpg"}, escaping, absolute, strange, encoded]
    write_rows(rows)
    outcome = tag(ROWS, "--root", "photos")
    assert outcome.exit_code == 4
    assert outcome.stderr.count("is outside photos") == 2
    assert outcome.stderr.count("not a path") == 2
    assert "1 tagged, 4 failed" in outcome.stderr
    assert not Path("outside.jpg.xmp").exists()
    assert tag(ROWS, "--root", "nowhere").exit_code == 3


def test_rows_with_an_error_lose_the_keywords_of_an_earlier_run_too() -> None:
    photos = make_photos(2)
    tag(ROWS)
    error = {"type": "ImageError", "kind": "not_found", "message": "gone"}
    write_rows([row_of(photo, "x", error=error) | {"predictions": []} for photo in photos])
    photos[1].unlink()
    outcome = tag(ROWS, "--remove")
    assert outcome.exit_code == 0
    assert "1 without keywords now, 1 passed over" in outcome.stderr
    assert not Path(f"{photos[0]}.xmp").exists()


@pytest.mark.parametrize("wrong", ["nan", "-1", "2"])
def test_scores_are_from_0_to_1(wrong: str) -> None:
    outcome = tag(ROWS, f"--min-score={wrong}")
    assert outcome.exit_code == 2
    assert "0<=x<=1" in outcome.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has names in UTF-16")
def test_a_name_that_is_not_utf_8() -> None:
    Path("photos").mkdir()
    photo = Path(os.fsdecode(b"photos/\xff.jpg"))
    try:
        photo.write_bytes(jpeg("red"))
    except OSError:
        pytest.skip("this file system takes no such names")
    row = row_of(photo, "cat") | {"path": "photos/\ufffd.jpg", "path_base64": "cGhvdG9zL/8uanBn"}
    write_rows([row])
    assert tag(ROWS).exit_code == 0
    assert Path(f"{photo}.xmp").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("embed", [False, True])
def test_a_run_that_is_killed_anywhere_loses_nothing_and_is_completed(embed: bool) -> None:
    photos = make_photos(300)
    how = ["--embed"] if embed else []
    originals = {photo: photo.read_bytes() for photo in photos}
    times = {photo: photo.stat().st_mtime_ns for photo in photos}
    chance = random.Random(embed)
    for _ in range(10):
        with subprocess.Popen([*COMMAND, "results", "tag", ROWS, *how], env=environment(), stderr=-3) as running:
            try:
                running.wait(chance.uniform(0.15, 0.6))
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
        for photo, original in originals.items():
            assert without_our_keywords(photo.read_bytes()) == original
            assert photo.stat().st_mtime_ns == times[photo]
        if running.returncode == 0:
            tag(ROWS, "--remove", *how)
    assert tag(ROWS, *how).exit_code == 0
    names = {photo.name for photo in photos} | set() if embed else {f"{photo.name}.xmp" for photo in photos}
    assert names | {photo.name for photo in photos} == {path.name for path in Path("photos").iterdir()}
    for count, photo in enumerate(photos):
        content = photo.read_bytes() if embed else Path(f"{photo}.xmp").read_bytes()
        if not embed:
            assert our_keywords(content).subject == (" ".join(LABELS[count % len(LABELS)].split()),)
            assert photo.read_bytes() == originals[photo]
    tag(ROWS, "--remove", *how)
    assert {photo: photo.read_bytes() for photo in photos} == originals
    assert {path.name for path in Path("photos").iterdir()} == {photo.name for photo in photos}


def test_help_loads_nothing_heavy_and_the_command_no_pillow(tmp_path: Path) -> None:
    from tests.support.program import run_and_list_modules

    make_photos(3)
    _, modules = run_and_list_modules("results", "tag", "--help", folder=tmp_path)
    assert not modules & {"numpy", "PIL", "mobiclass.library.tagging"}
    outcome, modules = run_and_list_modules("results", "tag", ROWS, folder=tmp_path)
    assert outcome.exit_code == 0
    assert "PIL" not in modules
