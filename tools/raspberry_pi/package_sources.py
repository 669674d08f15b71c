"""Where this machine has packages from, so that the guest can have them from there too: proxies, indexes, certificates.

It names no registry: everything is read from the environment and from pip's own configuration.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_CERTIFICATES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
# What says where packages come from; what else pip may be told (where to install, …) is not the guest's.
_PIP_OPTIONS: Final = frozenset({
    "cert", "client-cert", "constraint", "default-timeout", "extra-index-url", "find-links", "index-url", "no-index",
    "proxy", "retries", "timeout", "trusted-host",
})  # fmt: skip
_TOP_LEVEL: Final = 2  # parts of a path as /opt
# The system's certificates and resolver, which the guest has at the same places.
_SYSTEM_FILES: Final = (Path("/etc/resolv.conf"), Path("/etc/ssl/certs/ca-certificates.crt"))


def environment() -> dict[str, str]:
    """Give the variables by which the guest's pip has packages from where this machine's pip has them."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    kept = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return kept | pip_variables(done.stdout)


def pip_variables(configuration: str) -> dict[str, str]:
    """Turn the lines of ``pip config list`` into environment variables; the stronger source counts."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in configuration.splitlines():
        key, separator, value = line.partition("=")
        section, _, option = key.strip().rpartition(".")
        if separator and section in found and option in _PIP_OPTIONS:
            found[section][f"PIP_{option.upper().replace('-', '_')}"] = " ".join(str(_literal(value)).split())
    return {**found["global"], **found["install"], **found[":env:"]}


def _literal(value: str) -> object:
    try:
        return ast.literal_eval(value.strip())
    except (SyntaxError, ValueError):
        return value.strip()


def local_files(variables: Mapping[str, str]) -> list[Path]:
    """List the files and folders of this machine that `variables` name and the guest must see, and the system's own."""
    named = [path for value in variables.values() for word in value.split() if (path := _path(word)) is not None]
    return _outermost(path for path in (*_SYSTEM_FILES, *named) if path.exists())


def _path(word: str) -> Path | None:
    if word.startswith("file:"):
        path = Path(unquote(urlsplit(word).path))
        # An index may lead to files beside it, as DIR/simple to DIR/files.
        path = path.parent if len(path.parent.parts) > _TOP_LEVEL else path
    else:
        path = Path(word)
    return path if path.is_absolute() and len(path.parts) > 1 else None


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Drop what lies inside another of the `paths`."""
    distinct = list(dict.fromkeys(paths))
    return [path for path in distinct if not any(other in path.parents for other in distinct)]
