"""Training curves while they grow, in a tracker that people look at: TensorBoard, trackio or wandb,
through accelerate's tracker classes.
"""

import os
from pathlib import Path
from typing import Any

from psycopref.errors import TrainError
from psycopref.processes import rank
from psycopref.train.settings import Training

# wandb would send the command line, the working directory and the program's path, any of which may
# name a clinic
_WANDB = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "save_code": False,
    "x_disable_meta": True,
    "x_disable_stats": True,
}


class Board:
    """One run in the tracker that a plan names; nothing where it names none. What is sent is
    numbers and settings, never a text.

    TensorBoard's files are in `folder`; trackio and wandb call the run by the folder's name, in the
    project `psycopref`.
    """

    def __init__(self, plan: Training, folder: Path | None) -> None:
        self._tracker: Any = None
        if plan.tracker and folder is not None and not rank():
            self._tracker = _started(plan, folder)

    def log(self, values: dict[str, float], step: int) -> None:
        """The values of one optimiser step."""
        if self._tracker is not None:
            self._tracker.log(values, step=step)

    def close(self) -> None:
        """Write out what is waiting."""
        if self._tracker is not None:
            self._tracker.finish()


def _started(plan: Training, folder: Path) -> Any:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

    if plan.tracker not in map(str, get_available_trackers()):
        raise TrainError(
            f"tracker: {plan.tracker} is not installed; `pip install {plan.tracker}`, or set"
            ' tracker = ""'
        )
    kind = LOGGER_TYPE_TO_CLASS[plan.tracker]
    if plan.tracker == "tensorboard":
        tracker = kind(folder.name, folder.parent)
    elif plan.tracker == "wandb":
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        tracker = kind("psycopref", name=folder.name, dir=str(folder.parent), settings=_WANDB)
    else:
        # Below the workspace, like the others, unless the user has said where.
        os.environ.setdefault("TRACKIO_DIR", str(folder.parent / "trackio"))
        tracker = kind("psycopref", name=folder.name)
    tracker.start()
    said = {
        name: value
        for name, value in plan.model_dump(mode="json").items()
        if isinstance(value, str | int | float)
    }
    tracker.store_init_configuration(
        {**said, "base": Path(plan.base).name}
    )  # a folder's path may name a clinic
    return tracker
