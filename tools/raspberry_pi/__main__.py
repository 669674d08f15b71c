"""``make test-pi``: installs and tests the wheel in emulated Arm systems, as the owner of a Raspberry Pi would.

Exit codes: 0 passed; 1 a check failed; 3 a root cannot be built, or the wheel cannot be installed; 77 this machine
cannot run the test (as in Automake), unless --skipped names a file for the reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NoReturn

import click

from mobiclass.errors import SetupError
from tools.raspberry_pi.checks import PHOTOS, Findings, Reference, examine, reference
from tools.raspberry_pi.emulation import ImpossibleError, check_machine, is_emulated, let_run
from tools.raspberry_pi.guest import Guest
from tools.raspberry_pi.namespaces import enter, inside, settle
from tools.raspberry_pi.package_sources import environment, local_files
from tools.raspberry_pi.photos import make_photos
from tools.raspberry_pi.progress import Progress
from tools.raspberry_pi.recipes import DEFAULT, RECIPES, Recipe
from tools.raspberry_pi.roots import held, remove, root_of

_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_EXIT_FAILED: Final = 1
_EXIT_SKIPPED: Final = 77


@click.command()
@click.argument("roots", nargs=-1, type=click.Choice([*RECIPES]), metavar="ROOT...")
@click.option("--all", "every", is_flag=True, help=f"Test all roots: {', '.join(RECIPES)}.")
@click.option(
    "--cache", type=click.Path(path_type=Path), envvar="MOBICLASS_PI_CACHE", show_envvar=True,
    default=Path("~/.cache/mobiclass-pi"), show_default=True, help="Folder for built roots.",
)  # fmt: skip
@click.option("--mirror", envvar="MOBICLASS_PI_MIRROR", show_envvar=True, help="Debian mirror.  [default: apt's]")
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of additional photos to compare.",
)
@click.option(
    "--skipped", type=click.Path(path_type=Path),
    help="If this machine cannot run the test, write the reason to this file and exit with 0.",
)  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Show the output of debootstrap and pip.")
def main(
    roots: tuple[str, ...], every: bool, cache: Path, mirror: str | None, photos: Path | None, skipped: Path | None,
    verbose: bool,
) -> None:  # fmt: skip
    """Install and test the wheel in each ROOT (default: trixie-arm64), and compare its predictions with those here."""
    recipes = list(RECIPES.values()) if every else [RECIPES[name] for name in roots or (DEFAULT,)]
    if skipped:
        skipped.unlink(missing_ok=True)
    try:
        check_machine()
        if not inside():
            enter(sys.argv[1:])
        settle()
        for recipe in recipes:
            let_run(recipe.architecture)
    except ImpossibleError as error:
        _skip(str(error), skipped)
    cache = cache.expanduser().resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="mobiclass-pi-") as name:
            found = _test(recipes, cache, mirror, photos, Path(name), Progress(Path(name) / "log", verbose=verbose))
    except SetupError as error:
        click.echo(f"FAILED: {error}", err=True)
        sys.exit(error.exit_code)
    _conclude(found)


def _skip(why: str, skipped: Path | None) -> NoReturn:
    if skipped:
        skipped.parent.mkdir(parents=True, exist_ok=True)
        skipped.write_text(f"{why}\n", encoding="utf-8")
    click.echo(f"SKIPPED: {why}", err=True)
    sys.exit(0 if skipped else _EXIT_SKIPPED)


def _test(
    recipes: list[Recipe], cache: Path, mirror: str | None, photos: Path | None, folder: Path, progress: Progress
) -> dict[str, Findings]:
    progress.step("building the wheel and classifying the photos on this machine")
    make_photos(folder / PHOTOS, photos)
    here = reference(folder)
    wheel = _build_wheel(folder / "dist")
    found = {}
    for recipe in recipes:
        with held(recipe, cache, progress):
            root = root_of(recipe, cache, mirror, progress)
            found[recipe.name] = _enter_and_examine(root, recipe, wheel, folder, here, progress)
    return found


def _enter_and_examine(
    root: Path, recipe: Recipe, wheel: Path, folder: Path, here: Reference, progress: Progress
) -> Findings:
    scratch = root.with_name(f"{root.name}.run")  # beside the root: /tmp may be small
    remove(scratch)
    scratch.mkdir()
    variables = environment()
    guest = Guest(root, scratch, variables, progress, emulated=is_emulated(recipe.architecture))
    try:
        guest.show(local_files(variables))
        guest.put(folder / PHOTOS, PHOTOS)
        return examine(guest, recipe, wheel, here, progress)
    finally:
        guest.leave()
        remove(scratch)


def _build_wheel(folder: Path) -> Path:
    folder.mkdir()
    program = "import sys; from hatchling import build; build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=_ROOT, check=True, stdout=sys.stderr)
    return next(folder.glob("*.whl"))


def _conclude(found: dict[str, Findings]) -> NoReturn:
    for name, findings in found.items():
        click.echo(f"\n{name}")
        for figure in findings.figures:
            click.echo(f"  {figure}")
        for complaint in findings.complaints:
            click.echo(f"  FAILED: {complaint}")
    failed = [name for name, findings in found.items() if findings.complaints]
    click.echo(f"\nFAILED on {', '.join(failed)}" if failed else f"\npassed on {', '.join(found)}")
    sys.exit(_EXIT_FAILED if failed else os.EX_OK)


if __name__ == "__main__":
    main()
