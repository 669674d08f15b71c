"""Passes the host's package sources on to the guest: proxies, indexes, certificates.

It names no registry: everything is read from the environment and from pip's configuration.
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
# The options for package sources; others (such as where to install) are not for the guest.
_PIP_OPTIONS: Final = frozenset({
    "cert", "client-cert", "constraint", "default-timeout", "extra-index-url", "find-links", "index-url", "no-index",
    "proxy", "retries", "timeout", "trusted-host",
})  # fmt: skip
_TOP_LEVEL: Final = 2  # parts of a path such as /opt
# The system's resolver and certificates, which the guest has at the same paths.
_SYSTEM_FILES: Final = (Path("/etc/resolv.conf"), Path("/etc/ssl/certs/ca-certificates.crt"))


def environment() -> dict[str, str]:
    """Return the environment variables that make the guest's pip use the host's package sources."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    kept = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
    return kept | pip_variables(done.stdout)


def pip_variables(configuration: str) -> dict[str, str]:
    """Convert the lines of ``pip config list`` to environment variables, in pip's order of precedence."""
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
    """List the host's files and folders that `variables` refer to, and the system's own."""
    named = [path for value in variables.values() for word in value.split() if (path := _path(word)) is not None]
    return _outermost(path for path in (*_SYSTEM_FILES, *named) if path.exists())


def _path(word: str) -> Path | None:
    if word.startswith("file:"):
        path = Path(unquote(urlsplit(word).path))
        # An index may link to files beside it, as DIR/simple to DIR/files.
        path = path.parent if len(path.parent.parts) > _TOP_LEVEL else path
    else:
        path = Path(word)
    return path if path.is_absolute() and len(path.parts) > 1 else None


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Drop what lies inside another of the `paths`."""
    distinct = list(dict.fromkeys(paths))
    return [path for path in distinct if not any(other in path.parents for other in distinct)]
