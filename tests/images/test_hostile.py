"""Files that were made to hurt: whatever they hold, an image or an `ImageError` comes, soon and in little memory."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mobiclass.errors import IMAGE_ERROR_KINDS, ImageError
from mobiclass.images.decode import load_image
from mobiclass.images.limits import MAX_DECODED_BYTES
from tests.support.made_images import TURNED_HEIC, encode, exif, jpeg_of_scans, noise, png, png_chunk, scene

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
SEEDED = random.Random(20261122)


def outcome(content: bytes, *, allow_truncated: bool = False) -> str:
    """Load `content`: ``ok`` or the kind of the error. Any other exception fails the test."""
    try:
        image = load_image(content, min_height=64, min_width=64, allow_truncated=allow_truncated)
    except ImageError as error:
        assert error.kind in IMAGE_ERROR_KINDS
        assert error.reason
        return error.kind
    assert image.mode == "RGB"
    image.getpixel((image.width - 1, image.height - 1))
    return "ok"


def samples() -> dict[str, bytes]:
    photo, gray = noise(60, 40), noise(60, 40).convert("L")
    files = {
        "baseline": encode(photo, "JPEG", exif=exif(6)),
        "progressive": encode(photo, "JPEG", progressive=True),
        "cmyk": encode(photo.convert("CMYK"), "JPEG"),
        "gray": encode(gray, "JPEG"),
        "stereo": encode(photo, "MPO", save_all=True, append_images=[photo]),
        "png16": png(20, 20, 16, 0, bytes(820)),
        "palette": encode(photo.convert("P"), "PNG", transparency=3),
        "animated": encode(photo, "PNG", save_all=True, append_images=[photo.rotate(90)]),
        "gif": encode(photo.convert("P"), "GIF", transparency=2),
        "webp": encode(photo, "WEBP", exif=exif(3)),
        "lossless": encode(photo.convert("RGBA"), "WEBP", lossless=True),
        "bmp": encode(photo, "BMP"),
        "jp2": encode(photo, "JPEG2000"),
        "float": encode(photo.convert("F"), "TIFF"),
        "fax": encode(photo.convert("1"), "TIFF", compression="group3"),
        "ico": encode(photo, "ICO"),
        "ppm": encode(photo, "PPM"),
        "tga": encode(photo, "TGA", compression="tga_rle"),
        "heic": TURNED_HEIC,
    }
    files |= {name: encode(photo, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "packbits", "jpeg")}
    return files | ({"avif": encode(photo, "AVIF")} if "AVIF" in Image.SAVE else {})


@pytest.mark.parametrize("name, content", samples().items(), ids=list(samples()))
def test_truncated_and_damaged(name: str, content: bytes) -> None:
    for twentieth in range(20):
        cut = content[: len(content) * twentieth // 20]
        assert outcome(cut) != "ok" or twentieth > 9, "half of a file passed for a whole one"
        outcome(cut, allow_truncated=True)
    for number in range(120):
        damaged = bytearray(content)
        for _ in range(SEEDED.choice((1, 2, 5, 20))):
            # Headers are short, and what is in them matters most.
            place = SEEDED.randrange(min(len(damaged), SEEDED.choice((64, 512, 1 << 20))))
            damaged[place] = SEEDED.choice((0, 0xFF, damaged[place] ^ 1 << SEEDED.randrange(8)))
        outcome(bytes(damaged), allow_truncated=number % 4 == 0)


def progressive_header(width: int, height: int) -> bytes:
    file = encode(noise(64, 64), "JPEG", progressive=True)
    at = file.index(b"\xff\xc2") + 5
    return file[:at] + struct.pack(">HH", height, width) + file[at + 4 :]


def icon(content: bytes, container: str) -> bytes:
    if container == "ICO":
        return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(content), 22) + content
    return b"icns" + struct.pack(">I", len(content) + 16) + b"ic10" + struct.pack(">I", len(content) + 8) + content


def rows(width: int, height: int, bits: int) -> bytes:
    return bytes((1 + (width * bits + 7) // 8) * height)


HUGE = 13_000, 13_000
BOMBS = {
    "png": png(*HUGE, 8, 0, rows(*HUGE, 8)),
    "png, two gigapixels a side": png(2**31 - 1, 2**31 - 1, 8, 6, b""),
    "gif": b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;",
    "webp": b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0" + bytes(20),
    "progressive": progressive_header(20_000, 20_000),
    "progressive, the largest": progressive_header(65_500, 65_500),
    "colours in scans of their own": jpeg_of_scans(9000, 9000),
    "scans": jpeg_of_scans(64, 64, scans=600),
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 300_000, 300_000, 8, 3) + bytes(112),
    "png in ico": icon(png(*HUGE, 1, 0, rows(*HUGE, 1)), "ICO"),
    "png in icns": icon(png(*HUGE, 1, 0, rows(*HUGE, 1)), "ICNS"),
    "jpeg 2000 in icns": icon(b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">II", *HUGE) + bytes(60), "ICNS"),
    "junk for a header": b"\xff\xd8\xff\xe0" + bytes(2 << 20),
    "comments without end": b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\1a\0" * 500_000,
    "in Python": b"P3 4000 4000 255\n" + b"1 " * 1000,
}
"""Small files that would take gigabytes or minutes."""


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str) -> None:
    assert outcome(BOMBS[name]) in ("too_large", "truncated")
    if name not in ("webp", "png, two gigapixels a side"):  # which some versions of Pillow find damaged first
        assert outcome(BOMBS[name]) == "too_large"


def test_a_tiff_whose_directory_leads_to_itself() -> None:
    file = bytearray(encode(scene(), "TIFF"))
    start = struct.unpack_from("<I", file, 4)[0]
    count = struct.unpack_from("<H", file, start)[0]
    struct.pack_into("<I", file, start + 2 + 12 * count, start)
    assert outcome(bytes(file)) == "ok"


def test_a_million_frames_are_not_looked_at() -> None:
    frame = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    assert outcome(b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * 1_000_000 + b";") == "ok"


PEAK = """
import resource, sys
from mobiclass.errors import ImageError
from mobiclass.images import load_image
from PIL import Image
Image.init()
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)
before = peak()
for path in sys.argv[1:]:
    try: load_image(path, min_height=224, min_width=224)
    except ImageError as error: assert error.kind == "too_large", error
print(peak() - before)
"""


def peak_bytes(*paths: Path) -> int:
    """Measure in a process of its own how much memory it takes to load `paths` one after the other."""
    pytest.importorskip("resource", reason="needs POSIX's resource module")
    run = subprocess.run([sys.executable, "-c", PEAK, *map(str, paths)], capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_the_peak_of_one_image_is_about_twice_the_limit(tmp_path: Path) -> None:
    side = 8000  # 64 megapixels
    alpha = png_chunk(b"tRNS", bytes(range(256)))
    palette = png_chunk(b"PLTE", bytes(768))
    files = {
        "transparent.png": png(side, side, 8, 3, rows(side, side, 8), palette, alpha),
        "rgba.png": png(side, side, 8, 6, rows(side, side, 32)),
        "deep.png": png(side, side, 16, 0, rows(side, side, 16)),
        "webp.webp": encode(Image.new("RGBA", (5000, 5000)), "WEBP", lossless=True, method=0),
        "jp2.jp2": encode(Image.new("RGB", (5000, 5000)), "JPEG2000", tile_size=(512, 512)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert peak_bytes(*(tmp_path / name for name in files)) < 2.4 * MAX_DECODED_BYTES


def test_the_peak_of_one_photo_is_small(tmp_path: Path) -> None:
    (tmp_path / "12mp.jpg").write_bytes(encode(Image.new("RGB", (4000, 3000), "teal"), "JPEG"))
    assert peak_bytes(tmp_path / "12mp.jpg") < 30 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems store the zeros")
@pytest.mark.parametrize(
    "head", [b"\xff\xd8\xff\xe0", b"RIFF\xff\xff\xff\x7fWEBPVP8 ", b"/* XPM */\n", b"\0\0\0\x1cftypavif\0\0\0\0avif"]
)
def test_a_sparse_file_of_gigabytes(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(6 << 30)
    with pytest.raises(ImageError):
        load_image(path, min_height=64, min_width=64)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


def iptc(content: bytes) -> bytes:
    fields = (
        (3, 20, b"\0\x0a"),
        (3, 30, b"\0\x0a"),
        (3, 60, b"\1\0"),
        (3, 65, b"\1"),
        (3, 120, b"\1"),
        (8, 10, content),
    )
    return b"".join(struct.pack(">BBBH", 0x1C, record, tag, len(value)) + value for record, tag, value in fields)


PROGRAMS = {
    "eps": EPS,
    "dos eps": b"\xc5\xd0\xd3\xc6" + struct.pack("<7I", 32, len(EPS), 0, 0, 0, 0, 0) + EPS,
    "eps in iptc": iptc(EPS),
    "eps in ico": icon(EPS, "ICO"),
    "eps in icns": icon(EPS, "ICNS"),
    "eps after a jpeg's magic": b"\xff\xd8\xff" + EPS,
    "eps in psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3) + bytes(12) + EPS,
}


@pytest.mark.skipif(os.name != "posix", reason="the decoy is a shell script")
@pytest.mark.parametrize("suffix", [".jpg", ".eps", ".png"])
def test_no_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    traces = tmp_path / "traces"
    for program in ("gs", "djpeg"):
        decoy = tmp_path / program
        decoy.write_text(f"#!/bin/sh\necho $0 >> '{traces}'\n")
        decoy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for content in (*PROGRAMS.values(), encode(scene(), "GIF")):
        path = tmp_path / f"image{suffix}"
        path.write_bytes(content)
        for source in (content, path):
            try:
                load_image(source, min_height=64, min_width=64)
            except ImageError as error:
                assert error.kind in IMAGE_ERROR_KINDS
    assert not traces.exists()
    assert not list(here.iterdir())


@pytest.mark.parametrize("item", [b"Exif", b"hvc1"])
def test_a_heic_whose_items_have_no_names(item: bytes) -> None:
    pytest.importorskip("pi_heif", reason="pi-heif, which is optional, is not installed", exc_type=ImportError)
    assert outcome(TURNED_HEIC.replace(item, b"\xff" + item[1:], 1)) == "truncated"  # this crashed pi-heif
