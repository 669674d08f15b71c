"""Builds the root of a recipe with debootstrap, or reuses one that was built from the same recipe.

Tests write nothing into a root: see `guest`.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mobiclass.errors import SetupError
from tools.raspberry_pi.progress import Progress
from tools.raspberry_pi.recipes import Recipe

STAMP: Final = Path("etc/mobiclass-test-root")
USER: Final = "pi"


@contextmanager
def held(recipe: Recipe, cache: Path, progress: Progress) -> Iterator[None]:
    """Lock the recipe's root in the folder `cache`, so that no other run uses or builds it."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{recipe.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step(f"waiting for another run to release {recipe.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_current(root: Path, recipe: Recipe) -> bool:
    """Whether `root` was built completely, and from this recipe."""
    try:
        return (root / STAMP).read_text(encoding="ascii") == recipe.digest()
    except (OSError, UnicodeDecodeError):
        return False


def root_of(recipe: Recipe, cache: Path, mirror: str | None, progress: Progress) -> Path:
    """Return the recipe's root in `cache`, and build it if it is missing or outdated; lock it first.

    Args:
        recipe: what to build.
        cache: the folder of roots.
        mirror: the Debian mirror; ``None`` for that of this machine's apt, or debootstrap's default.
        progress: reports the steps.

    Raises:
        SetupError: it cannot be built.
    """
    root = cache / recipe.name
    if is_current(root, recipe):
        progress.step(f"{recipe.name}: reusing the root in {root}, whose recipe is unchanged")
        return root
    progress.step(f"{recipe.name}: building Debian {recipe.suite} for {recipe.architecture} in {root}")
    unfinished = cache / f"{recipe.name}.part"
    remove(root)
    remove(unfinished)
    _bootstrap(recipe, unfinished, mirror or debian_mirror(_apt_uris()), progress)
    _finish(unfinished, progress)
    (unfinished / STAMP).write_text(recipe.digest(), encoding="ascii")
    unfinished.rename(root)
    return root


def remove(folder: Path) -> None:
    """Remove a folder of this run or an earlier one, but nothing that is mounted below it."""
    subprocess.run(["rm", "-rf", "--one-file-system", "--", str(folder)], check=True)


def debian_mirror(uris: list[str]) -> str | None:
    """Find the mirror of Debian itself among apt's sources."""
    return next((uri for uri in uris if uri.rstrip("/").endswith("/debian") and uri.startswith("http")), None)


def _apt_uris() -> list[str]:
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def _apt_proxy() -> dict[str, str]:
    """Return apt's proxy as the variable that debootstrap's downloads use, unless the environment sets it."""
    command = ["apt-config", "shell", "http_proxy", "Acquire::http::Proxy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    value = done.stdout.strip().partition("=")[2].strip("'")
    return {"http_proxy": value} if value.startswith("http") and "http_proxy" not in os.environ else {}


def _bootstrap(recipe: Recipe, folder: Path, mirror: str | None, progress: Progress) -> None:
    command = [
        "debootstrap", f"--arch={recipe.architecture}", "--variant=minbase", f"--include={','.join(recipe.packages)}",
        recipe.suite, str(folder), *([mirror] if mirror else []),
    ]  # fmt: skip
    # An interrupted build is discarded, so dpkg need not sync every file to disk.
    env = {**os.environ, **_apt_proxy(), "DPKG_FORCE": "unsafe-io", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    if progress.run(command, env=env) != 0:
        raise SetupError(
            f"debootstrap could not build {recipe.name}: its output is above. Try another mirror: make test-pi "
            "PI='--mirror URL'; for an unknown suite or untrusted keys, install a newer debootstrap and "
            "debian-archive-keyring"
        )


def _finish(folder: Path, progress: Progress) -> None:
    if progress.run(["chroot", str(folder), "useradd", "--create-home", "--uid", "1000", USER]) != 0:
        raise SetupError(f"programs do not run in {folder}, or it has no useradd: the output is above")
    remove(folder / "var/cache/apt/archives")
    resolver = folder / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.touch()  # the host's is mounted over it during tests
