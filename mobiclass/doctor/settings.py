"""The environment variables of mobiclass that are set: what each does, and whether its value is valid.

Those that set an option of a command arrive checked: only the command line knows what its options accept.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from mobiclass.doctor.finding import Finding
from mobiclass.errors import MobiclassError
from mobiclass.hub import catalog_entries, find_model
from mobiclass.runtime import RUNTIMES, choose_runtime
from mobiclass.tflite import read_model

_PREFIX: Final = "MOBICLASS_"
_OTHERS: Final = {
    "MOBICLASS_CACHE": "the folder of pulled models",
    "MOBICLASS_MIRROR": "where models are pulled from",
    "MOBICLASS_OFFLINE": "models are never downloaded",
}


class Option(NamedTuple):
    """An option of the command line that an environment variable sets.

    Attributes:
        name: the option, ``--threads``.
        complaint: why the command line refuses the variable's value, or ``None``.
    """

    name: str
    complaint: str | None


def check_settings(options: Mapping[str, Option]) -> Iterator[Finding]:
    """Examine the variables that are set; `options` has those that set an option."""
    for variable in sorted(name for name, value in os.environ.items() if name.startswith(_PREFIX) and value):
        value = os.environ[variable]
        if variable in options:
            yield _check_option(variable, value, options[variable])
        elif variable in _OTHERS:
            yield _check_other(variable, value)
        else:
            near = difflib.get_close_matches(variable, [*options, *_OTHERS], n=1)
            hint = f"did you mean {near[0]}?" if near else f"unset {variable}"
            yield Finding(variable, "warning", "is not a setting of mobiclass", hint)


def _check_option(variable: str, value: str, option: Option) -> Finding:
    text = f"{value}, for {option.name}"
    if option.complaint is not None:
        return Finding(variable, "problem", option.complaint.rstrip("."), f"correct it, or unset {variable}")
    try:
        if variable == "MOBICLASS_MODEL":
            read_model(find_model(value))
        elif variable == "MOBICLASS_RUNTIME":
            choose_runtime("auto" if value not in RUNTIMES else RUNTIMES[value].name)
    except MobiclassError as error:
        return Finding(variable, "problem", str(error), f"correct it, or unset {variable}")
    return Finding(variable, "ok", text)


def _check_other(variable: str, value: str) -> Finding:
    if variable == "MOBICLASS_MIRROR":
        return _check_mirror(variable)
    text = f"{value}: {_OTHERS[variable]}"
    if variable == "MOBICLASS_OFFLINE" and value == "0":
        text = "0: `models pull` may download models"
    return Finding(variable, "ok", text)


def _check_mirror(variable: str) -> Finding:
    """Have the downloader check the mirror. A refused URL is not repeated: it may hold a password."""
    from mobiclass.hub import source_url

    entry = next(entry for entry in catalog_entries().values() if entry.url is not None)
    try:
        url = source_url(entry)
    except MobiclassError as error:
        return Finding(variable, "problem", str(error), f"correct it, or unset {variable}")
    return Finding(variable, "ok", f"{_OTHERS[variable]}, for instance {url}")
