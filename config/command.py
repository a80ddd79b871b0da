"""What every command line of the project ends with: `@command` above its `main`, then `sys.exit(main())`."""
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# How schedulers end a job, or say that they will.
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name)]


class Stopped(SystemExit):
    """A signal that ends the program: what is half done is cleaned away, as after an error."""


def command(main: Callable[..., int | None]) -> Callable[..., int]:
    """`main` that returns its exit code, None counting as 0.

    What a user can mend, a ValueError or an OSError, becomes one line on stderr and exit code 1; SIGTERM and SIGUSR1
    become one line and 143 and 138, as a shell says it, where `main` does not answer them itself, as a training does.
    """
    @functools.wraps(main)
    def wrapped(*arguments, **options) -> int:
        try:
            with _ended_by_signals():
                return main(*arguments, **options) or 0
        except (ValueError, OSError) as error:
            print(f"error: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
            return 1
        except Stopped as stop:
            print(f"stopped by {signal.Signals(stop.code - 128).name}", file=sys.stderr)
            return stop.code
    return wrapped


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Raise `Stopped` for a signal whose default is to end a process at once, with temporary files left behind."""
    process, installed = os.getpid(), []

    def end(number, _frame):
        if os.getpid() != process:  # a worker that was forked: it ends as it always did
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        raise Stopped(128 + number)

    if threading.current_thread() is threading.main_thread():
        installed = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in installed:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in installed:
            signal.signal(number, signal.SIG_DFL)
