"""Pictures of pages, by headless Chromium, small enough for a repository."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image

from mobiclass.errors import SetupError

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--no-first-run", "--hide-scrollbars", "--virtual-time-budget=10000",
)  # fmt: skip
_SECONDS: Final = 120
_COLOURS: Final = 256


def take_picture(page: Path, picture: Path, *, height: int, width: int, scale: float = 1) -> None:
    """Write what Chromium shows of `page` in a window of `height` × `width` CSS pixels to the PNG file `picture`.

    Args:
        page: an HTML file.
        picture: the file, replaced if it is there.
        height: of the window.
        width: of the window.
        scale: pixels of the picture per CSS pixel.

    Raises:
        SetupError: there is no Chromium, or it took no picture.
    """
    with tempfile.TemporaryDirectory(prefix="mobiclass-chromium-") as folder:
        taken = Path(folder) / "taken.png"
        done = subprocess.run(
            [
                find_program(*_NAMES, package="chromium"), *_FLAGS, f"--user-data-dir={folder}/profile",
                f"--window-size={width},{height}", f"--force-device-scale-factor={scale}", f"--screenshot={taken}",
                page.as_uri(),
            ],
            capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        if not taken.is_file():
            raise SetupError(f"{page}: Chromium took no picture: {done.stderr.strip()[-300:]}")
        with Image.open(taken) as image:
            full = image.convert("RGB")
        palette = full.quantize(_COLOURS, Image.Quantize.MEDIANCUT)
        full.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(picture, optimize=True)


def find_program(*names: str, package: str) -> str:
    """Find the first of the programs `names` that is on the PATH.

    Raises:
        SetupError: none is; the message names the Debian `package` that has it.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise SetupError(f"{names[0]} is not installed: apt-get install {package}")
