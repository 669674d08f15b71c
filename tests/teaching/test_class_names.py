"""Names of classes: what cannot be a label, or could be taken for another one, is refused."""

from __future__ import annotations

import os

import pytest

from mobiclass.errors import ClassesError
from mobiclass.teaching.class_names import class_labels


def test_labels_are_the_names_in_one_form() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301 "
    assert class_labels([decomposed, "Pied wagtail"]) == {decomposed: composed, "Pied wagtail": "Pied wagtail"}


@pytest.mark.parametrize(
    "names",
    [
        ("cat", "Cat"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("a  b", "a b"),
        ("ﬁnch", "finch"),
        ("two\nlines",),
        ("bell\a",),
        ("a\u2028b",),
        ("turned\u202e",),
        ("x" * 201,),
        (" ",),
        (os.fsdecode(b"no \xff text"),),
    ],
    ids=ascii,
)
def test_other_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ClassesError) as caught:
        class_labels(["dog", *names])
    assert len(caught.value.details) == 1
