"""What in a photo speaks for a class: activation maps, drawn over the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.explanation.activation_maps import Explainer
    from mobiclass.explanation.photo import explain_photo, explain_row
    from mobiclass.explanation.picture import PICTURE_FORMATS

open_door(
    __name__,
    {
        "activation_maps": ("Explainer",),
        "photo": ("explain_photo", "explain_row"),
        "picture": ("PICTURE_FORMATS",),
    },
)
