"""From scores to an answer: the class where it is sure, else a group, else "unknown"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.decisions.allow_list import read_allow_list
    from mobiclass.decisions.choice import Choice, DecisionOptions, decider_for
    from mobiclass.decisions.decider import Decider
    from mobiclass.decisions.decision import UNKNOWN, Decision
    from mobiclass.decisions.label_scores import read_label_scores
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
        "allow_list": ("read_allow_list",),
        "choice": ("Choice", "DecisionOptions", "decider_for"),
        "decider": ("Decider",),
        "decision": ("UNKNOWN", "Decision"),
        "label_scores": ("read_label_scores",),
        "rules": ("Rules", "UnknownRule", "parse_rules"),
        "taxonomy": ("Taxonomy", "imagenet_taxonomy", "model_taxonomy", "read_parents", "sidecar_taxonomy"),
    },
)
