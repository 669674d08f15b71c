"""Saves a training run in a folder so that it can be resumed: the last network, the best one, and the progress.

The state file names the files that belong to it and is replaced last, atomically: a run that dies while writing leaves
the previous checkpoint. Only checkpoints with the same settings and photos are resumed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from mobiclass._system import atomic_write
from tools.errors import TrainingError

_STATE_FILE: Final = "state.json"
_FORMAT: Final = 1


@dataclass(slots=True)
class Progress:
    """The progress of a run.

    Attributes:
        stage: the index of the current stage.
        epoch: the number of finished epochs in this stage.
        best_epoch: the epoch of the best network, counted over all stages from 1; 0 before the first.
        best_loss: its validation loss.
        waited: epochs of this stage since the last improvement.
        epochs: the metrics of every epoch.
    """

    stage: int = 0
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    waited: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)


class Checkpoint:
    """The folder of one run's checkpoint."""

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        """Use `folder` for the run that is identified by the JSON values in `run`."""
        self.folder = folder
        self._run = json.loads(json.dumps(run))
        self._best = ""

    def exists(self) -> bool:
        """Whether there is a checkpoint, of any run."""
        return (self.folder / _STATE_FILE).is_file()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, progress: Progress, model: Any, *, is_best: bool) -> None:
        """Save `model` as the last network, and if `is_best` also as the best one.

        Raises:
            TrainingError: the folder cannot be written.
        """
        number = len(progress.epochs)
        last = f"last-{number}.keras"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            model.save(self.folder / last)
            if is_best:
                self._best = f"best-{number}.keras"
                shutil.copyfile(self.folder / last, self.folder / self._best)
        except OSError as error:
            raise TrainingError(
                f"{self.folder}: the checkpoint cannot be written ({error.strerror or error})"
            ) from error
        state = {"format": _FORMAT, "run": self._run, "last": last, "best": self._best, "progress": asdict(progress)}
        with atomic_write(self.folder / _STATE_FILE) as file:
            file.write(json.dumps(state, indent=1).encode())
        for path in self.folder.glob("*.keras"):
            if path.name not in (last, self._best):
                path.unlink()

    def load(self) -> tuple[Progress, Any]:
        """Return the progress and the last network, ready for further training.

        Raises:
            TrainingError: the checkpoint is damaged or of another run.
        """
        state = self._state()
        for name, value in self._run.items():
            if state["run"].get(name) != value:
                raise TrainingError(
                    f"{self.folder}: the checkpoint is of another run, with {name} {state['run'].get(name)!r} and "
                    f"not {value!r}; resume with the same settings and photos, or start over with --overwrite"
                )
        self._best = state["best"]
        return Progress(**state["progress"]), self._load(state["last"])

    def load_best(self) -> Any:
        return self._load(self._best)

    def _state(self) -> dict[str, Any]:
        try:
            state = json.loads((self.folder / _STATE_FILE).read_bytes())
            if state["format"] == _FORMAT and {"run", "last", "best", "progress"} <= state.keys():
                return dict(state)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass
        raise TrainingError(f"{self.folder}: the checkpoint is damaged; start over with --overwrite")

    def _load(self, name: str) -> Any:
        import keras

        try:
            return keras.saving.load_model(self.folder / Path(name).name)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(
                f"{self.folder / name}: the checkpoint is damaged; start over with --overwrite"
            ) from error
