"""What `load_image` says of files that are none, are missing, or are cut short; and that it leaves nothing behind."""

from __future__ import annotations

import gc
import os
import pickle
import socket
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from mobiclass.errors import ImageError
from mobiclass.images.decode import load_image
from tests.support.made_images import encode, jpeg_segment, noise, png_row, scene

NOT_ROOT = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def load(source: bytes | str | os.PathLike[str], *, allow_truncated: bool = False) -> Image.Image:
    return load_image(source, min_height=256, min_width=256, allow_truncated=allow_truncated)


def refusal(source: bytes | str | os.PathLike[str], *, allow_truncated: bool = False) -> ImageError:
    with pytest.raises(ImageError) as caught:
        load(source, allow_truncated=allow_truncated)
    error = caught.value
    assert error.path == (None if isinstance(source, bytes) else os.fspath(source))
    assert error.__cause__ is not None or error.kind == "unreadable"
    assert pickle.loads(pickle.dumps(error)).kind == error.kind
    return error


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "JPEG2000"])
def test_bytes_and_paths_give_the_same(tmp_path: Path, image_format: str) -> None:
    content = encode(noise(300, 200), image_format)
    path = tmp_path / "photo"
    path.write_bytes(content)
    expected = np.asarray(load(content))
    for source in (path, str(path)):
        assert np.array_equal(np.asarray(load(source)), expected)
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path).kind == refusal(path.read_bytes()).kind == "truncated"


@POSIX
@pytest.mark.skipif(sys.platform == "darwin", reason="the file system takes only valid UTF-8")
def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe\n.jpg")
    Path(path).write_bytes(encode(scene(), "JPEG"))
    assert load(path).size == (32, 16)


@pytest.mark.parametrize("name", ["missing.jpg", "missing/photo.jpg", "file/photo.jpg", "dangling"])
def test_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    error = refusal(tmp_path / name)
    assert error.kind == "not_found"
    assert str(error) == f"{tmp_path / name}: there is no such file"


def test_an_empty_name() -> None:
    assert refusal("").kind == "not_found"


@POSIX
@pytest.mark.parametrize("name", ["loop", "n" * 300, "null\0byte", "lone surrogate \ud800"])
def test_names_that_the_system_refuses(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert refusal(f"{tmp_path}/{name}").kind == "unreadable"


@POSIX
def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "socket", "/dev/null", "/dev/zero"):
            error = refusal(path)
            assert error.kind == "unreadable"
            assert "a pipe or a device" in error.reason
    assert refusal(tmp_path).reason == "a folder, not an image file"


@POSIX
def test_a_pipe_in_a_folder_keeps_its_writer_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refusal(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):  # nobody has it open for reading
        os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)


@POSIX
@NOT_ROOT
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(encode(scene(), "JPEG"))
    path.chmod(0)
    assert "Permission denied" in refusal(path).reason
    assert refusal(path).kind == "unreadable"


@pytest.mark.parametrize(
    "content, kind, reason",
    [
        (b"", "not_an_image", "empty"),
        (b"hello, world\n" * 50, "not_an_image", "not an image"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "not_an_image", "not an image"),
        (b"<!DOCTYPE html><title>404</title>", "not_an_image", "a web page"),
        (bytes(10_000), "not_an_image", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported", "PostScript"),
        (b"%PDF-1.7\n" + bytes(90), "unsupported", "PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "unsupported", "SVG"),
        (b"\0\0\0\x18ftypmp42" + bytes(90), "unsupported", "video"),
        (b"\xff\x0a" + bytes(90), "unsupported", "JPEG XL"),
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "truncated", "begins like an image"),
        (b"\xff\xd8\xff", "truncated", "damaged"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "truncated", "damaged"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(90), "truncated", "begins like an image"),
    ],
)
def test_what_else_it_may_be(content: bytes, kind: str, reason: str) -> None:
    error = refusal(content)
    assert error.kind == kind
    assert reason in error.reason


def test_kinds_of_jpeg_that_cannot_be_read() -> None:
    file = encode(scene(), "JPEG")
    at = file.index(b"\xff\xc0") + 4
    error = refusal(file[:at] + b"\x0c" + file[at + 1 :])
    assert error.kind == "unsupported"
    assert "12-bit" in error.reason


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_what_there_is_of_a_file_that_was_cut_short(image_format: str) -> None:
    content = encode(noise(300, 200), image_format, **({"interlace": 0} if image_format == "GIF" else {}))
    half = content[: len(content) // 2]
    error = refusal(half)
    assert error.kind == "truncated"
    assert error.reason.startswith("the file is cut short")
    image = load(half, allow_truncated=True)
    whole = load(content)
    assert image.size == whole.size
    top = (0, 0, 300, 60) if image_format != "BMP" else (0, 140, 300, 200)  # a BMP begins below
    assert np.array_equal(np.asarray(image.crop(top)), np.asarray(whole.crop(top)))
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_leniency_does_not_reach_other_threads() -> None:
    content = encode(noise(200, 150), "JPEG")
    half = content[: len(content) // 2]
    stop = threading.Event()
    refused: list[bool] = []

    def be_lenient() -> None:
        while not stop.is_set():
            load(half, allow_truncated=True)

    def be_strict() -> None:
        for _ in range(60):
            load(content)
            try:
                load(half)
                refused.append(False)
            except ImageError:
                refused.append(True)

    lenient, *strict = [threading.Thread(target=target) for target in (be_lenient, be_strict, be_strict)]
    for thread in (lenient, *strict):
        thread.start()
    for thread in strict:
        thread.join()
    stop.set()
    lenient.join()
    assert len(refused) == 120
    assert all(refused)


@POSIX
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_no_file_is_left_open(tmp_path: Path) -> None:
    sound, damaged, text = (tmp_path / name for name in ("sound", "damaged", "text"))
    content = encode(scene(), "GIF", save_all=True, append_images=[noise(32, 16)])
    sound.write_bytes(content)
    damaged.write_bytes(encode(noise(90, 90), "TIFF", compression="tiff_lzw")[:4000])
    text.write_text("no image")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        images = [load(sound)]
        for path in (damaged, text):
            refusal(path)
        gc.collect()
        opened = [os.path.realpath(link) for link in Path("/proc/self/fd").glob("*")]
    assert not [name for name in opened if name.startswith(str(tmp_path))]
    sound.unlink()
    assert images[0].getpixel((0, 0)) == (255, 0, 0)


def test_messages_do_not_carry_the_bytes_of_a_file_to_the_terminal() -> None:
    for content in (
        b"P6\n\x1b[31m\x1b]0;title\x07 9",
        png_row(8, 0, b"\0", b"\0\0\0\1\x1b[3mx"),
        b"P3 2 2 255\n\x1b[0m",
    ):
        assert refusal(content).reason.isprintable()


def test_a_comment_of_terminal_codes_is_no_message() -> None:
    file = encode(scene(), "JPEG")
    assert load(file[:2] + jpeg_segment(0xFE, b"\x1b[31m") + file[2:]).size == (32, 16)
