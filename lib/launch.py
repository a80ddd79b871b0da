"""Starts a program as several processes, with the agent of torchrun: `launch(["main.py", "--lr", "1"], processes=2)`.

What it adds to torchrun: signals are passed on and then waited for, so that a training saves before it ends; threads
are divided; and of a failure one line is printed.
"""
import contextlib
import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Sequence

import torch.distributed.elastic.rendezvous.registry as registry
from torch.distributed.elastic.agent.server.api import WorkerSpec, WorkerState
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.rendezvous import RendezvousParameters

from lib.distributed import LOST, machines, whole_number

PASSED_ON = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]
JOIN_SECONDS = 900  # that machines wait for each other


def launch(command: Sequence[str], processes: int) -> int:
    """Run a Python file with its arguments as so many processes on this machine, one of NNODES; returns an exit code.

    Machines find each other by MASTER_ADDR and MASTER_PORT, and each has its NODE_RANK, 0 being at MASTER_ADDR. Raises
    ValueError where these are missing.
    """
    count = machines()
    if count == 1:
        meeting = dict(backend="c10d", endpoint="localhost:0", is_host=True, local_addr="localhost")
    elif not os.environ.get("MASTER_ADDR") or not os.environ.get("NODE_RANK"):
        raise ValueError(f"NNODES={count}: set MASTER_ADDR to the first machine's address and NODE_RANK to this "
                         f"one's number, 0..{count - 1}, on each")
    else:
        meeting = dict(backend="static", rank=whole_number("NODE_RANK", 0, 0),
                       endpoint=f"{os.environ['MASTER_ADDR']}:{whole_number('MASTER_PORT', 29500, 1)}")
    meeting |= dict(run_id=str(uuid.uuid4()) if count == 1 else "run", min_nodes=count, max_nodes=count,
                    timeout=JOIN_SECONDS)
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // processes)))
    os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = "SIGQUIT"  # at which it kills; those of PASSED_ON are ours
    spec = WorkerSpec(role="run", local_world_size=processes, entrypoint=sys.executable, args=("-u", *command),
                      rdzv_handler=registry.get_rendezvous_handler(RendezvousParameters(**meeting)), max_restarts=0,
                      monitor_interval=0.2, local_addr=meeting.get("local_addr"))
    with tempfile.TemporaryDirectory() as logs:  # of which nothing is kept
        agent = LocalElasticAgent(spec, DefaultLogsSpecs(log_dir=logs))
        handlers = {number: signal.signal(number, _pass_on(agent)) for number in PASSED_ON}
        try:
            result = agent.run()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if result.state == WorkerState.SUCCEEDED:
        return 0
    return _say_why(result.failures, processes)


def _pass_on(agent: LocalElasticAgent):
    """A signal handler that lets the processes have the signal, and waits for what they make of it; before there are
    any it ends the program."""
    def handler(number: int, _frame) -> None:
        started = [worker.id for worker in agent.get_worker_group().workers if worker.id]
        if not started:
            raise SystemExit(128 + number)
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    return handler


def _say_why(failures: dict, processes: int) -> int:
    """Print why a run ended where no process could say so itself; returns its exit code."""
    codes = [failure.exitcode for failure in failures.values()]
    first = min(failures.values(), key=lambda failure: (failure.exitcode == LOST, failure.timestamp))
    if first.exitcode == -signal.SIGTERM and LOST in codes:
        return 1  # it had said its reason, and was ended when those that had lost it were gone
    if first.exitcode < 0:
        print(f"error: process {first.local_rank} of {processes} was killed by {signal.Signals(-first.exitcode).name}; "
              "the others were ended", file=sys.stderr)
    elif first.exitcode == LOST:
        print("error: a process on another machine has ended, where the reason is said; those here were ended",
              file=sys.stderr)
    return 1 if first.exitcode < 0 or first.exitcode == LOST else first.exitcode


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
