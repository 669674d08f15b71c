"""The models of an evaluation, with the folders matched to their classes, and notices about excluded folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from mobiclass.cli.options import ModelOptions
from mobiclass.cli.output import explain
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier
    from mobiclass.evaluation import ClassFolders, ClassMap, Truth


class EvaluatedModel(NamedTuple):
    """A model, and the folders' classes among its own."""

    classifier: Classifier
    truth: Truth


def load_evaluated_model(
    options: ModelOptions,
    folders: tuple[str, ...],
    class_map: ClassMap | None,
    map_option: str,
    *,
    quiet: bool,
    verbose: bool,
) -> EvaluatedModel:
    """Load a model and match the folders to its classes."""
    from mobiclass.evaluation import match_folders

    classifier = options.load(quiet=quiet)
    explain(classifier, quiet=quiet, verbose=verbose)
    truth = match_folders(folders, classifier.model, class_map, map_option=map_option)
    if verbose:
        for name, index in truth.indices.items():
            click.echo(f"  {safe_text(name)}: {safe_text(truth.name(index))} ({index})", err=True)
    return EvaluatedModel(classifier, truth)


def check_agreement(first: EvaluatedModel, second: EvaluatedModel) -> None:
    """Reject folder numbers that are indices of different classes in the two models."""
    from mobiclass.errors import ClassesError

    if different := first.truth.contradictions(second.truth):
        raise ClassesError(
            f"{len(different)} folders are numbers that mean other classes in {second.classifier.model.name} than in "
            f"{first.classifier.model.name}; map them with --against-map FILE",
            different,
        )


def tell_what_is_left_out(folders: ClassFolders, names: tuple[str, ...], truth: Truth, *, quiet: bool) -> None:
    """Say on stderr which photos and folders are excluded, and which entries of the map match no folder."""
    if quiet:
        return
    if folders.loose_images:
        click.echo(
            f"mobiclass: images directly in {safe_text(folders.root)}, in no class folder, are ignored: "
            f"{folders.loose_images}",
            err=True,
        )
    if folders.passed_over:
        click.echo(f"mobiclass: passed over, as no classes: {listed(folders.passed_over)}", err=True)
    if left_out := len(folders.names) - len(names):
        click.echo(f"mobiclass: folders excluded by the map: {left_out}", err=True)
    if truth.unknown:
        click.echo(f"mobiclass: folders of the map that do not exist: {listed(truth.unknown)}", err=True)


def check_photos(folders: ClassFolders, names: tuple[str, ...]) -> None:
    """Reject folders without any photo."""
    from mobiclass.errors import SetupError

    if next(folders.paths(names), None) is None:
        raise SetupError(
            f"{folders.root}: no images in its {len(names)} class folders; --all-files tries files of any suffix"
        )


def listed(names: tuple[str, ...] | list[str], limit: int = 5) -> str:
    """List the first few of `names`, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:limit])
    return safe_text(shown + (f" and {len(names) - limit} more" if len(names) > limit else ""))
