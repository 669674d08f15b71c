"""The Python packages that mobiclass needs, and optional ones: imported in a child process, one by one."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mobiclass.doctor.environment import Environment
from mobiclass.doctor.finding import Finding, Status

_MIN_NUMPY: Final = (1, 24)
_FORMATS_NEEDED: Final = ("JPEG", "PNG")


class Package(NamedTuple):
    """A package: its name on PyPI, and the module that is imported."""

    name: str
    module: str


class Extra(NamedTuple):
    """An optional package, its purpose, and the extra of mobiclass that installs it."""

    package: Package
    purpose: str
    extra: str


NUMPY: Final = Package("numpy", "numpy")
PILLOW: Final = Package("pillow", "PIL.Image")
NEEDED: Final = (
    Package("click", "click"),
    Package("platformdirs", "platformdirs"),
    Package("tqdm", "tqdm"),
    *((Package("tomli", "tomli"),) if sys.version_info < (3, 11) else ()),
)
EXTRAS: Final = (
    Extra(Package("pi-heif", "pi_heif"), "HEIC photos", "heif"),
    Extra(Package("rawpy", "rawpy"), "cameras' raw files", "raw"),
    Extra(Package("pyarrow", "pyarrow.parquet"), "Parquet files", "parquet"),
    Extra(Package("matplotlib", "matplotlib.figure"), "pictures of benchmarks", "plots"),
)


def check_numpy(environment: Environment) -> Finding:
    """Import NumPy."""
    failure = import_failures(environment, [NUMPY])[NUMPY]
    if failure is not None:
        return Finding("numpy", "problem", failure, "pip install --force-reinstall numpy")
    version = version_of(NUMPY)
    if _numbers(version) < _MIN_NUMPY:
        oldest = ".".join(map(str, _MIN_NUMPY))
        return Finding(
            "numpy", "warning", f"{version}, older than the oldest tested version", f"pip install 'numpy>={oldest}'"
        )
    return Finding("numpy", "ok", version)


def check_pillow(environment: Environment) -> Finding:
    """Import Pillow, and ask it for its decoders."""
    fix = "pip install --force-reinstall pillow"
    outcome = environment.probe("image_formats")
    if outcome.failure is not None:
        return Finding("pillow", "problem", _failure(outcome.failure) or "", fix)
    version, formats = version_of(PILLOW), outcome.facts["formats"]
    missing = [name for name, there in formats.items() if not there]
    if missing:
        status: Status = "problem" if set(missing) & set(_FORMATS_NEEDED) else "warning"
        return Finding("pillow", status, f"{version}, built without {', '.join(missing)}", fix)
    return Finding("pillow", "ok", f"{version}, reads {', '.join(formats)} and more")


def check_needed(environment: Environment) -> Finding:
    """Import the small packages that the program needs."""
    failures = import_failures(environment, NEEDED)
    broken = [f"{package.name} {failure}" for package, failure in failures.items() if failure is not None]
    if broken:
        names = " ".join(package.name for package, failure in failures.items() if failure is not None)
        return Finding("packages", "problem", "; ".join(broken), f"pip install --force-reinstall {names}")
    return Finding("packages", "ok", ", ".join(f"{package.name} {version_of(package)}" for package in NEEDED))


def check_extras(environment: Environment) -> Iterator[Finding]:
    """Import the optional packages that are installed."""
    installed = [extra.package for extra in EXTRAS if _is_there(extra.package)]
    failures = import_failures(environment, installed) if installed else {}
    for package, purpose, extra in EXTRAS:
        install = f"pip install 'mobiclass[{extra}]'"
        if package not in failures:
            yield Finding(extra, "info", f"not installed: no {purpose}", install)
        elif failures[package] is not None:
            text = f"no {purpose}: {package.name} {failures[package]}"
            yield Finding(extra, "warning", text, f"pip install --force-reinstall {package.name}")
        else:
            yield Finding(extra, "ok", f"{purpose}: {package.name} {version_of(package)}")


def import_failures(environment: Environment, packages: Sequence[Package]) -> dict[Package, str | None]:
    """Import each of `packages`; returns why it cannot be imported, as a phrase, or ``None``."""
    waiting = [package.module for package in packages]
    failures: dict[str, str] = {}
    while waiting:
        outcome = environment.probe("import_modules", waiting)
        failures |= outcome.facts.get("failures", {})
        if outcome.failure is None:
            break
        # One that crashed or hung ended the child: go on with the others.
        culprit = outcome.step if outcome.step in waiting else waiting[0]
        failures[culprit] = outcome.failure
        waiting = waiting[waiting.index(culprit) + 1 :]
    return {package: _failure(failures.get(package.module)) for package in packages}


def _is_there(package: Package) -> bool:
    return importlib.util.find_spec(package.module.partition(".")[0]) is not None


def _failure(reason: str | None) -> str | None:
    if reason is None:
        return None
    if reason.startswith("ModuleNotFoundError: "):
        return f"is not installed, or incomplete ({reason.partition(': ')[2]})"
    return f"cannot be imported: {reason}"


def version_of(package: Package) -> str:
    """Return the version of `package`; ``unknown version`` where it was installed by other means."""
    try:
        return importlib.metadata.version(package.name)
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError):
        return "unknown version"


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of `version`; a version that has none counts as new."""
    numbers = []
    for part in version.split(".")[:2]:
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers) or _MIN_NUMPY
