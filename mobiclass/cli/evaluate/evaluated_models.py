"""The models of an evaluation, with the folders matched to their classes, and notices about excluded folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from mobiclass.cli.options import ModelOptions
from mobiclass.cli.output import explain
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.classifier import Classifier
    from mobiclass.evaluation import ClassFolders, ClassMap, LabelledPhotos, Photos, Truth


class EvaluatedModel(NamedTuple):
    """A model, and the folders' classes among its own."""

    classifier: Classifier
    truth: Truth


def load_evaluated_model(
    options: ModelOptions,
    photos: Photos,
    names: tuple[str, ...],
    class_map: ClassMap | None,
    map_option: str,
    *,
    others: tuple[str, ...] | None = None,
    quiet: bool,
    verbose: bool,
) -> EvaluatedModel:
    """Load a model and match the `names` of `photos` to its classes; `others` hold photos of other things."""
    from mobiclass.evaluation import match_folders, names_of_other_things

    classifier = options.load(quiet=quiet)
    explain(classifier, quiet=quiet, verbose=verbose)
    model = classifier.model
    if others is None:  # only a model that may answer "unknown" can be right about them
        others = names_of_other_things(names, model.labels) if classifier.choice.decider else ()
    truth = match_folders(names, model, class_map, others=others, map_option=map_option, unit=photos.unit)
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


def tell_what_is_left_out(photos: Photos, names: tuple[str, ...], truth: Truth, *, quiet: bool) -> None:
    """Say on stderr which photos and names are excluded, and which entries of the map match none."""
    if quiet:
        return
    told = left_out(photos)
    if excluded := len(photos.names) - len(names):
        told.append(f"{photos.unit} excluded by the map: {excluded}")
    if truth.unknown:
        told.append(f"{photos.unit} of the map that do not exist: {listed(truth.unknown)}")
    for line in told:
        click.echo(f"mobiclass: {safe_text(line)}", err=True)


def left_out(photos: Photos) -> list[str]:
    """Say which images in a folder or a table are not among `photos`, a line a reason."""
    from mobiclass.evaluation import LabelledPhotos

    return _left_out_of_table(photos) if isinstance(photos, LabelledPhotos) else _left_out_of_folders(photos)


def _left_out_of_folders(folders: ClassFolders) -> list[str]:
    told = []
    if folders.loose_images:
        told.append(f"images directly in {folders.root}, in no class folder, are ignored: {folders.loose_images}")
    if folders.passed_over:
        told.append(f"folders skipped, as no classes: {listed(folders.passed_over)}")
    return told


def _left_out_of_table(photos: LabelledPhotos) -> list[str]:
    told = []
    if photos.missing:
        told.append(f"photos of the table that do not exist: {len(photos.missing)} ({listed(photos.missing)})")
    if photos.loose_images:
        told.append(f"images in {photos.root} that are not in the table are ignored: {photos.loose_images}")
    if photos.passed_over:
        told.append(f"photos of the table that are excluded: {len(photos.passed_over)} ({listed(photos.passed_over)})")
    return told


def check_photos(photos: Photos, names: tuple[str, ...]) -> None:
    """Reject photos of which there are none to evaluate."""
    from mobiclass.errors import SetupError

    if next(photos.paths(names), None) is None:
        where = f"in its {len(names)} class folders" if photos.unit == "folders" else f"of its {len(names)} labels"
        raise SetupError(f"{photos.root}: no images {where}; --all-files tries files of any suffix")


def listed(names: tuple[str, ...] | list[str], limit: int = 5) -> str:
    """List the first few of `names`, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:limit])
    return safe_text(shown + (f" and {len(names) - limit} more" if len(names) > limit else ""))
