"""Worker processes of a loader: which scene each has in hand, what they do with signals, and what is said of one that
dies: `with naming_the_dead(loader, ...):` around all that runs while they have workers.
"""
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.data import DataLoader, get_worker_info

GRACE = 300  # seconds that a worker lives on after a SIGTERM, for the step that its parent still ends
_DIED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (.*)", re.DOTALL)  # PyTorch's words


class InHand:
    """The scene that each worker is making a sample of, in shared memory, where it can be read when the worker is gone.

    Rows (process id, scene's index or -1).
    """

    def __init__(self, workers: int):
        self._rows = torch.full((max(workers, 1), 2), -1, dtype=torch.int64).share_memory_()

    @contextmanager
    def at(self, index: int) -> Iterator[None]:
        """Around the making of a scene's sample, in a worker or, where there are none, in the main process."""
        info = get_worker_info()
        if info is None:
            yield
            return
        row = self._rows[info.id]
        row[0], row[1] = os.getpid(), index
        try:
            yield
        finally:
            row[1] = -1

    def scene_of(self, process: int) -> int | None:
        """The scene that a worker had in hand."""
        found = [scene for worker, scene in self._rows.tolist() if worker == process and scene >= 0]
        return found[0] if found else None


@contextmanager
def naming_the_dead(*loaders: DataLoader) -> Iterator[None]:
    """Turn what PyTorch raises for a worker that died, anywhere in the program, into a line that names its scene.

    loaders: of datasets with `in_hand` and `paths`. Raises ChildProcessError, an OSError.
    """
    try:
        yield
    except RuntimeError as error:
        found = _DIED.match(str(error.__cause__)) or _DIED.match(str(error))  # the cause knows which signal
        if not found:
            raise
        at = ", ".join(str(loader.dataset.paths[scene]) for loader in loaders for number in found[1].split(",")
                       if (scene := loader.dataset.in_hand.scene_of(int(number))) is not None)
        how = " ".join(found[2].split()).partition(". ")[0].rstrip(".")
        raise ChildProcessError(
            f"{at or 'between two scenes'}: the worker process that was reading it {how}"
            f"{' (for lack of memory, most likely)' if 'Killed' in how else ''}: take fewer --num_workers, a smaller "
            "--max_scene_voxels, or this scene from the list; checkpoints are whole, --resume goes on from them"
        ) from None


def ignore_signals_of_the_parent() -> None:
    """In a worker: signals that a terminal or a scheduler sends to all processes of a job are the main one's to answer.

    A worker that died of them would take the step with it that its parent still ends. SIGTERM is also how a parent ends
    a worker that hangs, so it is only put off.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGUSR1"):  # not on Windows
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))
