"""Fixtures of all tests: a cache of their own, models with known answers, and real photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.edge_tpus import EdgeTpu, Simulator, build_simulator, connected_edge_tpu, simulated_edge_tpu
from tests.support.tiny_models import colour_model

pytest_plugins = ["tests.support.fast"]
MakeModel = Callable[..., Path]
# A busy machine must not fail a test, and nothing is written into the checkout.
settings.register_profile("mobiclass", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mobiclass")

PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the cache folder of this run."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_environment(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the user's cache and settings; MOBICLASS_RUNTIME chooses what they run on."""
    monkeypatch.setenv("MOBICLASS_CACHE", str(shared_cache))
    for name in ("MOBICLASS_MODEL", "MOBICLASS_DEVICE", "MOBICLASS_THREADS", "MOBICLASS_MIRROR", "MOBICLASS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Give a function that writes a `colour_model`, or the bytes it is given, to a file."""

    def make(content: bytes | None = None, *, name: str = "colours", **arguments: Any) -> Path:
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(colour_model(**arguments) if content is None else content)
        return path

    return make


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a uint8 model that names the strongest channel of an image: red, green or blue."""
    path = tmp_path_factory.mktemp("models") / "colours.tflite"
    path.write_bytes(colour_model())
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with plain pictures: red.png, green.png and blue.png, each of that colour."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures")
    for name, colour in (("red", (200, 20, 20)), ("green", (20, 200, 20)), ("blue", (20, 20, 200))):
        Image.new("RGB", (30, 20), colour).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    """Give real photos by name: those that scikit-image carries."""
    skimage = pytest.importorskip("skimage", reason="NOT TESTED on real photos: scikit-image is not installed")
    folder = Path(skimage.__file__).parent / "data"
    return {name: folder / name for name in PHOTOS}


@pytest.fixture(scope="session")
def built_in(shared_cache: Path) -> Any:
    """Give the built-in classifier, loaded once."""
    from mobiclass import Classifier

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOBICLASS_CACHE", str(shared_cache))
        return Classifier.load(num_threads=2)


@pytest.fixture(scope="session")
def simulator_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a simulated libedgetpu, compiled once."""
    return build_simulator(tmp_path_factory.mktemp("libedgetpu"))


@pytest.fixture
def simulator(simulator_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Give a simulated Edge TPU, plugged in, and found by every process that is started from now on."""
    return Simulator.plug_in(simulator_library, tmp_path / "edgetpu", monkeypatch)


@pytest.fixture
def edge_tpu(request: pytest.FixtureRequest, tmp_path: Path) -> EdgeTpu:
    """Give a compiled model and its sibling for the CPU, on a simulated Edge TPU, or with MOBICLASS_TEST_EDGETPU=1 on
    the one that is connected."""
    return connected_edge_tpu() or simulated_edge_tpu(tmp_path, request.getfixturevalue("simulator"))
