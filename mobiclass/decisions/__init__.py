"""From scores to an answer: the class where it is sure, else a group, else "unknown"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.decisions.choice import Choice, DecisionOptions, decider_for
    from mobiclass.decisions.decision import UNKNOWN, Decision
    from mobiclass.decisions.rules import Rules, UnknownRule, parse_rules
    from mobiclass.decisions.taxonomy import (
        Taxonomy,
        imagenet_taxonomy,
        model_taxonomy,
        read_parents,
        sidecar_taxonomy,
    )

open_door(
    __name__,
    {
        "choice": ("Choice", "DecisionOptions", "decider_for"),
        "decision": ("UNKNOWN", "Decision"),
        "rules": ("Rules", "UnknownRule", "parse_rules"),
        "taxonomy": ("Taxonomy", "imagenet_taxonomy", "model_taxonomy", "read_parents", "sidecar_taxonomy"),
    },
)
