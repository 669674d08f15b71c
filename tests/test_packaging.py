"""The wheel and the source distribution, built from this checkout: what is in them, and that the wheel works."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import mobiclass
from mobiclass.hub.catalog import BUILT_IN, data_folder, find_model
from tests.support.program import environment

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both distributions, without the network: hatchling is installed with the tests."""
    pytest.importorskip("hatchling", reason="NOT TESTED: the distributions, for hatchling is not installed")
    folder = tmp_path_factory.mktemp("dist")
    program = "import sys; from hatchling import build; build.build_sdist(sys.argv[1]); build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """Give the wheel's file."""
    return next(dist.glob("*.whl"))


def test_the_wheel_holds_the_package_and_the_model_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"mobiclass", f"mobiclass-{mobiclass.__version__}.dist-info"}
    assert f"mobiclass/models/{BUILT_IN}.tflite" in names
    assert "mobiclass/models/catalog.toml" in names
    wordnet = ("imagenet_classes.tsv", "imagenet_taxonomy.tsv", "LICENSE-wordnet.txt")
    assert {f"mobiclass/models/{name}" for name in wordnet} <= set(names)
    assert "mobiclass/py.typed" in names
    assert "mobiclass/report/assets/page.html" in names
    licences = [name.rpartition("/")[2] for name in names if "/licenses/" in name]
    assert sorted(licences) == ["LICENSE", f"LICENSE-{BUILT_IN}.txt", "LICENSE-wordnet.txt", f"NOTICE-{BUILT_IN}.txt"]


def test_the_wheel_is_small_and_for_every_machine(wheel: Path) -> None:
    assert wheel.stat().st_size <= 7 * MEGABYTE
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_wheel_asks_for_little(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(f"mobiclass-{mobiclass.__version__}.dist-info/METADATA").decode()
    needed = {
        line.partition(": ")[2].replace(">", " ").replace("<", " ").replace("=", " ").replace(";", " ").split()[0]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    }
    assert needed == {"ai-edge-litert", "click", "numpy", "pillow", "platformdirs", "tflite-runtime", "tomli", "tqdm"}


def test_a_wheel_finds_its_model_and_classifies(wheel: Path, tmp_path: Path, photos: dict[str, Path]) -> None:
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    env = environment({"PYTHONPATH": str(installed)})
    # Run from elsewhere, so that the checkout beside it cannot be what is found.
    path = subprocess.run(
        [sys.executable, "-m", "mobiclass", "models", "path", BUILT_IN],
        cwd=tmp_path, env=env, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert path == f"{installed / 'mobiclass' / 'models' / BUILT_IN}.tflite\n"
    rows = subprocess.run(
        [sys.executable, "-m", "mobiclass", "predict", "-k1", "--format", "csv", str(photos["coffee.png"])],
        cwd=tmp_path, env=env, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert ",1,967,espresso,0." in rows


def test_a_wheel_knows_imagenets_ids(wheel: Path, tmp_path: Path, photos: dict[str, Path]) -> None:
    installed = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(installed)
    folder = tmp_path / "photos" / "n07920052"
    folder.mkdir(parents=True)
    (folder / "coffee.png").write_bytes(photos["coffee.png"].read_bytes())
    outcome = subprocess.run(
        [sys.executable, "-m", "mobiclass", "evaluate", str(folder.parent), "--format", "csv"],
        cwd=tmp_path, env=environment({"PYTHONPATH": str(installed)}), check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert outcome == "index,name,images,errors,top1,top5\n967,espresso,1,0,1.0,1.0\n"


def test_the_checkout_and_an_editable_install_find_the_model_beside_the_package() -> None:
    # An editable install imports the package from the checkout: the two are one case, told from a wheel's.
    package = Path(mobiclass.__file__).resolve().parent
    expected = package / "models" if (package / "models").is_dir() else package.parent / "models"
    assert data_folder() == expected
    assert find_model() == expected / f"{BUILT_IN}.tflite"


def test_the_source_distribution_can_build_and_test_all(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        f"models/{BUILT_IN}.tflite",
        "models/catalog.toml",
        "mobiclass/cli/predict.py",
        "tests/test_packaging.py",
        "tools/build_builtin_model/build.py",
        ".ci/run",
        ".github/workflows/ci.yml",
        "Dockerfile",
        "constraints/oldest.txt",
        "docs/architecture.md",
        "docs/pictures/report.png",
        "docs/systemd/mobiclass-watch.service",
        "mkdocs.yml",
        "CHANGELOG.md",
        "CITATION.cff",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "SECURITY.md",
    } <= names
    assert not [name for name in names if name.startswith(".venv") or name.endswith(".pyc")]
