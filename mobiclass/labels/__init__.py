"""Label lists, ImageNet's classes, and which class a text means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.labels.imagenet import ImagenetClass, read_classes
    from mobiclass.labels.lists import background_index, check_labels, parse_labels
    from mobiclass.labels.matching import ClassNames, Match, MatchedBy, Miss
    from mobiclass.labels.text import synonyms

open_door(
    __name__,
    {
        "imagenet": ("ImagenetClass", "read_classes"),
        "lists": ("background_index", "check_labels", "parse_labels"),
        "matching": ("ClassNames", "Match", "MatchedBy", "Miss"),
        "text": ("synonyms",),
    },
)
