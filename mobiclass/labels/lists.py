"""A label list: one label a line in UTF-8, the line's number (from 0) being the model's output index.

Nothing is guessed from the text: ``3 toed sloth`` is a label and not the number 3, a blank line in the middle
holds the place of its index, and a list of another length than the outputs is an error, never a shift.
"""

from __future__ import annotations

from typing import Final

from mobiclass.errors import LabelsError

BACKGROUND: Final = "background"


def parse_labels(content: bytes, source: str) -> tuple[str, ...]:
    """Split the bytes of a label file into labels; `source` names it in messages.

    A byte order mark and the carriage returns of Windows line ends are dropped, and so is one empty last line.

    Raises:
        LabelsError: the bytes are not UTF-8, or hold no label at all.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(f"{source}: the labels are not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[-1] == "":
        lines.pop()
    if not any(line.strip() for line in lines):
        raise LabelsError(f"{source}: there is no label in it; write one label a line")
    return tuple(lines)


def check_labels(labels: tuple[str, ...], outputs: int, source: str, model: str) -> None:
    """Require one label an output.

    Raises:
        LabelsError: their number differs; the message says where a background class may be missing.
    """
    if len(labels) == outputs:
        return
    message = f"{source}: {len(labels)} labels do not fit the {outputs} outputs of {model}"
    if len(labels) + 1 == outputs and background_index(labels) is None:
        message += (
            f"; if the model has a {BACKGROUND!r} class, add that line where it belongs: "
            "first for TF-Slim's ImageNet models, last for Coral's iNaturalist ones"
        )
    elif len(labels) == outputs + 1 and background_index(labels) is not None:
        message += f"; the list has a {BACKGROUND!r} line and the model no such class: remove that line"
    else:
        message += "; give the list that the model was trained with"
    raise LabelsError(message)


def background_index(labels: tuple[str, ...]) -> int | None:
    """Find the background class at either end of `labels`; ``None`` where neither label is one."""
    for index in (0, len(labels) - 1):
        if labels[index].strip().lower() == BACKGROUND:
            return index
    return None
