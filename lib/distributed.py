"""The processes of a run, by torch.distributed: one for each GPU, or several on the CPU. Of one process alone every
function here gives what it was given.

    with distributed.joined(use_gpu=True):       # from RANK, WORLD_SIZE, ... as torchrun and lib.launch set them
        total = distributed.add_up(counts)       # the same on every process
"""
import ctypes
import datetime
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import torch
import torch.distributed as dist
from torch import Tensor

OF_A_RANK = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
PATIENCE = datetime.timedelta(hours=2)  # with a process that lives: validation or a checkpoint may take as long
LOST = 75  # exit code of a process that ends because another did, whose reason is said there
GRACE = 3  # seconds that it leaves the other to end by itself: its launcher ends all at the first that it sees
_stdout: TextIO | None = None  # what a process whose print()s are muted had


def is_started() -> bool:
    """Whether this process was started as one of several, by torchrun or `lib.launch`."""
    return all(name in os.environ for name in OF_A_RANK) and int(os.environ["WORLD_SIZE"]) > 1


def machines() -> int:
    """How many machines a run is to be started on, NNODES. Raises ValueError for what is no number."""
    return whole_number("NNODES", 1, 1)


def whole_number(name: str, default: int, least: int) -> int:
    """A number from the environment. Raises ValueError for anything else."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < least:
        raise ValueError(f"{name}={text}: give a whole number, {least} or more")
    return int(text)


def rank() -> int:
    """The number of this process, 0 for the one that writes and prints."""
    return dist.get_rank() if _joined() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if _joined() else 1


def on_this_machine() -> int:
    """How many of them share this machine's memory and cores."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if _joined() else 1


def is_main() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


def backend() -> str:
    """ "nccl" or "gloo"."""
    return "nccl" if "nccl" in dist.get_backend_config() else "gloo"


def _joined() -> bool:
    return dist.is_available() and dist.is_initialized()


@contextmanager
def joined(use_gpu: bool) -> Iterator[None]:
    """Inside, this process is one of those that were started together; alone where it was started alone.

    Over NCCL where every process of this machine has a GPU of its own, else over gloo. What print() writes comes from
    rank 0 alone. Where one process fails, only its reason is said: others, which then lose it, end with code LOST.
    """
    if not is_started():
        yield
        return
    store = _join(use_gpu)
    try:
        yield
        _leave()
    except BaseException as error:
        if _is_loss(error) and not _last_to_be_lost(store) or not _first_to_fail(store):
            time.sleep(GRACE)
            sys.exit(LOST)
        raise
    finally:
        global _stdout
        sys.stdout, _stdout = _stdout or sys.stdout, None
        dist.destroy_process_group()


def _join(use_gpu: bool) -> dist.Store:
    global _stdout
    _end_with_parent()
    local, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    cards = torch.cuda.device_count() if use_gpu and torch.cuda.is_available() else 0
    if cards:
        torch.cuda.set_device(local % cards)
    kind = "cpu:gloo,cuda:nccl" if cards >= here and dist.is_nccl_available() else "gloo"
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it ends, also while it waits here for one that is dead
    store, number, count = next(dist.rendezvous("env://", timeout=datetime.timedelta(minutes=5)))
    dist.init_process_group(kind, store=store, rank=number, world_size=count, timeout=PATIENCE)
    signal.signal(signal.SIGTERM, handler)
    if number:
        _stdout, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115
    return dist.PrefixStore("ours", store)


def _leave() -> None:
    """Wait for all, as the first to end would take the others with it, and until gloo's thread has let go of the
    tensor: should it do so while Python is being shut down, the process would abort."""
    last = torch.zeros(1)
    dist.all_reduce(last)
    while last._use_count() > 1:
        time.sleep(0.001)


def _end_with_parent() -> None:
    """Let the system send SIGTERM here when whoever started this process is killed, lest it go on unseen."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _first_to_fail(store: dist.Store) -> bool:
    """Whether no other process has failed yet; what follows from a failure is not said again."""
    return _count("failures", store) == 1


def _last_to_be_lost(store: dist.Store) -> bool:
    """Whether all processes have lost each other, and this one last: the network is the reason, and has to be said."""
    return _count("lost", store) == world()


def _count(word: str, store: dist.Store) -> int:
    """How many processes have asked so far, this one among them; 0 where that cannot be known."""
    try:
        return store.add(word, 1)
    except RuntimeError:  # its host is gone
        return 0


def _is_loss(error: BaseException) -> bool:
    """Whether an error says no more than that another process is gone."""
    return isinstance(error, dist.DistError) or isinstance(error, RuntimeError) and (
        "gloo" in str(error) or "onnection closed" in str(error) or "onnection reset" in str(error))


def own_output() -> TextIO:
    """Where this process may write lines of its own, whatever its rank."""
    return _stdout or sys.stdout


def barrier() -> None:
    """Wait for all."""
    any_of(False)


def any_of(flag: bool) -> bool:
    """Whether it is so on any process."""
    if world() == 1:
        return flag
    seen = torch.tensor([int(flag)])
    dist.all_reduce(seen, dist.ReduceOp.MAX)
    return bool(seen)


def add_up(values: Tensor) -> Tensor:
    """Sum of a tensor over the processes, of its own type: counts stay exact. The tensor itself is left as it is."""
    if world() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def gather(value: Any) -> list:
    """What each process gives, in the order of ranks: anything that JSON has (floats come to the last digit)."""
    if world() == 1:
        return [value]
    own = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
    lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(world())]
    dist.all_gather(lengths, torch.tensor([len(own)]))
    texts = [torch.zeros(int(max(lengths)), dtype=torch.uint8) for _ in lengths]
    dist.all_gather(texts, torch.cat([own, own.new_zeros(len(texts[0]) - len(own))]))
    return [json.loads(bytes(text[:int(length)].numpy())) for text, length in zip(texts, lengths)]


def gather_numbers(*numbers: int) -> Tensor:
    """(world, n) int64: the numbers of each process."""
    rows = [torch.zeros(len(numbers), dtype=torch.int64) for _ in range(world())]
    if world() == 1:
        return torch.tensor([numbers])
    dist.all_gather(rows, torch.tensor(numbers))
    return torch.stack(rows)
