"""The TFLite Metadata of a model: what they say of its image input and its score output, and the files that they name.

Slot numbers follow the schema with the identifier ``M001``. The files themselves lie in the appended zip.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mobiclass.tflite.flatbuffer import Table

IDENTIFIER: Final = b"M001"

DESCRIBING_FILES: Final = frozenset({"metadata.json", "metadata.yaml", "metadata.yml", "temp_meta.txt", "meta.txt"})
"""Files of the appended zip that describe a model, as Ultralytics' exporter writes them; nothing need name them."""

_AXIS_LABELS: Final = 2  # AssociatedFileType.TENSOR_AXIS_LABELS
_NORMALIZATION: Final = 1  # ProcessUnitOptions.NormalizationOptions
_MAX_FILES: Final = 100  # of one tensor; a translation a language is the most that there is


class Normalization(NamedTuple):
    """``real = (pixel − mean) / std`` with pixels of 0–255; one value, or one a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Metadata(NamedTuple):
    """What the TFLite Metadata say; ``None`` or empty where they are silent.

    Attributes:
        normalization: that of the first input.
        label_files: for each output, the file that they call its labels; that for everybody or in English, where
            there is one in several languages.
        files: all files that they name.
    """

    name: str | None = None
    description: str | None = None
    version: str | None = None
    author: str | None = None
    license: str | None = None
    normalization: Normalization | None = None
    label_files: tuple[str | None, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def labels_file(self) -> str | None:
        """The first file that they call labels."""
        return next(filter(None, self.label_files), None)


class _File(NamedTuple):
    name: str
    kind: int
    locale: str


def read_metadata(content: memoryview) -> Metadata:
    """Read the FlatBuffers `content`.

    Raises:
        FlatbufferError: it is damaged, or something else.
    """
    root = Table.root(content, IDENTIFIER)
    subgraph = next(root.tables(3), None)
    image = next(subgraph.tables(2), None) if subgraph else None
    outputs = [_files(output, 6) for output in subgraph.tables(3)] if subgraph else []
    files = [*_files(root, 6), *(_files(subgraph, 4) if subgraph else ()), *(file for some in outputs for file in some)]
    return Metadata(
        name=root.string(0),
        description=root.string(1),
        version=root.string(2),
        author=root.string(4),
        license=root.string(5),
        normalization=_normalization(image) if image else None,
        label_files=tuple(_labels_file(some) for some in outputs),
        files=tuple(dict.fromkeys(file.name for file in files)),
    )


def may_describe(content: bytes) -> bool:
    """Whether the bytes of a file may be an object of some notation, and so no list of labels, a line each."""
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return start in (b"{", b"[", b"<") or b"\nnames:" in content or content.startswith(b"names:")


def _normalization(tensor: Table) -> Normalization | None:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.scalar(0, "B") == _NORMALIZATION and options:
            return Normalization(mean=options.numbers(0, "f"), std=options.numbers(1, "f"))
    return None


def _files(holder: Table, slot: int) -> list[_File]:
    files = []
    for _, file in zip(range(_MAX_FILES), holder.tables(slot), strict=False):
        if name := file.string(0):
            files.append(_File(name, file.scalar(2, "b"), (file.string(3) or "").replace("_", "-").lower()))
    return files


def _labels_file(files: list[_File]) -> str | None:
    lists = [file for file in files if file.kind == _AXIS_LABELS]
    lists.sort(key=lambda file: (file.locale != "", file.locale.partition("-")[0] != "en"))
    return lists[0].name if lists else None
