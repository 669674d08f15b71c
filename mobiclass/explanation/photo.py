"""One photo explained: its best predictions, each with a map of what speaks for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from mobiclass.classifier import Classifier, ImageResult
from mobiclass.explanation.activation_maps import Explainer
from mobiclass.explanation.picture import PANEL_SIDE, Panel, overlay, write_picture
from mobiclass.images import ImageSource, RgbImage, load_image
from mobiclass.results import Row, path_bytes

_PANELS: Final = 3


def explain_row(explainer: Explainer, row: Row) -> RgbImage:
    """Draw what in the photo of `row` speaks for its first prediction, and what against it.

    Raises:
        ImageError: the photo cannot be read any more.
        ModelError: the model cannot be run.
    """
    preprocessor = explainer.preprocessor
    image = load_image(
        os.fsdecode(path_bytes(row)),
        min_height=preprocessor.min_height,
        min_width=preprocessor.min_width,
        allow_truncated=True,
    )
    found = explainer.explain(image, {row["predictions"][0]["index"]: 1.0})
    return overlay(image, preprocessor.seen(image), found)


def explain_photo(
    classifier: Classifier, source: ImageSource, result: ImageResult, output: Path, *, allow_truncated: bool = False
) -> str:
    """Write a picture of what in a photo speaks for its best predictions, at most three.

    Args:
        classifier: the one that made `result`.
        source: the photo: its path, or the content of its file.
        result: without an error, and with a prediction.
        output: a ``.png``, ``.jpg`` or ``.webp`` file; an existing one is replaced.
        allow_truncated: decode what there is of a file that is cut short.

    Returns:
        How the maps were made: ``activation map`` or ``occlusion``.

    Raises:
        ImageError: the photo cannot be read any more.
        ModelError: the model cannot be run.
        SetupError: the picture cannot be written.
    """
    explainer = Explainer(classifier)
    preprocessor = classifier.session.preprocessor
    # At the scale at which it was classified: another one would be another photo to the model, if only by a little.
    seen_by_model = load_image(
        source, min_height=preprocessor.min_height, min_width=preprocessor.min_width, allow_truncated=allow_truncated
    )
    shown = load_image(source, min_height=PANEL_SIDE, min_width=PANEL_SIDE, allow_truncated=allow_truncated)
    panels = [
        Panel(
            explainer.explain(seen_by_model, {prediction.index: 1.0}),
            prediction.label or f"class {prediction.index}",
            prediction.score,
            f"class {prediction.index}",
        )
        for prediction in result.predictions[:_PANELS]
    ]
    write_picture(shown, preprocessor.seen(seen_by_model), panels, output)
    return explainer.method
