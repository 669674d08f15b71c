"""Models by name and by path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mobiclass.errors import ModelError
from mobiclass.hub import catalog
from mobiclass.hub.catalog import BUILT_IN, data_folder, find_model
from tests.support.known_models import catalog_table, use_catalog
from tests.support.program import run

BIRDS = b"a model of birds"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache folder with one model."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "Birds_V2.tflite").write_bytes(b"")
    monkeypatch.setenv("MOBICLASS_CACHE", str(folder))
    return folder


def test_the_built_in_model_is_found_by_default_and_by_name_in_any_case() -> None:
    built_in = data_folder() / "efficientnet_lite0.tflite"
    assert built_in.is_file()
    assert find_model() == find_model(None) == find_model(BUILT_IN) == find_model("EfficientNet_Lite0") == built_in


def test_a_model_in_the_cache_is_found_by_name_in_any_case(cache: Path) -> None:
    assert find_model("birds_v2") == find_model("Birds_V2") == cache / "Birds_V2.tflite"


def test_nothing_in_the_cache_shadows_the_built_in_model(cache: Path) -> None:
    (cache / "efficientnet_lite0.tflite").write_bytes(b"")
    (cache / "EFFICIENTNET_LITE0.tflite").write_bytes(b"")
    assert find_model(BUILT_IN).parent == data_folder()


def test_what_looks_like_a_path_is_one(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.tflite").write_bytes(b"")
    assert find_model("x.tflite") == Path("x.tflite")
    assert find_model(tmp_path / "x.tflite") == tmp_path / "x.tflite"
    with pytest.raises(ModelError, match=r"^\./birds_v2: there is no such model file"):
        find_model("./birds_v2")


def test_a_file_without_the_suffix_is_found_where_no_model_has_its_name(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(b"")
    assert find_model("weights.bin") == Path("weights.bin")


def test_a_near_miss_is_suggested(cache: Path) -> None:
    with pytest.raises(
        ModelError, match=r"no model named 'birds_v3' here \(did you mean Birds_V2\?\); available: birds_v2"
    ):
        find_model("birds_v3")
    with pytest.raises(ModelError, match=r"there is no such model file \(did you mean Birds_V2\?\)"):
        find_model("birds_v3.tflite")


def test_without_a_near_miss_the_known_names_are_listed(cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        find_model("zebra")
    assert "did you mean" not in str(caught.value)
    assert "available: birds_v2, efficientnet_lite0, or the path of any .tflite file" in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300 + ".tflite", "é" * 200])
def test_a_name_that_no_file_can_have_is_no_model(name: str) -> None:
    from mobiclass.tflite.info import read_model

    with pytest.raises(ModelError, match="no model named|cannot be read|no such model file"):
        read_model(find_model(name))


def test_an_installation_without_its_model_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "mobiclass" / "hub" / "catalog.py"))
    with pytest.raises(ModelError, match="built-in model efficientnet_lite0 is missing.*reinstall mobiclass"):
        find_model()


def test_a_wheel_carries_the_model_in_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in (tmp_path / "models", tmp_path / "mobiclass" / "models"):
        folder.mkdir(parents=True)
        (folder / "efficientnet_lite0.tflite").write_bytes(b"")
    monkeypatch.setattr(catalog, "__file__", str(tmp_path / "mobiclass" / "hub" / "catalog.py"))
    assert data_folder() == (tmp_path / "mobiclass" / "models").resolve()


@pytest.fixture
def known(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the cache, and let the catalogue know a model that is not in it."""
    use_catalog(monkeypatch, tmp_path / "package", [catalog_table("Birds_V2_1.0_224", BIRDS)])
    return cache


def test_a_known_model_that_is_not_here_says_how_to_fetch_it(known: Path) -> None:
    with pytest.raises(
        ModelError,
        match=r"^Birds_V2_1\.0_224 is not in the cache yet: fetch it with `mobiclass models pull Birds_V2_1\.0_224`$",
    ):
        find_model("birds_v2_1.0_224")


def test_a_known_model_that_is_here_is_found_in_any_case(known: Path) -> None:
    path = known / "Birds_V2_1.0_224.tflite"
    path.write_bytes(BIRDS)
    assert find_model("birds_V2_1.0_224") == path


@pytest.mark.parametrize("content", [b"", BIRDS[:-1], b"A" + BIRDS[1:], BIRDS + b"x"])
def test_other_bytes_are_not_found_under_a_known_name(known: Path, content: bytes) -> None:
    path = known / "Birds_V2_1.0_224.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged, or not the catalogue's Birds_V2_1.0_224: fetch that"):
        find_model("birds_v2_1.0_224")
    assert find_model(path) == path  # whoever names the file means it


def test_near_misses_are_looked_for_in_the_catalogue_too(known: Path) -> None:
    for wanted in ("Birds_V2_1.0_225", "V2_1.0"):
        with pytest.raises(ModelError, match=r"\(did you mean Birds_V2_1\.0_224( or Birds_V2)?\?\)"):
            find_model(wanted)
    with pytest.raises(ModelError, match=r"\(did you mean Birds_V2_1\.0_224 or Birds_V2\?\)"):
        find_model("birds_v2_1")


def test_predict_never_downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A proxy on a closed port: whoever asked the network would say so.
    env = {"https_proxy": "http://127.0.0.1:9", "MOBICLASS_CACHE": str(tmp_path)}
    outcome = run("predict", "-m", "MobileNet_V1_0.25_128_quant", "photo.jpg", env=env)
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr == (
        "mobiclass: error: mobilenet_v1_0.25_128_quant is not in the cache yet: fetch it with "
        "`mobiclass models pull mobilenet_v1_0.25_128_quant`\n"
    )


def test_the_built_in_model_is_found_and_read_without_the_catalogue(tmp_path: Path) -> None:
    unwanted = {"tomllib", "tomli", "hashlib", "mobiclass.hub.entry"}
    program = (
        "import sys; from mobiclass.hub.catalog import find_model; from mobiclass.tflite.info import read_model\n"
        f"read_model(find_model()); print(*({unwanted!r} & set(sys.modules)))"
    )
    outcome = run("-c", program, command=(sys.executable,))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "\n", "")
