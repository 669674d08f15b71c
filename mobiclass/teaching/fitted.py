"""All that is fitted to samples: the head, how sure it may be, how good it is, and the rule for other things."""

from __future__ import annotations

from typing import Any, NamedTuple

from mobiclass.teaching.duplicates import alike_groups
from mobiclass.teaching.fitting import Fitter, fit_gain
from mobiclass.teaching.head import Booleans, Floats, Head, softmax_rows
from mobiclass.teaching.held_out import HeldOut, count_held_out
from mobiclass.teaching.learning_curve import LearningCurve, learning_curve
from mobiclass.teaching.samples import Samples
from mobiclass.teaching.suspects import Suspicions, find_suspects
from mobiclass.teaching.unknown import UnknownRule, fit_unknown


class Fitted(NamedTuple):
    """What was fitted to samples.

    Attributes:
        head: for features as they are, of any length.
        logits_range: the least and the greatest of its logits, of all views.
        gain: what its logits were multiplied by, so that scores are as high as it is right.
        rule: when a photo is of no class; ``None`` where there are too few photos to tell.
        held_out: how good it is, by photos that were held out; ``None`` where there are too few.
        scores: (n, C) of each photo for each class, 0 to 1, by a head that was fitted without it.
        known: (n,) for which photos there are any.
        curve: what more photos would bring; ``None`` where there are too few to tell.
        suspicions: what may be wrong with the photos.
    """

    head: Head
    logits_range: tuple[float, float]
    gain: float
    rule: UnknownRule | None
    held_out: HeldOut | None
    scores: Floats
    known: Booleans
    curve: LearningCurve | None
    suspicions: Suspicions

    def measured(self) -> dict[str, Any]:
        """Give what was measured, as a taught model keeps it."""
        return {
            **({"cross_validation": self.held_out.as_json()} if self.held_out else {}),
            **({"learning_curve": self.curve.as_json()} if self.curve else {}),
            "suspicions": self.suspicions.as_json(),
        }


def fit_samples(samples: Samples) -> Fitted:
    """Fit all that a taught model needs."""
    fitter = Fitter(samples)
    groups = alike_groups(fitter.plain, samples.width)
    logits, known = fitter.held_out_logits(groups)
    gain = fit_gain(logits, fitter.classes, known)
    head = fitter.fit().scaled(gain)
    rule = fit_unknown(fitter.plain, fitter.classes, groups, fitter.count)
    if rule:
        rule = rule._replace(means=fitter.as_features(rule.means))
    held_out = count_held_out(logits, known, fitter.classes, groups, samples.labels)
    scores = softmax_rows(logits * gain)
    curve = learning_curve(fitter, groups, held_out.right / held_out.photos, held_out.effective) if held_out else None
    suspicions = find_suspects(scores, known, fitter.classes, samples.labels)
    final = fitter.of_features(head).of_length(fitter.length)
    return Fitted(final, fitter.logits_range(head), gain, rule, held_out, scores, known, curve, suspicions)
