"""The features of photos: in an order of their own, and whole again out of a taught model."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from mobiclass.errors import ModelError
from mobiclass.teaching.samples import FEATURES_NAME, RECORD_NAME, PhotoFeatures, Samples, read_members, with_views


def photo(number: int, real: np.ndarray) -> PhotoFeatures:
    """Make a photo of the views `real` (views, D)."""
    scales = np.maximum(np.abs(real).max(axis=1), 1e-6).astype(np.float32) / 127
    return PhotoFeatures(f"{number:064x}", np.round(real / scales[:, np.newaxis]).astype(np.int8), scales)


def samples(features: Mapping[str, np.ndarray]) -> Samples:
    """Make samples of one view each, of the features (n, D) of each class."""
    pairs = [(label, real) for label, rows in features.items() for real in rows]
    return Samples.of(
        [(label, photo(number, real[np.newaxis])) for number, (label, real) in enumerate(pairs)], zero_point=0
    )


def several() -> list[tuple[str, PhotoFeatures]]:
    generator = np.random.default_rng(0)
    views = {"cat": 2, "dög": 1}
    return [
        (label, photo(number, generator.normal(size=(views[label], 5))))
        for number, label in enumerate(["dög", "cat", "cat", "dög", "dög"])
    ]


def test_the_order_of_the_photos_makes_no_difference() -> None:
    pairs = several()
    one, other = Samples.of(pairs, -3), Samples.of(reversed(pairs), -3)
    assert one.members({}) == other.members({})
    assert one.labels == ("cat", "dög")
    assert one.counts == {"cat": 2, "dög": 3}
    assert list(one.classes) == [0, 0, 1, 1, 1]
    assert list(one.photo_of_row) == [0, 0, 1, 1, 2, 3, 4]
    assert list(one.is_plain) == [True, False, True, False, True, True, True]


def test_features_are_the_real_values() -> None:
    pairs = several()
    real = Samples.of(pairs, -3).features()
    first = min((found for label, found in pairs if label == "cat"), key=lambda found: found.sha256)
    assert real[:2] == pytest.approx((first.values.astype(float) + 3) * first.scales[:, np.newaxis])


def test_what_is_kept_comes_back() -> None:
    kept = Samples.of(several(), -3)
    members = kept.members({"seed": 7})
    found, about = read_members(members[FEATURES_NAME], members[RECORD_NAME], "m.tflite")
    assert found.members({"seed": 7}) == members
    assert about == {"format": 1, "seed": 7}
    assert np.array_equal(found.features(), kept.features())


def test_classes_and_views_can_be_left_out() -> None:
    kept = Samples.of(several(), 0)
    assert kept.without(["cat"]).counts == {"dög": 3}
    assert list(with_views(kept, [1, 1]).is_plain) == [True] * 5


def damaged() -> dict[str, tuple[bytes, bytes]]:
    members = Samples.of(several(), 0).members({})
    features, record = members[FEATURES_NAME], json.loads(members[RECORD_NAME])

    def changed(**values: object) -> bytes:
        return json.dumps(record | values).encode()

    photos = record["photos"]
    return {
        "no array": (b"nothing", changed()),
        "pickle": (b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", changed()),
        "cut short": (features[:-3], changed()),
        "no JSON": (features, b"{"),
        "another format": (features, changed(format=2)),
        "fewer photos": (features, changed(photos=photos[1:])),
        "no photos": (features, changed(photos=[])),
        "a list": (features, b"[]"),
        "a scale of zero": (features, changed(photos=[photos[0] | {"scales": [0.0]}, *photos[1:]])),
        "no label": (features, changed(photos=[{"scales": photos[0]["scales"]}, *photos[1:]])),
        "an endless zero point": (features, changed(zero_point=float("inf"))),
        "scales of scales": (features, changed(photos=[photos[0] | {"scales": [[1.0], [1.0]]}, *photos[1:]])),
        "a label that is no text": (features, changed(photos=[photos[0] | {"label": "\ud800"}, *photos[1:]])),
        "a digest that is no text": (features, changed(photos=[photos[0] | {"sha256": "\ud800"}, *photos[1:]])),
        "a text for a number": (features, changed(zero_point="zero")),
    }


@pytest.mark.parametrize("case", damaged())
def test_damaged_features_are_an_error_of_the_model(case: str) -> None:
    with pytest.raises(ModelError, match=r"^m\.tflite: "):
        read_members(*damaged()[case], "m.tflite")
