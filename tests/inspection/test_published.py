"""What was published: the registry's figures and the catalogue's are the same."""

from __future__ import annotations

import pytest

from mobiclass.hub.catalog import catalog_entries
from mobiclass.inspection.architectures import NAMES
from mobiclass.inspection.published import PUBLISHED

NAMES_IN_CATALOGUE = {("MobileNet", "V1"): "mobilenet_v1", ("MobileNet", "V2"): "mobilenet_v2"}
ENTRIES = [entry for entry in catalog_entries().values() if entry.family == "MobileNet" and entry.published_parameters]


def test_every_architecture_has_figures_with_a_source() -> None:
    assert tuple(PUBLISHED) == NAMES
    for family in PUBLISHED.values():
        assert family.figures
        assert family.source.startswith("https://")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_catalogue_says_the_same(entry: object) -> None:
    name = NAMES_IN_CATALOGUE[entry.family, entry.version]  # type: ignore[attr-defined]
    settings = (entry.alpha, entry.resolution, False)  # type: ignore[attr-defined]
    (figures,) = [p for p in PUBLISHED[name].figures if (p.alpha, p.resolution, p.minimalistic) == settings]
    published = (entry.published_multiply_adds, entry.published_parameters)  # type: ignore[attr-defined]
    assert published == (round(figures.multiply_adds * 1e6), round(figures.parameters * 1e6))
