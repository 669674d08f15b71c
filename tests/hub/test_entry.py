"""The catalogue that is shipped: every field of every entry, and the closed forms of what it counts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import pytest

from mobiclass.choices import Interpolation, Resize
from mobiclass.errors import ModelError
from mobiclass.hub.catalog import BUILT_IN, catalog_entries, data_folder, entry_by_sha256, find_model
from mobiclass.hub.entry import CatalogEntry, read_catalog
from mobiclass.tflite.info import read_model
from tests.support.closed_forms import closed_form, efficientnet_lite0, mobilenet_v1, mobilenet_v2

ENTRIES = list(catalog_entries().values())
NAMES = [entry.name for entry in ENTRIES]
entries = pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)


def test_the_known_models_are_listed() -> None:
    assert NAMES[0] == BUILT_IN
    assert len(NAMES) == 12
    assert {
        "mobilenet_v1_0.25_128_quant",
        "mobilenet_v1_0.25_128_quant_edgetpu",
        "tf2_mobilenet_v2_1.0_224_ptq",
    } <= set(NAMES)


def test_names_and_files_are_each_ones_own() -> None:
    assert list(catalog_entries()) == NAMES
    assert len({name.lower() for name in NAMES}) == len({entry.sha256 for entry in ENTRIES}) == len(NAMES)


@entries
def test_the_file_is_named_and_verifiable(entry: CatalogEntry) -> None:
    assert entry.file == f"{entry.name}.tflite"
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", entry.file)  # no folder, nothing that a shell or a URL minds
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert type(entry.bytes) is int
    assert entry.bytes > 100_000


@entries
def test_the_url_names_one_version_of_the_file(entry: CatalogEntry) -> None:
    if entry.name == BUILT_IN:
        assert entry.url is None
        return
    assert entry.url is not None
    url = urlsplit(entry.url)
    assert url.scheme == "https"
    assert url.path.endswith(f"/{entry.file}")
    assert re.search(r"/[0-9a-f]{40}/", url.path)


@entries
def test_the_architecture_is_one(entry: CatalogEntry) -> None:
    assert (entry.family, entry.version) in {("MobileNet", "V1"), ("MobileNet", "V2"), ("EfficientNet", "Lite0")}
    assert isinstance(entry.alpha, float)
    assert 0 < entry.alpha <= 1
    assert entry.resolution in (128, 160, 192, 224)
    assert entry.classes in (None, 965, 1000, 1001, 1022)
    if entry.family == "MobileNet":
        assert f"mobilenet_{entry.version.lower()}_{entry.alpha:g}" in entry.name.replace("1.0", "1")
        assert f"_{entry.resolution}_" in entry.name


@entries
def test_every_published_figure_has_its_source(entry: CatalogEntry) -> None:
    assert (entry.published_top1 is None) == (entry.published_top1_source is None)
    assert entry.published_top1 is None or 0.1 < entry.published_top1 < 1
    pair = (entry.published_parameters, entry.published_multiply_adds)
    assert (None in pair) == (entry.published_counts_source is None) == (pair == (None, None))
    for source in (entry.published_top1_source, entry.published_counts_source):
        assert source is None or source.startswith("https://")
    assert entry.counts_source
    if entry.published_parameters and entry.published_multiply_adds:
        assert entry.published_parameters == pytest.approx(entry.parameters, rel=0.02)
        assert entry.published_multiply_adds == pytest.approx(entry.multiply_adds, rel=0.06)


@entries
def test_the_terms_are_told(entry: CatalogEntry) -> None:
    assert entry.license == "Apache-2.0"
    assert (entry.data_terms is not None) == ("inat" in entry.name)
    assert entry.data_terms is None or "non-commercial" in entry.data_terms


@entries
def test_siblings_name_each_other(entry: CatalogEntry) -> None:
    assert entry.edgetpu is None or entry.cpu is None
    if entry.edgetpu:
        assert entry.edgetpu == f"{entry.name}_edgetpu"
        assert catalog_entries()[entry.edgetpu].cpu == entry.name
    if entry.cpu:
        assert entry.edgetpu_compiled
        sibling = catalog_entries()[entry.cpu]
        assert sibling.edgetpu == entry.name
        for field in ("family", "version", "alpha", "resolution", "classes", "parameters", "multiply_adds"):
            assert getattr(sibling, field) == getattr(entry, field)
    assert entry.edgetpu_compiled == entry.name.endswith("_edgetpu")


@entries
def test_the_preprocessing_is_possible(entry: CatalogEntry) -> None:
    assert entry.resize is None or entry.resize in get_args(Resize)
    assert entry.interpolation is None or entry.interpolation in get_args(Interpolation)
    assert entry.crop_fraction is None or 0 < entry.crop_fraction <= 1
    assert (entry.mean is None) == (entry.std is None)
    assert entry.std is None or entry.std > 1


def test_the_built_in_entry_is_the_built_in_file() -> None:
    entry = catalog_entries()[BUILT_IN]
    content = (data_folder() / entry.file).read_bytes()
    assert (entry.bytes, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    model = read_model(find_model())
    assert (model.height, model.width, model.classes) == (entry.resolution, entry.resolution, entry.classes)
    assert model.license == entry.license


def test_a_file_is_known_by_its_hash() -> None:
    for entry in ENTRIES:
        assert entry_by_sha256(entry.sha256) is entry
    assert entry_by_sha256("0" * 64) is None


def test_entries_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ENTRIES[0].bytes = 0  # type: ignore[misc]
    with pytest.raises(TypeError):
        catalog_entries()["x"] = ENTRIES[0]  # type: ignore[index]


@pytest.mark.parametrize(
    "content",
    [b"", b"[[model]]\n", b"model = 1\n", b"[[model", b"\xff\xfe", b'[[model]]\nname = "x"\nsize = 1\n', None],
    ids=["empty", "nothing said", "no tables", "cut short", "not UTF-8", "unknown field", "missing"],
)
def test_a_damaged_catalogue_is_an_incomplete_installation(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"catalog\.toml: the catalogue cannot be read .*reinstall mobiclass"):
        read_catalog(path)


@entries
def test_the_counts_are_those_of_the_architecture(entry: CatalogEntry) -> None:
    network = {
        "V1": mobilenet_v1(entry.alpha),
        "V2": mobilenet_v2(),
        "Lite0": efficientnet_lite0(),
    }[entry.version]
    assert (entry.parameters, entry.multiply_adds) == closed_form(network, entry.resolution, entry.classes)


def test_the_closed_form_is_the_published_one() -> None:
    # arXiv 1704.04861, table 4 and its text: MobileNet V1 1.0/224 has 569 million multiply-adds and
    # 4.2 million parameters.
    parameters, multiply_adds = closed_form(mobilenet_v1(1.0), 224, 1001)
    assert (round(multiply_adds / 1e6), round(parameters / 1e6, 1)) == (569, 4.2)
