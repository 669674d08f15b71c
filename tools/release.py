"""``python -m tools.release``: what must hold before a version is tagged, and the tag. It pushes nothing.

The tree is clean, CHANGELOG.md and CITATION.cff know the version, sdist and wheel are built from a fresh clone, the
sdist builds the same wheel, and the wheel works in an environment that has nothing else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Final

import click

import mobiclass
from mobiclass.errors import MobiclassError, SetupError

_ROOT: Final = Path(__file__).resolve().parent.parent
_PICTURE: Final = """
from mobiclass import Classifier
from mobiclass.doctor.known_picture import LABEL, draw_picture
label = Classifier.load(num_threads=1).classify(draw_picture(), top_k=1)[0].label
assert label == LABEL, label
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--no-tag", is_flag=True, help="Check and build, but do not tag.")
@click.option("--expect-tag", metavar="TAG", help="Fail unless the version is that of TAG.")
def main(no_tag: bool, expect_tag: str | None) -> None:
    """Check the tree, build dist/, verify it in an empty environment, and tag the version.

    Exit codes: 0 done, 2 usage, 3 something does not hold.
    """
    tag = f"v{mobiclass.__version__}"
    try:
        if expect_tag not in (None, tag):
            raise SetupError(f"the version is {mobiclass.__version__}, not that of {expect_tag}")
        _check_tree(tag, tagging=not no_tag)
        _check_texts(mobiclass.__version__)
        with tempfile.TemporaryDirectory() as folder:
            dist = _build(Path(folder))
            _verify(dist, Path(folder))
            shutil.rmtree(_ROOT / "dist", ignore_errors=True)
            shutil.copytree(dist, _ROOT / "dist")
        if not no_tag:
            _git("tag", "--annotate", tag, "--message", f"mobiclass {mobiclass.__version__}")
            click.echo(f"tagged {tag}; `git push origin {tag}` publishes it", err=True)
    except MobiclassError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


def _check_tree(tag: str, *, tagging: bool) -> None:
    if changes := _git("status", "--porcelain"):
        raise SetupError(f"the tree is not clean: commit or stash first\n{changes}")
    if tagging and _git("tag", "--list", tag):
        raise SetupError(f"{tag} exists already: raise __version__ in mobiclass/__init__.py")


def _check_texts(version: str) -> None:
    changelog = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise SetupError(f"CHANGELOG.md has no section [{version}] with a date")
    if f"version: {version}\n" not in (_ROOT / "CITATION.cff").read_text(encoding="utf-8"):
        raise SetupError(f"CITATION.cff is of another version than {version}")


def _build(folder: Path) -> Path:
    """Build from a clone, so that no file outside version control gets in; return the folder of both archives."""
    clone, dist = folder / "clone", folder / "dist"
    _run("git", "clone", "--quiet", str(_ROOT), str(clone))
    _run(sys.executable, "-m", "build", "--outdir", str(dist), str(clone))
    return dist


def _verify(dist: Path, folder: Path) -> None:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    again = folder / "again"
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(again), str(sdist))
    if _contents(wheel) != _contents(next(again.glob("*.whl"))):
        raise SetupError(f"{sdist.name} builds another wheel than {wheel.name}")
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    _run(str(python), "-m", "pip", "install", "--quiet", str(wheel))
    _run(str(python.with_name("mobiclass")), "doctor", cwd=folder)
    _run(str(python), "-c", _PICTURE, cwd=folder)


def _contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {member.filename: member.CRC for member in archive.infolist()}


def _git(*arguments: str) -> str:
    return _run("git", *arguments, cwd=_ROOT).strip()


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
