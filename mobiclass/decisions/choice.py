"""Whether and how a model's scores become an answer: what the model says of it, and what a person asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mobiclass._system import read_text_file
from mobiclass.errors import LabelsError, ModelError
from mobiclass.tflite import ModelInfo, read_array, read_zip_members

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mobiclass.decisions.decider import Decider
    from mobiclass.decisions.rules import Rules
    from mobiclass.decisions.taxonomy import Taxonomy

_IMAGENET_CLASSES: Final = 1000
_MAX_TEXT_BYTES: Final = 16 << 20


class Text(NamedTuple):
    """A text that a person gives, and what it is called in messages."""

    file: str
    content: str


class DecisionOptions(NamedTuple):
    """What a person asks for.

    Attributes:
        decide: whether to decide; by default where the model has rules or ImageNet's labels, or `thresholds` are given.
        thresholds: a table ``label,score``: from which score on a class is answered.
        only: a list of the labels, WordNet ids or groups that may be answered.
    """

    decide: bool | None = None
    thresholds: Text | None = None
    only: Text | None = None

    @classmethod
    def read(
        cls,
        decide: bool | None,
        thresholds: str | os.PathLike[str] | None,
        only: str | os.PathLike[str] | None,
    ) -> DecisionOptions:
        """Read the files, once for all models: they may be pipes.

        Raises:
            LabelsError: one cannot be read, or is no text.
        """
        return cls(decide, _read(thresholds, "thresholds"), _read(only, "list of classes"))


class Choice(NamedTuple):
    """What comes of the options for one model.

    Attributes:
        decider: answers; ``None`` where nothing is decided.
        allowed: the only classes that predictions may have, ascending; ``None`` for all.
        label_scores: the score from which on a class is answered, by index, where a person has said so.
    """

    decider: Decider | None = None
    allowed: tuple[int, ...] | None = None
    label_scores: Mapping[int, float] | None = None


def decider_for(model: ModelInfo, options: DecisionOptions) -> Choice:
    """Prepare the decisions about what `model` says.

    Raises:
        LabelsError: a table or a list cannot be read, or names what the model does not have.
        ModelError: the rules of the model are impossible.
    """
    wanted = _wanted(model, options)
    if not wanted and options.only is None:
        return Choice()
    allowed, label_scores = _read_lists(model, options)
    if not wanted:
        return Choice(allowed=allowed)
    from mobiclass.decisions.decider import Decider
    from mobiclass.decisions.rules import DEFAULT_RULES, parse_rules

    rules = DEFAULT_RULES if model.rules is None else parse_rules(model.rules, str(model.path))
    _check_labels(rules, model)
    decider = Decider(
        rules,
        model.labels,
        model.classes,
        find_taxonomy=partial(_find_taxonomy, model),
        label_scores=label_scores,
        allowed=allowed,
        means=_class_means(model, rules),
        scores_add_up=model.output_kind in ("probabilities", "logits", None),
    )
    return Choice(decider, allowed, label_scores)


def _read(path: str | os.PathLike[str] | None, what: str) -> Text | None:
    if path is None:
        return None
    try:
        return Text(str(Path(path)), read_text_file(Path(path), _MAX_TEXT_BYTES))
    except ValueError as error:
        raise LabelsError(f"{Path(path)}: the {what} {error}") from error


def _read_lists(model: ModelInfo, options: DecisionOptions) -> tuple[tuple[int, ...] | None, dict[int, float] | None]:
    """Read what a person gives; what reads it is loaded for nobody else."""
    if options.only is None and options.thresholds is None:
        return None, None
    from mobiclass.decisions.allow_list import parse_allow_list
    from mobiclass.decisions.label_scores import parse_label_scores
    from mobiclass.labels import ClassNames

    names = ClassNames(model.labels, model.classes, model.wnids)
    return (
        parse_allow_list(options.only.content, options.only.file, names, _find_taxonomy(model))
        if options.only
        else None,
        parse_label_scores(options.thresholds.content, options.thresholds.file, names) if options.thresholds else None,
    )


def _check_labels(rules: Rules, model: ModelInfo) -> None:
    """Refuse a score of a label that the model does not have: passed over, its class would be answered too soon."""
    if strange := [label for label in rules.labels if label not in (model.labels or ())]:
        raise ModelError(
            f"{model.path}: 'rules' have a score for {strange[0]!r}, which is none of its labels; correct it"
        )


def _find_taxonomy(model: ModelInfo) -> Taxonomy | None:
    from mobiclass.decisions.taxonomy import model_taxonomy

    return model_taxonomy(model)


def _wanted(model: ModelInfo, options: DecisionOptions) -> bool:
    if options.decide is not None:
        return options.decide
    return model.rules is not None or options.thresholds is not None or _has_imagenet_labels(model)


def _has_imagenet_labels(model: ModelInfo) -> bool:
    if model.labels is None or len(model.labels) not in (_IMAGENET_CLASSES, _IMAGENET_CLASSES + 1):
        return False
    from mobiclass.labels import first_imagenet_index

    return first_imagenet_index(model.labels) is not None


def _class_means(model: ModelInfo, rules: Rules) -> npt.NDArray[np.float32] | None:
    """Read the means that the rule of unknown photos compares with."""
    if rules.unknown is None:
        return None
    import numpy as np

    file, name = str(model.path), rules.unknown.means
    content = read_zip_members(model.content, file, {name}).get(name)
    if content is None:
        raise ModelError(f"{file}: its rules name {name!r}, which is not in the zip appended to it")
    try:
        means = read_array(content)
    except ValueError as error:
        raise ModelError(f"{file}: {name!r} in the appended zip is no array ({error})") from error
    if means.dtype != np.float32 or means.ndim != 2 or len(means) != model.classes or not np.isfinite(means).all():
        raise ModelError(
            f"{file}: {name!r} in the appended zip must be float32, a row for each of {model.classes} classes"
        )
    return means
