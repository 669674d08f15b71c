"""Where files live that can be had again: the user's cache folder. It only names the place."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Name the cache folder: ``MOBICLASS_CACHE``, or the platform's (``~/.cache/mobiclass`` on Linux)."""
    chosen = os.environ.get("MOBICLASS_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("mobiclass", appauthor=False)
