"""``mobiclass models pull``: fetch models of the catalogue into the cache folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mobiclass.cli.option_groups import GroupedCommand, option
from mobiclass.cli.options import verbosity
from mobiclass.cli.terminal.text import safe_text

if TYPE_CHECKING:
    from mobiclass.hub import CatalogEntry


@click.command(cls=GroupedCommand)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@option("Model", "--edgetpu", is_flag=True, help="Also fetch the variant compiled for the Edge TPU.")
@verbosity(
    quiet="Print nothing on stderr but errors.", verbose="Report the source and the destination of each file on stderr."
)
def pull(names: tuple[str, ...], edgetpu: bool, quiet: bool, verbose: bool) -> None:
    """Fetch models into the cache folder, verified by SHA-256.

    An interrupted download resumes where it stopped. MOBICLASS_CACHE sets the folder and MOBICLASS_MIRROR a base URL
    (http, https or file) to fetch from instead; MOBICLASS_OFFLINE=1 forbids network access; http_proxy, https_proxy and
    no_proxy are honoured.

    \b
    Examples:
      mobiclass models pull mobilenet_v2_1.0_224_quant
      mobiclass models pull --edgetpu mobilenet_v1_0.25_128_quant
      MOBICLASS_MIRROR=file:///media/usb mobiclass models pull mobilenet_v1_0.5_160_quant
    """
    from mobiclass.cli.signals import loaded
    from mobiclass.errors import DownloadError

    entries = _wanted(names, with_edgetpu=edgetpu)
    loaded()
    failed = False
    for entry in entries:
        try:
            pull_entry(entry, quiet=quiet, verbose=verbose)
        except DownloadError as error:  # the others may do; all that is wrong is told
            failed = True
            click.echo(f"mobiclass: error: {safe_text(str(error))}", err=True)
    if failed:
        click.get_current_context().exit(DownloadError.exit_code)


def _wanted(names: tuple[str, ...], *, with_edgetpu: bool) -> list[CatalogEntry]:
    """Find what is meant before anything is fetched."""
    from mobiclass.errors import ModelError
    from mobiclass.hub import catalog_entries, entry_by_name, near_misses

    entries: dict[str, CatalogEntry] = {}
    for name in names:
        entry = entry_by_name(name.removesuffix(".tflite"))
        if entry is None:
            raise ModelError(
                f"the catalogue has no model named {name!r}{near_misses(name)}; `mobiclass models list` shows them all"
            )
        entries[entry.name] = entry
        if with_edgetpu and not entry.edgetpu_compiled:
            if entry.edgetpu is None:
                raise ModelError(f"the catalogue has no {entry.name} compiled for the Edge TPU")
            entries[entry.edgetpu] = catalog_entries()[entry.edgetpu]
    return list(entries.values())


def pull_entry(entry: CatalogEntry, *, quiet: bool, verbose: bool) -> None:
    """Fetch one model, with its progress, and say what came of it."""
    from mobiclass.cli.terminal.progress import DownloadProgress
    from mobiclass.hub import BUILT_IN, cache_folder, source_url
    from mobiclass.hub import pull as fetch

    said = {
        "built-in": "is built in",
        "present": "is already here, verified",
        "fetched": f"fetched and verified ({entry.bytes:,} bytes)",
        "replaced": f"fetched again and verified ({entry.bytes:,} bytes): the file here was damaged or another one",
    }
    outcome = "built-in"
    if entry.name != BUILT_IN:
        if verbose:
            click.echo(f"{entry.name}: {safe_text(f'{source_url(entry)} -> {cache_folder() / entry.file}')}", err=True)
        progress = DownloadProgress(entry.name, entry.bytes, quiet=quiet)
        try:
            outcome = fetch(entry, cache_folder(), progress)
        finally:
            progress.close()
    if quiet:
        return
    click.echo(f"{entry.name} {said[outcome]}", err=True)
    if entry.data_terms and outcome != "present":
        click.echo(f"  note: {safe_text(entry.data_terms)}", err=True)
