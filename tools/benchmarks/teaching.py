"""``python -m tools.benchmarks.teaching``: the head of `mobiclass teach` against its peers, on labelled photos.

The peers have the same features: the cosine to class means ("imprinting"), and a hidden layer of 100 units with a
softmax, trained by Adam as browsers' teaching tools do. All are judged on the same photos after the same draws.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import click
import numpy as np
import numpy.typing as npt

from mobiclass import Classifier
from mobiclass._system import available_cores
from mobiclass.choices import RunOptions
from mobiclass.evaluation import list_photos
from mobiclass.teaching import (
    Base,
    Extractor,
    Fitted,
    Origin,
    Photo,
    PhotoFeatures,
    Samples,
    fit_samples,
    read_base,
    taught_content,
    use_one_thread,
)
from tools.benchmarks.measure import machine, mobiclass_command, peak_rss_mb, run

Array: TypeAlias = npt.NDArray[Any]
Photos: TypeAlias = "dict[str, list[PhotoFeatures]]"
"""The features of the photos of each class."""

_SIZES: Final = (1, 2, 5, 10, 20)
_UNKNOWN_SIZES: Final = (5, 10, 20)
_FEW_CLASSES: Final = 3
_SWAPPED: Final = 0.05
_HIDDEN, _EPOCHS, _BATCH, _RATE = 100, 50, 16, 1e-3
_INITIALIZATIONS: Final = 3
_ONE_VIEW: Final = 1_000  # of a class with so many photos no views are made


class Set(NamedTuple):
    """Labelled photos: their features, and their paths by the SHA-256 of their files."""

    photos: Photos
    paths: dict[str, str]
    zero_point: int

    def drawn(self, count: int, seed: int) -> tuple[Set, Set]:
        """Draw so many photos of each class; the others are the second set."""
        generator = np.random.default_rng([seed, count])
        orders = {label: generator.permutation(len(photos)) for label, photos in self.photos.items()}
        chosen = {label: [self.photos[label][place] for place in order[:count]] for label, order in orders.items()}
        rest = {label: [self.photos[label][place] for place in order[count:]] for label, order in orders.items()}
        return self._replace(photos=chosen), self._replace(photos=rest)

    def of(self, labels: Iterable[str]) -> Set:
        return self._replace(photos={label: self.photos[label] for label in labels})

    def joined(self, other: Set) -> Set:
        photos = {label: [*theirs, *other.photos.get(label, [])] for label, theirs in self.photos.items()}
        return Set(photos, self.paths | other.paths, self.zero_point)

    def samples(self) -> Samples:
        return Samples.of(((label, one) for label, photos in self.photos.items() for one in photos), self.zero_point)

    def plain(self) -> tuple[Array, Array]:
        """Give the features of the photos as they are (n, D), and their classes, numbered as sorted."""
        labels = sorted(self.photos)
        rows = [(place, one) for place, label in enumerate(labels) for one in self.photos[label]]
        values = np.stack([(one.values[0].astype(np.float64) - self.zero_point) * one.scales[0] for _, one in rows])
        return values, np.array([place for place, _ in rows])


def read_set(folder: Path, base: Base, *, one_view: bool = False) -> Set:
    """Compute the features of DIR/<class>/<photo>."""
    folders = list_photos(str(folder), None)
    photos = [Photo(folders.name_of(path), path) for path in folders.paths(folders.names)]
    run_options = RunOptions(num_threads=1)
    extractor = Extractor(base, run_options, base_sha256=base.model.sha256, seed=0, jobs=available_cores())
    already = Counter({label: _ONE_VIEW if one_view else 0 for label in folders.names})
    extraction = extractor.extract(photos, already)
    found: Photos = {label: [] for label in folders.names}
    for photo, features in extraction.found:
        found[photo.label].append(features)
    paths = {features.sha256: photo.path for photo, features in extraction.found}
    return Set(found, paths, extractor.zero_point)


# The heads: from a drawn set and features to judge, scores (n, C)


def ours(drawn: Set, judged: Array) -> Array:
    """Give the logits of the head that `mobiclass teach` fits."""
    return fit_samples(drawn.samples()).head.logits(judged)


def imprint(drawn: Set, judged: Array) -> Array:
    """Give the cosine to each class's mean of features of length 1."""
    features, classes = drawn.plain()
    directions = _unit(features)
    means = _unit(np.stack([directions[classes == place].mean(axis=0) for place in range(len(drawn.photos))]))
    scores: Array = _unit(judged) @ means.T
    return scores


def dense(drawn: Set, judged: Array, seed: int) -> Array:
    """Train a hidden layer of rectified units, and a softmax without biases, by Adam on batches."""
    features, classes = drawn.plain()
    generator = np.random.default_rng(seed)
    count = len(drawn.photos)
    first = generator.normal(0, np.sqrt(2 / features.shape[1]), (features.shape[1], _HIDDEN))
    bias = np.zeros(_HIDDEN)
    last = generator.normal(0, np.sqrt(1 / _HIDDEN), (_HIDDEN, count))
    parameters = [first, bias, last]
    moments = [(np.zeros_like(each), np.zeros_like(each)) for each in parameters]
    step = 0
    for _ in range(_EPOCHS):
        order = generator.permutation(len(features))
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            hidden = np.maximum(features[batch] @ first + bias, 0)
            error = _softmax(hidden @ last)
            error[np.arange(len(batch)), classes[batch]] -= 1
            error /= len(batch)
            back = (error @ last.T) * (hidden > 0)
            step += 1
            gradients = (features[batch].T @ back, back.sum(axis=0), hidden.T @ error)
            for value, (mean, square), gradient in zip(parameters, moments, gradients, strict=True):
                mean += 0.1 * (gradient - mean)
                square += 0.001 * (gradient**2 - square)
                value -= _RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-7)
    scores: Array = np.maximum(judged @ first + bias, 0) @ last
    return scores


def _unit(rows: Array) -> Array:
    result: Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return result


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Array = powers / powers.sum(axis=1, keepdims=True)
    return result


def top1(scores: Array, classes: Array) -> float:
    """Give the mean over classes of the share of photos that get their class, in per cent."""
    found = scores.argmax(axis=1)
    return 100 * float(np.mean([(found[classes == place] == place).mean() for place in np.unique(classes)]))


# The tables


def accuracy_table(drawn_from: Set, judged_on: Set | None, draws: int) -> list[str]:
    """Compare the heads: on a set of their own, or on what the draw leaves.

    Beside the accuracy by cross-validation, what fitting alone says of itself.
    """
    most = min(len(photos) for photos in drawn_from.photos.values())
    lines = ["| photos a class | draws | ours | imprint | dense 100 | ours − imprint | ours − dense 100 | "
             "cross-validated − ours |", "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for size in [size for size in _SIZES if size <= most]:
        if judged_on is None and size == most:
            continue
        results = []
        for draw in range(1 if size == most else draws):
            drawn, rest = drawn_from.drawn(size, draw)
            results.append(_compared(drawn, judged_on or rest))
        lines.append(_accuracy_line(size, np.array(results)))
    return lines


def _compared(drawn: Set, judged: Set) -> tuple[float, float, float, float]:
    features, classes = judged.plain()
    fitted = fit_samples(drawn.samples())
    held_out = fitted.held_out
    theirs = np.mean([top1(dense(drawn, features, seed), classes) for seed in range(_INITIALIZATIONS)])
    return (
        top1(fitted.head.logits(features), classes),
        top1(imprint(drawn, features), classes),
        float(theirs),
        100 * held_out.right / held_out.photos if held_out else float("nan"),
    )


def _accuracy_line(size: int, results: Array) -> str:
    mine, imprinted, dense_100, validated = results.T
    cells = [_mean(mine), _mean(imprinted), _mean(dense_100)]
    cells += [_mean(mine - imprinted, sign=True), _mean(mine - dense_100, sign=True)]
    cells.append("–" if np.isnan(validated).any() else _mean(validated - mine, sign=True))
    return f"| {size} | {len(results)} | {' | '.join(cells)} |"


def _mean(values: Array, *, sign: bool = False) -> str:
    text = f"{values.mean():+.1f}" if sign else f"{values.mean():.1f}"
    return text if len(values) == 1 else f"{text} ± {values.std(ddof=1) / np.sqrt(len(values)):.1f}"


def unknown_table(train: Set, test: Set, others: Set, draws: int) -> list[str]:
    """Count the photos that are called unknown: those of other things, and those of the classes."""
    lines = ["| classes | photos a class | draws | unknown, of other things | unknown, of the classes |",
             "|---|---|---|---|---|"]  # fmt: skip
    other = _unit(np.concatenate([others.plain()[0]]))
    most = min(len(photos) for photos in train.photos.values())
    for count in sorted({min(_FEW_CLASSES, len(train.photos)), len(train.photos)}):
        for size in [size for size in _UNKNOWN_SIZES if size <= most]:
            found = []
            for draw in range(draws):
                labels = np.random.default_rng([draw, count]).permutation(sorted(train.photos))[:count]
                rule = fit_samples(train.of(labels).drawn(size, draw)[0].samples()).rule
                if rule is not None:
                    known = _unit(test.of(labels).plain()[0])
                    found.append([100 * rule.is_unknown(other).mean(), 100 * rule.is_unknown(known).mean()])
            if found:
                rejected, lost = np.array(found).T
                lines.append(f"| {count} | {size} | {len(found)} | {_mean(rejected)} | {_mean(lost)} |")
    return lines


def faults_table(sets: dict[str, Set], draws: int) -> list[str]:
    """Swap labels on purpose, and count the photos that are said to look mislabelled."""
    lines = ["| photos | classes | photos a class | draws | wrong labels found | photos named, of them wrong | "
             "named where none is wrong |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, photos in sets.items():
        for count in sorted({min(_FEW_CLASSES, len(photos.photos)), len(photos.photos)}):
            size = min(len(theirs) for theirs in photos.photos.values())
            counts = np.zeros(5)
            for draw in range(draws):
                labels = np.random.default_rng([draw, count]).permutation(sorted(photos.photos))[:count].tolist()
                drawn = photos.of(labels).drawn(size, draw)[0]
                swapped, wrong = _swapped(drawn, draw)
                named, clean = _named(swapped), _named(drawn)
                counts += len(wrong), len(named), len(named & wrong), len(clean), count * size
            wrongs, names, right, false, total = counts
            cells = [100 * right / wrongs, 100 * right / max(1, names), 100 * false / total]
            lines.append(f"| {name} | {count} | {size} | {draws} | {' | '.join(f'{cell:.0f} %' for cell in cells)} |")
    return lines


def _swapped(photos: Set, seed: int) -> tuple[Set, set[str]]:
    """Give one in 20 photos another class; also returns the SHA-256 of these."""
    generator = np.random.default_rng([seed, 1])
    labels = sorted(photos.photos)
    pairs = [(label, one) for label in labels for one in photos.photos[label]]
    chosen = generator.choice(len(pairs), max(1, round(_SWAPPED * len(pairs))), replace=False)
    for place in chosen:
        label, one = pairs[place]
        pairs[place] = (str(generator.choice([other for other in labels if other != label])), one)
    found: Photos = {label: [one for theirs, one in pairs if theirs == label] for label in labels}
    return photos._replace(photos=found), {pairs[place][1].sha256 for place in chosen}


def _named(photos: Set) -> set[str]:
    samples = photos.samples()
    numbered = [one.sha256 for _, one in samples.pairs()]
    return {numbered[suspect.photo] for suspect in fit_samples(samples).suspicions.photos}


def int8_line(train: Set, test: Set, base: Base, folder: Path) -> str:
    """Compare the top-1 of a taught model, run on photos, with that of its head in floats."""
    features, _ = test.plain()
    samples = train.samples()
    fitted: Fitted = fit_samples(samples)
    path = folder / "taught.tflite"
    path.write_bytes(taught_content(base, Origin(base.model.name, base.model.sha256, 0), samples, fitted, str(path)))
    classifier = Classifier.load(path, num_threads=1)
    paths = [test.paths[one.sha256] for label in sorted(test.photos) for one in test.photos[label]]
    found = [prediction.index for path in paths for prediction in classifier.classify(path, top_k=1)]
    same = int((fitted.head.logits(features).argmax(axis=1) == found).sum())
    return f"same top-1 as the head in floats, by {classifier.runtime.package}: {same} of {len(found)} photos"


def cost_table(train: Path, folder: Path, labels: Sequence[str]) -> list[str]:
    """Time the program on three classes, with an empty cache and a full one."""
    photos = folder / "photos"
    for label in list(labels)[:_FEW_CLASSES]:
        (photos / label).parent.mkdir(exist_ok=True)
        (photos / label).symlink_to((train / label).resolve())
    command = ["env", f"MOBICLASS_CACHE={folder / 'cache'}", *mobiclass_command(), "teach", str(photos)]
    command += ["-o", str(folder / "cost.tflite"), "--overwrite", "-q"]
    first, megabytes = run([command]), 0.0
    again = run([command])
    for path in (folder / "cache" / "features").rglob("*.features"):
        path.unlink()
    megabytes = peak_rss_mb(command)
    return [
        "| what | measured |", "|---|---|",
        f"| teach {len(list(labels)[:_FEW_CLASSES])} classes, 8 views a photo | {first:.1f} s |",
        f"| again, features cached | {again:.1f} s |",
        f"| peak memory (RSS) | {megabytes:.0f} MB |",
    ]  # fmt: skip


@click.command()
@click.argument("train", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("test", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--others", type=click.Path(path_type=Path, exists=True), help="Photos of other things: DIR/<any>/.")
@click.option("--base", help="Base model.  [default: the built-in model]")
@click.option("--draws", default=10, show_default=True, help="Draws a row.")
def main(train: Path, test: Path, others: Path | None, base: str | None, draws: int) -> None:
    """Measure on the photos TRAIN/<class>/ and TEST/<class>/, and print Markdown tables."""
    use_one_thread()
    model = read_base(base)
    learned, judged = read_set(train, model), read_set(test, model)
    click.echo(f"{machine()}; base {model.model.name}\n\nTop-1, mean over classes, judged on TEST, ± standard error:\n")
    _print(lambda: accuracy_table(learned, judged, draws))
    click.echo("\nLikewise, drawn from TRAIN and TEST together and judged on the rest:\n")
    _print(lambda: accuracy_table(learned.joined(judged), None, draws))
    click.echo("\nOne label in 20 wrong on purpose:\n")
    _print(lambda: faults_table({"TRAIN": learned, "TEST": judged}, draws))
    if others:
        strangers = read_set(others, model, one_view=True)
        click.echo("\nPhotos called unknown, %:\n")
        _print(lambda: unknown_table(learned, judged, strangers, draws))
    with tempfile.TemporaryDirectory(prefix="mobiclass-bench-") as name:
        click.echo(f"\n{int8_line(learned, judged, model, Path(name))}\n")
        if base is None:
            _print(lambda: cost_table(train, Path(name), sorted(learned.photos)))


def _print(table: Callable[[], list[str]]) -> None:
    click.echo("\n".join(table()))


if __name__ == "__main__":
    main()
