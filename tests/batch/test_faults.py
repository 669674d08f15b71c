"""A batch among broken files, dying processes, full disks and folders that vanish: each of them real."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import MakeModel
from tests.support.batch_runs import (
    DECODE_SLOWLY,
    Row,
    is_root,
    jpeg,
    lines_in,
    make_photos,
    names_in,
    patched,
    paths_of,
    read_rows,
    running,
    wait_until,
)
from tests.support.program import COMMAND, Outcome, run

OUT = Path("o.jsonl")
# The superuser who obeys permission bits, or whoever runs the tests.
AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if is_root() else ()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colours: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBICLASS_MODEL", str(colours))
    monkeypatch.setenv("DECODED", str(tmp_path / "decoded.log"))
    monkeypatch.setenv("DECODE_SECONDS", "0.02")


def batch(*arguments: str | Path, **how: object) -> Outcome:
    return run("batch", *arguments, **how)  # type: ignore[arg-type]


def top(row: Row) -> str | None:
    return row["predictions"][0]["label"] if row["predictions"] else None


def kinds(rows: list[Row]) -> dict[str, str | None]:
    return {Path(row["path"]).name: row["error"] and row["error"]["kind"] for row in rows}


class TestFullDisk:
    """The disk is a small file system in memory, or, where nobody may mount one, a limit to the size of files."""

    @pytest.fixture
    def disk(self, tmp_path: Path) -> object:
        """Give a function that makes disk/ a file system of so many bytes."""
        folder = tmp_path / "disk"
        folder.mkdir()

        def resize(size: int) -> None:
            verb = "remount," if os.path.ismount(folder) else ""
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"{verb}size={size}", "tmpfs", folder], capture_output=True, check=False
            )
            if done.returncode:
                pytest.skip("NOT TESTED on a file system that is full: mounting one is not allowed here")

        yield resize
        if os.path.ismount(folder):
            subprocess.run(["umount", "-l", folder], check=True)

    @staticmethod
    def limited(size: int) -> tuple[str, ...]:
        return ("sh", "-c", f'ulimit -f {size // 512}; exec "$@"', "sh", *COMMAND)

    def test_jsonl_keeps_whole_rows_and_goes_on(self, tmp_path: Path, disk: object) -> None:
        make_photos(tmp_path / "photos", 200)
        assert batch("photos", "-o", OUT).exit_code == 0
        disk(32 << 10)  # type: ignore[operator]
        outcome = batch("photos", "-o", "disk/o.jsonl")
        assert outcome.exit_code == 3
        assert "disk/o.jsonl: the results cannot be written (No space left on device)" in outcome.stderr
        assert "--resume continues them" in outcome.stderr
        rows = read_rows(Path("disk/o.jsonl"))
        assert 50 < len(rows) < 200
        assert batch("photos", "-o", "disk/o.jsonl", "--resume").exit_code == 3
        assert read_rows(Path("disk/o.jsonl")) == rows
        disk(1 << 20)  # type: ignore[operator]
        assert batch("photos", "-o", "disk/o.jsonl", "--resume").exit_code == 0
        assert Path("disk/o.jsonl").read_bytes() == OUT.read_bytes()

    @pytest.mark.parametrize("name", ["o.csv", "o.parquet"])
    def test_a_table_is_whole_or_is_not(self, tmp_path: Path, disk: object, name: str) -> None:
        if name == "o.parquet":
            pytest.importorskip("pyarrow", reason="NOT TESTED: pyarrow is not installed")
        (tmp_path / "photos").mkdir()
        for number in range(150):
            (tmp_path / "photos" / f"{random.Random(number).randbytes(60).hex()}.jpg").write_bytes(jpeg())
        assert batch("photos", "-o", name, "-k", "1").exit_code == 0
        journal = Path(f"{name}.jsonl").stat().st_size
        pages = -(-journal // 4096)
        disk(pages * 4096 + Path(name).stat().st_size // 2)  # type: ignore[operator]
        outcome = batch("photos", "-o", f"disk/{name}", "-k", "1")
        assert outcome.exit_code == 3
        assert f"disk/{name}: cannot be written (No space left on device)" in outcome.stderr
        assert "Exception ignored" not in outcome.stderr
        assert names_in("disk") == [f"{name}.jsonl"]
        assert len(read_rows(Path(f"disk/{name}.jsonl"))) == 150
        disk(1 << 20)  # type: ignore[operator]
        assert batch("photos", "-o", f"disk/{name}", "-k", "1", "--resume").exit_code == 0
        assert Path(f"disk/{name}").read_bytes() == Path(name).read_bytes()

    @pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
    def test_a_limit_to_the_size_of_files_stops_it_likewise(self, tmp_path: Path, name: str) -> None:
        make_photos(tmp_path / "photos", 150)
        journal = OUT if name == "o.jsonl" else Path("o.csv.jsonl")
        outcome = batch("photos", "-o", name, command=self.limited(20 << 10))
        assert outcome.exit_code == 3
        assert f"{journal.name}: the results cannot be written (File too large)" in outcome.stderr
        assert 30 < len(read_rows(journal)) < 150
        assert batch("photos", "-o", name, "--resume").exit_code == 0
        assert len(read_rows(journal)) == 150

    def test_a_csv_that_stops_short_leaves_the_old_one(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos", 20)
        assert batch("photos/p00000.jpg", "-o", "o.csv").exit_code == 0
        old = Path("o.csv").read_bytes()
        # Labels are long in the table and in the journal; ranks make the table the larger file.
        (tmp_path / "labels.txt").write_text("\n".join(letter * 300 for letter in "abc"))
        folder = tmp_path / ("x" * 200)
        (tmp_path / "photos").rename(folder)
        outcome = batch(folder, "-o", "o.csv", "--overwrite", "--labels", "labels.txt", command=self.limited(33 << 10))
        assert outcome.exit_code == 3
        assert "o.csv: cannot be written (File too large)" in outcome.stderr
        assert len(read_rows(Path("o.csv.jsonl"))) == 20
        assert Path("o.csv").read_bytes() == old
        assert not [name for name in names_in() if name.startswith(".o.csv")]

    def test_a_report_that_stops_short_leaves_none(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos", 20)
        outcome = batch("photos", "-o", OUT, "--report", "r.html", command=self.limited(20 << 10))
        assert outcome.exit_code == 3
        assert re.search(r"r\.html: .*cannot be written \(File too large\)", outcome.stderr)
        assert len(read_rows(OUT)) == 20
        assert names_in() == ["o.jsonl", "photos"]


class TestFolders:
    def test_a_folder_that_may_not_be_read_has_a_row_that_says_so(self, tmp_path: Path) -> None:
        if is_root() and shutil.which("setpriv") is None:
            pytest.skip("NOT TESTED: the superuser may read all, and there is no setpriv")
        make_photos(tmp_path / "photos", 2)
        make_photos(tmp_path / "photos" / "locked", 2)
        make_photos(tmp_path / "photos" / "open", 1)
        (tmp_path / "photos" / "locked").chmod(0)
        try:
            outcome = batch("photos", "-o", OUT, command=(*AS_A_USER, *COMMAND))
        finally:
            (tmp_path / "photos" / "locked").chmod(0o755)
        assert outcome.exit_code == 4, outcome.stderr
        rows = read_rows(OUT)
        assert [row["error"] and row["error"]["kind"] for row in rows] == [None, None, "unreadable", None]
        assert rows[2]["path"] == "photos/locked"
        assert rows[2]["error"]["message"]
        assert batch("photos", "-o", OUT, "--resume").exit_code == 0
        assert len(read_rows(OUT)) == 5

    def test_an_output_folder_that_may_not_be_written(self, tmp_path: Path) -> None:
        if is_root() and shutil.which("setpriv") is None:
            pytest.skip("NOT TESTED: the superuser may write all, and there is no setpriv")
        make_photos(tmp_path / "photos", 2)
        (tmp_path / "fixed").mkdir(mode=0o555)
        for name in ("o.jsonl", "o.csv"):
            outcome = batch("photos", "-o", f"fixed/{name}", command=(*AS_A_USER, *COMMAND))
            assert outcome.exit_code == 3
            assert "the results cannot be written there (Permission denied)" in outcome.stderr
        assert names_in("fixed") == []

    def test_an_output_folder_that_vanishes_stops_it(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos", 2000)
        (tmp_path / "results").mkdir()
        with running("batch", "photos", "-o", "results/o.jsonl", command=patched(DECODE_SLOWLY)) as process:
            assert process.stderr is not None
            wait_until(lambda: lines_in(Path("results/o.jsonl")) > 3, "some rows")
            shutil.rmtree("results")
            assert process.wait(60) == 3
            error = process.stderr.read().decode()
        assert "results/o.jsonl: the file was removed while results were written to it: they are lost" in error

    def test_a_folder_that_vanishes_before_its_turn_has_a_row(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos" / "a", 1)
        make_photos(tmp_path / "photos" / "b", 1)
        make_photos(tmp_path / "photos" / "c", 1)
        # The listing has seen that b/ is there, and has not come to it, when it goes.
        patch = """
import os, shutil, mobiclass.batch.sources as s
def scan(self, folder, below, scan=s.ImageFinder._scan):
    if folder == "photos/a":
        shutil.rmtree("photos/b")
    return scan(self, folder, below)
s.ImageFinder._scan = scan
"""
        assert batch("photos", "-o", OUT, command=patched(patch)).exit_code == 4
        rows = read_rows(OUT)
        assert paths_of(rows) == ["photos/a/p00000.jpg", "photos/b", "photos/c/p00000.jpg"]
        assert [row["error"] and row["error"]["kind"] for row in rows] == [None, "not_found", None]


class TestFiles:
    def test_what_is_no_file_has_a_row_and_nothing_hangs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "photos"
        make_photos(folder, 3)
        os.mkfifo(folder / "fifo.jpg")
        (folder / "zero.jpg").symlink_to("/dev/zero")
        (folder / "full.jpg").symlink_to("/dev/full")
        (folder / "dangling.jpg").symlink_to("gone.jpg")
        (folder / "self.jpg").symlink_to("self.jpg")
        (folder / "folder.jpg").mkdir()
        (folder / "folder.jpg" / "inside.jpg").write_bytes(jpeg())
        expected = {
            "fifo.jpg": "unreadable", "zero.jpg": "unreadable", "full.jpg": "unreadable", "dangling.jpg": "not_found",
            "self.jpg": "unreadable", "socket.jpg": "unreadable", "inside.jpg": None,
            "p00000.jpg": None, "p00001.jpg": None, "p00002.jpg": None,
        }  # fmt: skip
        if is_root():
            os.mknod(folder / "node.jpg", 0o600 | 0o020000, os.makedev(1, 5))
            expected["node.jpg"] = "unreadable"
        with socket.socket(socket.AF_UNIX) as listener, monkeypatch.context() as patch:
            patch.chdir(folder)  # a socket's path must be short
            listener.bind("socket.jpg")
        outcome = batch("photos", "-o", OUT)
        assert outcome.exit_code == 4
        assert kinds(read_rows(OUT)) == expected

    def test_a_file_that_is_deleted_before_its_turn(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos", 60)
        with running("batch", "photos", "-o", OUT, "--jobs", "1", command=patched(DECODE_SLOWLY)) as process:
            wait_until(lambda: lines_in(OUT) >= 1, "a row")
            Path("photos/p00050.jpg").unlink()
            assert process.wait(60) == 4
        rows = read_rows(OUT)
        assert len(rows) == 60
        assert [row["path"] for row in rows if row["error"]] == ["photos/p00050.jpg"]
        assert rows[50]["error"]["kind"] == "not_found"
        assert batch("photos", "-o", OUT, "--resume").exit_code == 0
        assert len(read_rows(OUT)) == 59

    def test_a_photo_that_is_replaced_while_it_is_read_is_done_again(self, tmp_path: Path) -> None:
        make_photos(tmp_path / "photos", 3)
        (tmp_path / "new.jpg").write_bytes(jpeg("blue", side=24))
        patch = """
import os, mobiclass.classifier as c
def replaced(source, decode=c.upright_image, **how):
    image = decode(source, **how)
    if source.endswith("p00001.jpg"):
        os.replace("new.jpg", source)
    return image
c.upright_image = replaced
"""
        assert batch("photos", "-o", OUT, command=patched(patch)).exit_code == 0
        assert [top(row) for row in read_rows(OUT)] == ["red", "green", "blue"]
        resumed = batch("photos", "-o", OUT, "--resume")
        assert "2 reused from an earlier run" in resumed.stderr
        assert [top(row) for row in read_rows(OUT)] == ["red", "blue", "blue"]

    def test_a_thousand_broken_files_have_a_row_each(self, tmp_path: Path) -> None:
        folder = tmp_path / "photos"
        names = _make_broken_files(folder, 1000)
        good = [f"{number:04}_good.jpg" for number in range(0, 1000, 100)]
        for name in good:
            (folder / name).write_bytes(jpeg("green"))
        outcome = batch("photos", "-o", OUT, "--jobs", "2", "--all-files")
        assert outcome.exit_code == 4
        rows = read_rows(OUT)
        assert paths_of(rows) == sorted(f"photos/{name}" for name in names + good)
        for row in rows:
            if row["path"].endswith("_good.jpg"):
                assert (row["error"], top(row)) == (None, "green")
            else:
                assert row["predictions"] == []
                assert row["error"]["type"] == "ImageError"
                assert row["error"]["message"]
        assert {row["error"]["kind"] for row in rows if row["error"]} >= {
            "not_an_image", "unsupported", "truncated", "too_large",
        }  # fmt: skip
        assert f"{len(names)} could not be classified" in outcome.stderr
        assert "Traceback" not in outcome.stderr

    def test_a_model_that_fails_on_one_image_stops_it_with_what_was_done_kept(
        self, tmp_path: Path, make_model: MakeModel
    ) -> None:
        # Grey gives finite numbers, red infinite ones, of which softmax makes no number at all.
        model = make_model(dtype="float32", gain=3e38)
        make_photos(tmp_path / "red", 1)
        for number in range(30):
            Image.new("RGB", (16, 16), (127, 127, 127)).save(tmp_path / f"grey{number:02}.png")
        outcome = batch("*.png", "red", "-m", model, "-o", OUT)
        assert outcome.exit_code == 3
        assert "the model's output is NaN or infinite" in outcome.stderr
        rows = read_rows(OUT)
        assert len(rows) == 30
        assert all(row["error"] is None for row in rows)


def _make_broken_files(folder: Path, count: int) -> list[str]:
    """Make files that cannot be classified, of all kinds, no two alike."""
    folder.mkdir()
    chance = random.Random(3)
    samples = folder.parent / "samples"
    samples.mkdir()
    noise = Image.frombytes("RGB", (64, 64), chance.randbytes(64 * 64 * 3))
    whole = []
    for suffix in ("jpg", "png", "gif", "bmp", "tif", "webp"):
        noise.save(samples / f"a.{suffix}")
        whole.append((suffix, (samples / f"a.{suffix}").read_bytes()))
    heads = (
        b"%PDF-1.4\n", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg xmlns='x'>", b"\x1aE\xdf\xa3",
        b"<!DOCTYPE html>", b"PK\x03\x04", b"\x7fELF", b"II*\0", b"RIFF\0\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"\0" * 64, b"",
    )  # fmt: skip
    names = []
    for number in range(count):
        kind = number % 4
        if kind == 0:  # cut short
            suffix, content = whole[number // 4 % len(whole)]
            content = content[: chance.randrange(1, len(content) * 2 // 3)]
        elif kind == 1:  # something else
            suffix, content = "jpg", heads[number // 4 % len(heads)]
            if content:
                content += chance.randbytes(chance.randrange(200)).replace(b"\xff\xd9", b"")
        elif kind == 2:  # noise
            suffix, content = chance.choice(("png", "data", "jpg", "txt")), b"~" + chance.randbytes(300)
        else:  # a header that promises a giant
            suffix = "png"
            side = 20_000 + number
            header = b"IHDR" + side.to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0"
            from zlib import crc32

            content = b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + crc32(header).to_bytes(4, "big") + b"\0\0\0\0IDAT"
        names.append(f"{number:04}.{suffix}")
        (folder / names[-1]).write_bytes(content)
    return names
