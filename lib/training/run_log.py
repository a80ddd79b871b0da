"""What a training writes down of itself: TensorBoard's event file, and every number once more in `metrics.jsonl`.

    with RunLog(folder) as log: log.scalars({"loss": 1.2}, 40, "train"); log.picture("val/IoU", picture, 40)

`metrics.jsonl` has a line for each logged step, epoch and validation: {"step": 40, "time": 1764000000.0,
"train/loss": 1.2}. `pandas.read_json("metrics.jsonl", lines=True)` reads it.
"""
import io
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from datasets.files import replacing

METRICS_FILE = "metrics.jsonl"


class RunLog:
    """A run's log; a context manager. In the processes beside the first, `writes` False, it writes nothing."""

    def __init__(self, folder: str | Path, resumed_at: int | None = None, writes: bool = True):
        """resumed_at: step of the checkpoint gone on from: what was logged after it comes again, and is cut off. None:
        a new run, which begins the file anew.
        """
        self.writes, self._writer, self._lines = writes, None, Path(folder) / METRICS_FILE
        self._said = False
        if not writes:
            return
        # TensorBoard takes steps from purge_step on out of what was logged before
        self._writer = SummaryWriter(folder, purge_step=None if resumed_at is None else resumed_at + 1)
        if resumed_at is None:
            self._lines.write_text("")
        elif self._lines.is_file():
            cut_lines(self._lines, resumed_at)

    def scalars(self, values: Mapping[str, float], step: int, group: str = "train", **about: float) -> None:
        """Log numbers by name: one line, and a curve each. group: stands before every name, "" : the names hold it.
        about: for the line alone. What is not finite becomes null in the line."""
        if self._writer is None:
            return
        values = {f"{group}/{name}" if group else name: value for name, value in values.items()}
        line = {"step": step, "time": round(time.time(), 1), **about, **values}
        line = {name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in line.items()}
        with self._going_on():
            with open(self._lines, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """A full disk costs figures, not the run; it is said once, and again by the next checkpoint."""
        try:
            yield
        except OSError as error:
            if not self._said:
                tqdm.write(f"warning: {self._lines.parent}: {error.strerror or error}: figures are lost; make room "
                           "before the next checkpoint")
            self._said = True

    def picture(self, name: str, picture: Image.Image, step: int, kind: str = "PNG") -> None:
        """Log a picture, in TensorBoard alone. kind: JPEG takes a third of the bytes of one with shades."""
        if self._writer is None:
            return
        content = io.BytesIO()
        picture.save(content, format=kind, **({"quality": 85} if kind == "JPEG" else {}))
        image = Summary.Image(height=picture.height, width=picture.width, colorspace=3,
                              encoded_image_string=content.getvalue())
        with self._going_on():  # add_image knows no JPEG
            self._writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_error) -> None:
        if self._writer is not None:
            with self._going_on():
                self._writer.close()


def cut_lines(path: Path, step: int) -> None:
    """Take lines of later steps, and what is no whole line, out of a metrics file."""
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            if int(json.loads(line)["step"]) <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):  # the last line of a run that was killed, or damaged
            continue
    with replacing(path) as file:
        file.writelines(f"{line}\n" for line in kept)
