"""The house: which room may import which, read from the source, so that no import can hide in a function.

`docs/architecture.md` explains the rooms. Each test lists its offenders: nothing is found by running one case a module.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pytest

import mobiclass
from tests.support.program import PACKAGE_PARENT

ROOMS: Final = (
    "cli",
    "library",
    "teaching",
    "evaluation",
    "doctor",
    "benchmark",
    "report",
    "batch",
    "explanation",
    "results",
    "classifier",
    "runtime",
    "decisions",
    "inspection",
    "predictions",
    "images",
    "tflite",
    "labels",
    "hub",
    "_system",
    "choices",
    "errors",
)
"""The rooms of the runtime, from the roof to the ground: each may import those that stand after it, and no other."""

TOOL_ROOMS: Final = (
    "screenshots",
    "finetune",
    "build_builtin_model",
    "convert",
    "quantization",
    "keras_models",
    "raspberry_pi",
    "benchmarks",
    "imagenet_taxonomy",
    "command_reference",
    "docs_site",
    "release",
    "command_line",
    "dependencies",
    "errors",
)
"""The rooms of the workstation, likewise; all of them may import the runtime's doors."""

ENTRANCES: Final = {"mobiclass", "mobiclass.__main__", "tools"}
"""What belongs to no room: the doors of the two houses themselves."""

TESTED_ELSEWHERE: Final = {
    "benchmark/worker": "benchmark/test_measurement",
    "cli/benchmark/formats": "cli/benchmark/test_command",
    "cli/model_facts": "cli/models/test_show",
    "cli/evaluate/evaluated_models": "cli/evaluate/test_command",
    "cli/long_runs": "cli/test_batch_signals",
    "cli/models/calibration_table": "cli/models/test_calibrate",
    "cli/models/layer_json": "cli/models/test_show",
    "cli/models/layer_table": "cli/models/test_show",
    "cli/models/recommendation_table": "cli/models/test_recommend",
    "cli/options": "cli/test_predict",
    "cli/output": "cli/test_predict",
    "cli/results/sort": "library/test_sorting",
    "cli/signals": "cli/test_predict",
    "cli/terminal/table": "cli/test_predict",
    "decisions/decision": "decisions/test_decider",
    "doctor/files": "cli/doctor/test_command",
    "doctor/finding": "doctor/test_examination",
    "doctor/installed_runtimes": "cli/doctor/test_command",
    "doctor/known_picture": "cli/doctor/test_command",
    "doctor/packages": "cli/doctor/test_command",
    "doctor/probes": "cli/doctor/test_command",
    "doctor/self_test": "cli/doctor/test_command",
    "doctor/settings": "cli/doctor/test_command",
    "evaluation/figures": "evaluation/test_recommendation_plot",
    "evaluation/summary": "cli/evaluate/test_command",
    "hub/http": "hub/test_download",
    "images/errors": "images/test_files",
    "images/formats": "cli/doctor/test_command",
    "images/limits": "images/test_hostile",
    "images/made_photo": "benchmark/test_measurement",
    "images/truncation": "images/test_files",
    "inspection/architectures": "inspection/test_costs",
    "labels/json_forms": "labels/test_parsing",
    "labels/pbtxt": "labels/test_parsing",
    "labels/tables": "labels/test_parsing",
    "labels/yaml_forms": "labels/test_parsing",
    "runtime/edgetpu/worker": "runtime/edgetpu/test_process",
    "teaching/fitted": "teaching/test_teach",
    "teaching/gathering": "teaching/test_teach",
    "tflite/bounds": "tflite/test_tracing",
    "tflite/model": "tflite/test_info",
    "tflite/network": "tflite/test_graph",
    "tflite/patterns": "tflite/test_tracing",
    "tflite/sources": "tflite/test_info",
    "tools/benchmarks/accuracy": "tools/benchmarks/test_command",
    "tools/benchmarks/batch": "tools/benchmarks/test_command",
    "tools/benchmarks/latency": "tools/benchmarks/test_command",
    "tools/benchmarks/peers/bare_batch": "tools/benchmarks/test_peers",
    "tools/benchmarks/peers/bare_latency": "tools/benchmarks/test_peers",
    "tools/benchmarks/peers/bare_predict": "tools/benchmarks/test_peers",
    "tools/benchmarks/peers/mediapipe_batch": "tools/benchmarks/test_peers",
    "tools/benchmarks/peers/plain_batch": "tools/benchmarks/test_peers",
    "tools/benchmarks/photos": "tools/benchmarks/test_peers",
    "tools/convert/gate_report": "tools/convert/test_gate",
    "tools/convert/model_description": "tools/convert/test_command",
    "tools/errors": "tools/test_command_line",
    "tools/raspberry_pi/agreement": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/checks": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/emulation": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/guest_scripts/fingerprints": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/guest_scripts/loaded_modules": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/package_sources": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/photos": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/processors": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/progress": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/recipes": "tools/raspberry_pi/test_raspberry_pi",
    "tools/raspberry_pi/roots": "tools/raspberry_pi/test_raspberry_pi",
}
"""Modules without a test file of their own, and the tests that are theirs: mostly of the command that shows what they
do. All others have ``tests/<room>/test_<module>.py``."""

TESTED_BY_OTHER_TARGETS: Final = {
    "tools/benchmarks/evaluate": "make bench",
    "tools/benchmarks/predict": "make bench",
    "tools/raspberry_pi/guest": "make test-pi",
    "tools/raspberry_pi/namespaces": "make test-pi",
}
"""Modules of which only minutes of real work would show anything."""

MOST_ROOMS: Final = 26
MOST_FILES: Final = 10

RUNTIMES: Final = {"ai_edge_litert", "tflite_runtime"}
WORKSTATION: Final = {"tensorflow", "keras", "tf_keras", "torch", "sklearn", "scipy", "skimage", "tools"}
HOMES: Final = {
    "click": {"cli"},
    "PIL": {"images", "report", "explanation"},
    "matplotlib": {"benchmark", "evaluation"},
    "pi_heif": {"images"},
    "rawpy": {"images"},
    "pyarrow": {"batch", "library"},
    "tomli": {"hub"},
    "platformdirs": {"hub"},
    "tqdm": {"cli"},
    "numpy": {
        "benchmark",
        "batch",
        "classifier",
        "decisions",
        "doctor",
        "evaluation",
        "explanation",
        "images",
        "library",
        "predictions",
        "runtime",
        "teaching",
        "tflite",
    },
}
"""The packages that are not the standard library's, and the rooms that may import them."""

WITHOUT_NUMPY: Final = ("hub", "labels", "inspection", "results", "_system", "choices", "errors", "tflite")
"""Rooms in which a model is described: `models show`, `models list` and `doctor` work where NumPy is broken."""


WORKS_WITH_TENSORS: Final = {
    "mobiclass.tflite.arrays", "mobiclass.tflite.quantization", "mobiclass.tflite.head", "mobiclass.tflite.new_head",
}  # fmt: skip
"""The modules of those rooms that compute, and are loaded by what has NumPy anyway."""


@dataclass(frozen=True)
class Import:
    """One name that a module imports: `module` and, with ``from``, `name` of it; its `line`."""

    module: str
    name: str | None
    line: int
    for_types_only: bool


class House:
    """A package, its modules, and what each imports."""

    def __init__(self, package: str, rooms: tuple[str, ...], root: Path) -> None:
        self.package = package
        self.rooms = rooms
        self.folder = root / package
        self.trees = {
            ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
                path.read_text(encoding="utf-8"), str(path)
            )
            for path in sorted(self.folder.rglob("*.py"))
        }

    @cached_property
    def imports(self) -> dict[str, list[Import]]:
        """All that each module imports, in whatever place."""
        return {module: list(_imports(tree, for_types_only=False)) for module, tree in self.trees.items()}

    def room(self, module: str) -> str | None:
        """Name the room of `module`; ``None`` for an entrance."""
        return None if module in ENTRANCES else module.split(".")[1]

    def target(self, found: Import) -> str:
        """Name the module of this house that `found` loads."""
        full = f"{found.module}.{found.name}"
        return full if full in self.trees else found.module

    def is_ours(self, found: Import) -> bool:
        """Whether `found` is of this house."""
        return found.module.partition(".")[0] == self.package


def _imports(tree: ast.AST, *, for_types_only: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from _imports(node, for_types_only=True)
        elif isinstance(node, ast.Import):
            yield from (Import(alias.name, None, node.lineno, for_types_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (Import(node.module or "", alias.name, node.lineno, for_types_only) for alias in node.names)
        else:
            yield from _imports(node, for_types_only=for_types_only)


RUNTIME = House("mobiclass", ROOMS, Path(mobiclass.__file__).resolve().parent.parent)
_CHECKOUT = Path(__file__).resolve().parent.parent
TOOLS = House("tools", TOOL_ROOMS, _CHECKOUT)
both_houses = pytest.mark.parametrize("house", [RUNTIME, TOOLS], ids=lambda house: house.package)


def upward_imports(house: House) -> list[str]:
    """List the imports that do not lead to a room further down."""
    return [
        f"{module}:{found.line} imports {found.module}"
        for module, imports in house.imports.items()
        for found in imports
        if house.is_ours(found)
        and (room := house.room(module)) is not None
        and (other := house.room(house.target(found))) not in (None, room)
        and house.rooms.index(str(other)) < house.rooms.index(room)
    ]


def imports_past_a_door(house: House, others: tuple[House, ...] = ()) -> list[str]:
    """List the imports of what lies behind the door of another room."""
    return [
        f"{module}:{found.line} imports {found.module}"
        for module, imports in house.imports.items()
        for found in imports
        for owner in (house, *others)
        if owner.is_ours(found) and found.module not in ENTRANCES
        if owner is not house or owner.room(found.module) != house.room(module)
        if found.module.count(".") > 1 or (found.name and f"{found.module}.{found.name}" in owner.trees)
        # The door of the lowest room is opened with what stands behind it.
        if module != "mobiclass._system"
    ]


def modules_in_a_circle(house: House) -> set[str]:
    """Find the modules that import each other when they run, a room's own ones too."""
    graph = {
        module: {
            target
            for found in imports
            if house.is_ours(found) and not found.for_types_only
            if (target := house.target(found)) != module and target not in ENTRANCES
        }
        for module, imports in house.imports.items()
    }
    # A command's package hands on its command: `cli` itself is loaded by whatever is in it.
    doors = {module for module in graph if (house.folder.parent / Path(*module.split("."))).is_dir()}
    for needed in graph.values():
        needed -= doors
    while leaves := {module for module, needed in graph.items() if not needed & set(graph)}:
        graph = {module: needed for module, needed in graph.items() if module not in leaves}
    return set(graph)


def _calls(tree: ast.AST, function: str) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == function]


def roots(module: str) -> set[str]:
    """Give the top-level packages that a module of the runtime imports."""
    return {found.module.partition(".")[0] for found in RUNTIME.imports[module]}


@both_houses
def test_every_module_belongs_to_a_room_of_the_list(house: House) -> None:
    found = {house.room(module) for module in house.trees} - {None}
    assert found == set(house.rooms)


def test_few_rooms_and_few_files_at_the_top() -> None:
    entries = [path for path in RUNTIME.folder.iterdir() if path.name not in ("__pycache__", "models")]
    assert len([path for path in entries if path.is_file()]) <= MOST_FILES
    assert len([path for path in entries if path.name != "py.typed"]) <= MOST_ROOMS


@both_houses
def test_imports_run_one_way(house: House) -> None:
    assert upward_imports(house) == []


def test_an_import_of_the_wrong_way_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "house"
    for name, source in {
        "up/__init__.py": "",
        "up/a.py": "from house.down import x",
        "down/__init__.py": "",
        "down/b.py": "def f():\n    from house.up.a import x",
        "down/c.py": "from house.down import d",
        "down/d.py": "from house.down.c import x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    house = House("house", ("up", "down"), tmp_path)
    assert upward_imports(house) == ["house.down.b:2 imports house.up.a"]
    assert imports_past_a_door(house) == ["house.down.b:2 imports house.up.a"]
    assert modules_in_a_circle(house) == {"house.down.c", "house.down.d"}


def test_only_doors_are_imported_across_rooms() -> None:
    assert imports_past_a_door(RUNTIME) == []
    assert imports_past_a_door(TOOLS, (RUNTIME,)) == []


@both_houses
def test_no_imports_go_in_a_circle(house: House) -> None:
    assert modules_in_a_circle(house) == set()


@both_houses
def test_doors_name_what_they_hand_on_and_nothing_else(house: House) -> None:
    used = {
        (found.module, found.name)
        for source in (RUNTIME, TOOLS)
        for module, imports in source.imports.items()
        for found in imports
        if not module.startswith(found.module)
    }
    offenders = []
    for module, tree in house.trees.items():
        calls = [
            node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "open_door"
        ]
        for call in calls:
            listed = {
                name: f"{module}.{inner}" for inner, names in ast.literal_eval(call.args[1]).items() for name in names
            }
            typed = {str(found.name): found.module for found in house.imports[module] if found.for_types_only}
            offenders += [f"{module}: {name} is typed or listed alone" for name in typed.items() ^ listed.items()]
            # Loading a module sets its name in its package, where it would hide what the door hands out.
            offenders += [f"{module}: {name} is a module too" for name in listed if f"{module}.{name}" in house.trees]
            unused = {name for name in listed if (module, name) not in used} if module != "mobiclass" else set()
            offenders += [f"{module}: nobody wants {name}" for name in unused - {"main"}]  # of a program
    assert offenders == []


def test_foreign_packages_are_imported_in_their_rooms_alone() -> None:
    allowed = {"mobiclass", "__future__", *sys.stdlib_module_names}
    offenders = [
        f"{module} imports {package}"
        for module in RUNTIME.trees
        for package in roots(module) - allowed
        if RUNTIME.room(module) not in HOMES.get(package, set())
    ]
    assert offenders == []


def test_nothing_of_the_workstation_is_imported() -> None:
    assert {module: roots(module) & WORKSTATION for module in RUNTIME.trees if roots(module) & WORKSTATION} == {}


def test_the_runtimes_are_named_in_one_place() -> None:
    named = {
        module
        for module, tree in RUNTIME.trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.partition(".")[0] in RUNTIMES
    }
    assert named == {"mobiclass.runtime.backends"}


def test_a_model_is_described_without_numpy_pillow_and_runtimes() -> None:
    offenders = [
        module
        for module in RUNTIME.trees
        if RUNTIME.room(module) in WITHOUT_NUMPY and module not in WORKS_WITH_TENSORS
        if roots(module) & {"numpy", "PIL"}
    ]
    assert offenders == []


def test_nothing_is_printed() -> None:
    offenders = [
        f"{module}:{node.lineno}"
        for module, tree in RUNTIME.trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    ]
    assert offenders == []


@both_houses
def test_every_module_opens_with_what_it_does(house: House) -> None:
    assert [module for module, tree in house.trees.items() if not ast.get_docstring(tree)] == []


def test_every_module_has_tests_where_one_looks_for_them() -> None:
    tests = Path(__file__).parent
    modules = [path.relative_to(RUNTIME.folder) for path in RUNTIME.folder.rglob("*.py")]
    modules += [path.relative_to(_CHECKOUT) for path in TOOLS.folder.rglob("*.py")]
    own = {
        path.with_suffix("").as_posix(): path.with_name(f"test_{path.stem}").as_posix()
        for path in modules
        if not path.name.startswith("__") and path.with_suffix("").as_posix() not in TESTED_BY_OTHER_TARGETS
    }
    offenders = [
        f"{module}: {where}.py is missing"
        for module, own_tests in own.items()
        if not (tests / f"{(where := TESTED_ELSEWHERE.get(module, own_tests))}.py").is_file()
    ]
    offenders += [f"{module} is gone" for module in TESTED_ELSEWHERE if module not in own]
    offenders += [
        f"{module} has tests of its own" for module in TESTED_ELSEWHERE if (tests / f"{own.get(module)}.py").is_file()
    ]
    assert offenders == []


def test_the_checkout_is_what_is_tested() -> None:
    assert RUNTIME.folder.parent == Path(PACKAGE_PARENT)
