"""Label lists in the forms that exporters write, ImageNet's classes, and which class a text means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.labels.imagenet import ImagenetClass, first_imagenet_index, read_classes
    from mobiclass.labels.lists import LabelList, Labels, background_index
    from mobiclass.labels.matching import ClassNames, Match, MatchedBy, Miss
    from mobiclass.labels.parsing import labels_of_value, parse_labels, read_labels
    from mobiclass.labels.text import synonyms

open_door(
    __name__,
    {
        "imagenet": ("ImagenetClass", "first_imagenet_index", "read_classes"),
        "lists": ("LabelList", "Labels", "background_index"),
        "matching": ("ClassNames", "Match", "MatchedBy", "Miss"),
        "parsing": ("labels_of_value", "parse_labels", "read_labels"),
        "text": ("synonyms",),
    },
)
