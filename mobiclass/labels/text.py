"""What people mean by a label: without case and punctuation, and each of its synonyms. It compares nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_ASCII_WORD: Final = re.compile("[0-9a-z]+")
_PARENTHESES: Final = re.compile(r"\([^()]*\)")


@lru_cache(maxsize=8192)  # a label list is folded for the model's own classes, for ImageNet's and for near misses
def folded(text: str) -> str:
    """Leave of `text` its letters, marks and digits, without case; what lies between them becomes one space."""
    if text.isascii():  # most labels: a tenth of the time, and thousands are folded before the first photo
        return " ".join(_ASCII_WORD.findall(text.lower()))
    # Casefolding can leave what NFKC would compose, and NFKC what casefolding would fold.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in text)
    return " ".join("".join(kept).split())


@lru_cache(maxsize=8192)
def synonyms(label: str) -> frozenset[str]:
    """Give the names that a label has, folded: ``tench, Tinca tinca`` has three, ``crane (bird)`` has two.

    They are the whole, the parts between commas, and each of these without what stands in parentheses.
    """
    names = {label, *label.split(",")}
    names |= {_PARENTHESES.sub(" ", name) for name in names}
    return frozenset(name for name in map(folded, names) if name)
