"""Which module may import what: read from the source, so that no import can hide in a function."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mobiclass

PACKAGE = Path(mobiclass.__file__).resolve().parent
SOURCES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}

RUNTIMES = {"ai_edge_litert", "tflite_runtime"}
WORKSTATION = {"tensorflow", "keras", "tf_keras", "torch", "sklearn", "scipy", "skimage", "tools"}
PIXELS = {
    "mobiclass.images",
    "mobiclass.rgb",
    "mobiclass.preprocess",
    "mobiclass.classifier",
    "mobiclass.report",
    "mobiclass.lenient",
    "mobiclass.benchmark_child",
    "mobiclass.doctor.known_picture",
    "mobiclass.doctor.probes",
}
OPTIONAL = {
    "matplotlib": "mobiclass.plot",
    "pi_heif": "mobiclass.images",
    "pyarrow": "mobiclass.export",
    "tomli": "mobiclass.catalog_entry",
    "tqdm": "mobiclass.cli.progress",
}

# Every module stands on a higher floor than those that it needs. The package itself only forwards.
FLOORS = (
    {
        "errors",
        "flatbuffer",
        "cache",
        "choices",
        "operators",
        "backbones",
        "child",
        "edgetpu_devices",
        "edgetpu_library",
    },
    {"labels", "tflite", "catalog_entry", "published"},
    {"catalog", "layers"},
    {"facts", "quantization", "layer_costs", "edgetpu_operators"},
    {"model", "inspection"},
    {"runtimes", "predictions", "preprocess", "rgb"},
    {"trial", "images", "edgetpu_child"},
    {"interpreter", "edgetpu_process"},
    {"running", "edgetpu"},
    {"stand_in", "edgetpu_interpreter"},
    {"placement"},
    {"classifier"},
)
FLOOR = {f"mobiclass.{name}": number for number, floor in enumerate(FLOORS) for name in floor}


def imports(tree: ast.AST, *, while_checking_types: bool) -> Iterator[tuple[str, ...]]:
    """Give the dotted names that `tree` imports, as tuples of (module, name)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            if while_checking_types:
                yield from imports(node, while_checking_types=True)
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)
        else:
            yield from imports(node, while_checking_types=while_checking_types)


def roots(name: str) -> set[str]:
    """Give the top-level packages that the module `name` imports, in whatever place."""
    return {found[0].partition(".")[0] for found in imports(TREES[name], while_checking_types=True)}


def own_imports(name: str) -> set[str]:
    """Give the modules of mobiclass that `name` needs when it runs."""
    needed = set()
    for module, *names in imports(TREES[name], while_checking_types=False):
        candidates = [f"{module}.{names[0]}"] if names else []
        needed |= {found for found in (*candidates, module) if found in SOURCES}
    return needed - {"mobiclass", name}


def names_in(name: str) -> set[str]:
    """Give all string constants of the module `name`."""
    return {
        node.value for node in ast.walk(TREES[name]) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_the_sources_are_found() -> None:
    assert {"mobiclass", "mobiclass.cli", "mobiclass.cli.predict", "mobiclass.model"} <= set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_click_is_for_the_command_line_alone(name: str) -> None:
    assert "click" not in roots(name) or name.startswith("mobiclass.cli")


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_of_the_workstation_is_imported(name: str) -> None:
    assert roots(name).isdisjoint(WORKSTATION)


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_standard_library_and_our_dependencies_are_imported(name: str) -> None:
    known = {"mobiclass", "click", "numpy", "PIL", "platformdirs", *OPTIONAL}
    assert roots(name) - set(sys.stdlib_module_names) - {"__future__"} <= known


@pytest.mark.parametrize("name", SOURCES)
def test_the_runtimes_are_named_in_one_place(name: str) -> None:
    assert roots(name).isdisjoint(RUNTIMES)
    named = {text for text in names_in(name) if text.partition(".")[0] in RUNTIMES}
    assert not named or name == "mobiclass.runtimes"


def test_the_runtimes_are_named_where_they_are_imported() -> None:
    assert {"ai_edge_litert.interpreter", "tflite_runtime.interpreter"} <= names_in("mobiclass.runtimes")


@pytest.mark.parametrize("name", SOURCES)
def test_pillow_is_only_where_pixels_are(name: str) -> None:
    assert "PIL" not in roots(name) or name in PIXELS or name.startswith("mobiclass.image")


@pytest.mark.parametrize("name", SOURCES)
def test_optional_packages_are_imported_in_one_place(name: str) -> None:
    for package, home in OPTIONAL.items():
        assert package not in roots(name) or name == home


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_printed(name: str) -> None:
    calls = [node for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("print", "input")]


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"mobiclass", "mobiclass.__main__"}))
def test_only_the_command_line_imports_the_command_line(name: str) -> None:
    if not name.startswith("mobiclass.cli"):
        assert not [found for found in own_imports(name) if found.startswith("mobiclass.cli")]


@pytest.mark.parametrize("name", FLOOR)
def test_imports_lead_downwards(name: str) -> None:
    assert name in SOURCES
    needed, waiting = set(), own_imports(name)
    while waiting:  # through whatever stands between two floors
        needed |= waiting
        waiting = {further for one in waiting for further in own_imports(one)} - needed
    assert not [one for one in needed if FLOOR.get(one, -1) >= FLOOR[name]]
    assert not [one for one in needed if one.startswith("mobiclass.cli")]


def test_no_imports_go_in_a_circle() -> None:
    graph = {name: own_imports(name) - {"mobiclass.cli"} for name in SOURCES}
    while leaves := {name for name, needed in graph.items() if not needed & set(graph)}:
        graph = {name: needed for name, needed in graph.items() if name not in leaves}
    assert graph == {}


WITHOUT_NUMPY = ("flatbuffer", "tflite", "facts", "model", "layers", "layer_costs", "edgetpu_operators", "inspection")


@pytest.mark.parametrize("name", [f"mobiclass.{name}" for name in WITHOUT_NUMPY])
def test_a_model_is_described_without_numpy_pillow_and_runtimes(name: str) -> None:
    assert roots(name) & {"numpy", "PIL"} == set()


@pytest.mark.parametrize("name", SOURCES)
def test_every_module_opens_with_what_it_does(name: str) -> None:
    assert ast.get_docstring(TREES[name])
