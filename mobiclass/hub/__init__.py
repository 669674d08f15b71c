"""Models by name: the catalogue, the cache folder, and fetching. It never parses a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobiclass._system import open_door

if TYPE_CHECKING:
    from mobiclass.hub.cache import cache_folder
    from mobiclass.hub.catalog import (
        BUILT_IN,
        catalog_entries,
        data_folder,
        entry_by_name,
        entry_by_sha256,
        entry_of,
        find_model,
        near_misses,
    )
    from mobiclass.hub.download import is_offline, pull, source_url
    from mobiclass.hub.entry import CatalogEntry
    from mobiclass.hub.inventory import KnownModel, known_models, needed_bytes

open_door(
    __name__,
    {
        "cache": ("cache_folder",),
        "catalog": (
            "BUILT_IN",
            "catalog_entries",
            "data_folder",
            "entry_by_name",
            "entry_by_sha256",
            "entry_of",
            "find_model",
            "near_misses",
        ),
        "download": ("is_offline", "pull", "source_url"),
        "entry": ("CatalogEntry",),
        "inventory": ("KnownModel", "known_models", "needed_bytes"),
    },
)
