"""Where a training run stands, kept in a folder so that it can go on: the last network, the best one, and a state.

The state names the files that belong to it and is replaced last, in one step: a run that dies while it writes leaves
the checkpoint before. Only checkpoints of the same settings and photos are taken up again.
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
    """How far a run has come.

    Attributes:
        stage: which stage of the plan it is in.
        epoch: how many epochs of this stage are done.
        best_epoch: the epoch, counted over all stages from 1, of the best network; 0 before the first.
        best_loss: its loss on the validation photos.
        waited: epochs of this stage since there was a better one.
        epochs: the figures of every epoch.
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
        """Use `folder` for the run that `run` describes: JSON values by which it is known again."""
        self.folder = folder
        self._run = json.loads(json.dumps(run))
        self._best = ""

    def exists(self) -> bool:
        """Tell whether there is a checkpoint, of whatever run."""
        return (self.folder / _STATE_FILE).is_file()

    def remove(self) -> None:
        """Remove the checkpoint."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, progress: Progress, model: Any, *, is_best: bool) -> None:
        """Keep `model` as the last network, and if `is_best` also as the best one.

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
        """Give the progress and the last network, ready to be trained on.

        Raises:
            TrainingError: the checkpoint is damaged, or that of another run.
        """
        state = self._state()
        for name, value in self._run.items():
            if state["run"].get(name) != value:
                raise TrainingError(
                    f"{self.folder}: is the checkpoint of another run, with {name} {state['run'].get(name)!r} and not "
                    f"{value!r}; go on with the same settings and photos, or begin anew with --overwrite"
                )
        self._best = state["best"]
        return Progress(**state["progress"]), self._load(state["last"])

    def load_best(self) -> Any:
        """Give the best network so far."""
        return self._load(self._best)

    def _state(self) -> dict[str, Any]:
        try:
            state = json.loads((self.folder / _STATE_FILE).read_bytes())
            if state["format"] == _FORMAT and {"run", "last", "best", "progress"} <= state.keys():
                return dict(state)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            pass
        raise TrainingError(f"{self.folder}: the checkpoint is damaged; begin anew with --overwrite")

    def _load(self, name: str) -> Any:
        import keras

        try:
            return keras.saving.load_model(self.folder / Path(name).name)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(
                f"{self.folder / name}: the checkpoint is damaged; begin anew with --overwrite"
            ) from error
