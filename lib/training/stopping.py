"""Signals that end a training after the step in hand: `with stop_on_signal(run): ...` sets `run.stopping`."""
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from config.command import ENDING

SAME = 5  # seconds within which a signal is taken for the first one again: schedulers and launchers send it both ways


@contextmanager
def stop_on_signal(run) -> Iterator[None]:
    """Turn the first Ctrl-C, SIGTERM or SIGUSR1 into `run.stopping = True`; one that comes later ends as it did before.

    SIGUSR1 and SIGTERM, which schedulers send one after the other, do not add up to a second.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    first: dict[int, float] = {}

    def stop(number, frame):
        run.stopping = True
        if time.monotonic() - first.setdefault(number, time.monotonic()) > SAME:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
