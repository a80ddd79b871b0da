"""How cells run: each by its script, side by side, what is done not again, what was cut off from where it stood.

    runner = Runner(budget, data, out, jobs=2); failed = runner.run(jobs_of(budget))

`<out>/runs` holds the trainings, `<out>/done/<cell>-<seed>.json` says of a finished one its command and its cost.
"""
import fcntl
import functools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.experiments.cells import CELLS, Budget
from datasets.files import replacing
from lib.training.run_record import ROOT, git_state

SCRIPTS = {1: "text_representation_train.sh", 2: "train_models.sh", 3: "fine_tune_classifier.sh"}
Job = tuple[str, int]  # cell, seed


@functools.cache
def version() -> str:
    """The commit that the code is of, with a plus where files differ from it; "" where that is not known."""
    state = git_state()
    return state["commit"][:7] + ("+" if state["changed_files"] else "") if state else ""


@dataclass
class Runner:
    """data: dataset root. out: the budget's folder. threads: of each training."""
    budget: Budget
    data: Path
    out: Path
    jobs: int = 1
    threads: int = 1
    stopped: bool = False
    processes: dict[Job, subprocess.Popen] = field(default_factory=dict)

    def folder(self, cell: str, seed: int) -> Path:
        """Where a job's training writes."""
        kind = CELLS[cell]
        dataset = self.budget.datasets[kind.stage > 1]
        tuned = "finetune-" if kind.stage == 3 else ""
        return self.out / "runs" / dataset / f"{self.budget.model}-{tuned}{cell}-{seed}"

    def note(self, cell: str, seed: int) -> Path:
        """The file that says that a job is done."""
        return self.out / "done" / f"{cell}-{seed}.json"

    def command(self, cell: str, seed: int) -> tuple[list[str], dict[str, str]]:
        """The script's command line, and the environment variables that it is given."""
        kind, budget = CELLS[cell], self.budget
        words = [str(budget.batch)]
        if kind.stage > 1:
            words.append(kind.loss)
        if kind.stage == 3:
            words.append(str(kind.tail))
        words += [f"{cell}-{seed}", *budget.arguments(kind, seed)]
        if kind.stage == 1:
            words += ["--embedding_loss_type", kind.loss]
        text, segmentation = budget.datasets
        variables = {"DATA_ROOT": str(self.data), "OUTPUT_DIR_ROOT": str(self.out / "runs"), "MODEL": budget.model,
                     "DATASET": segmentation, "TEXT_DATASET": text, "PRETRAINED_WEIGHTS": "none"}
        if kind.start:
            variables["PRETRAINED_WEIGHTS"] = str(self.folder(kind.start, seed) / "best.ckpt")
        return ["bash", str(ROOT / "training_scripts" / SCRIPTS[kind.stage]), *words], variables

    def train(self, cell: str, seed: int) -> None:
        """Run a job unless it is done. Raises ValueError with the last line that the script printed where it fails.

        A training that outlived a killed command holds the job's lock: this one then waits for it.
        """
        note, folder = self.note(cell, seed), self.folder(cell, seed)
        note.parent.mkdir(parents=True, exist_ok=True)
        with open(note.with_suffix(".lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if note.is_file():
                return
            command, variables = self.command(cell, seed)
            resumed = ["--resume", str(folder)] if (folder / "last.ckpt").is_file() else []
            log, clock = note.with_suffix(".log"), note.with_suffix(".seconds")
            threads = {"OMP_NUM_THREADS": str(self.threads), "PYTHON": sys.executable}
            start = time.perf_counter()
            with open(log, "a", encoding="utf-8") as output:
                process = subprocess.Popen([*command, *resumed], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                           cwd=ROOT, env={**os.environ, **variables, **threads},
                                           pass_fds=[lock.fileno()], start_new_session=True)
                self.processes[cell, seed] = process
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                del self.processes[cell, seed]
            with open(clock, "a", encoding="utf-8") as file:  # of every start that this command saw end
                file.write(f"{time.perf_counter() - start:.2f} {usage.ru_utime + usage.ru_stime:.2f}\n")
            words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if (self.stopped and process.returncode) or any(line.startswith("stopped at step") for line in words[-3:]):
                raise ValueError("stopped; the same command goes on")
            if process.returncode or not (folder / "confusion.npz").is_file():
                raise ValueError(f"{folder}: {command[1]} ended with {process.returncode}: "
                                 f"{words[-1] if words else 'no message'}; everything it said is in {log}")
            spent = [[float(word) for word in line.split()] for line in clock.read_text().splitlines()]
            with replacing(note) as file:
                json.dump({"command": shlex.join(command), "environment": variables, "threads": self.threads,
                           "version": version(), "seconds": round(sum(row[0] for row in spent), 1),
                           "processor_seconds": round(sum(row[1] for row in spent), 1), "starts": len(spent)}, file,
                          indent=1)

    def run(self, jobs: list[Job]) -> dict[Job, str]:
        """Run all jobs, each after what it starts from. Returns those that failed, and why."""
        waiting, running, failed = list(jobs), {}, {}
        with ThreadPoolExecutor(self.jobs) as pool:
            while waiting or running:
                for job in list(waiting):
                    start = (CELLS[job[0]].start, job[1])
                    if self.stopped or start in failed:
                        failed[job] = "stopped" if self.stopped else f"{start[0]}, seed {start[1]}, failed"
                        waiting.remove(job)
                    elif len(running) < self.jobs and (start[0] is None or start not in jobs
                                                       or self.note(*start).is_file()):
                        waiting.remove(job)
                        running[pool.submit(self.train, *job)] = job
                for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done if running else ():
                    job = running.pop(future)
                    if error := future.exception():
                        failed[job] = str(error)
                    done = sum(self.note(*other).is_file() for other in jobs)
                    print(f"{done}/{len(jobs)} {job[0]}, seed {job[1]}: {failed.get(job, 'done')}", flush=True)
        return failed

    def stop(self, *_) -> None:
        """Begin no further training, and end those in hand after the step they are at."""
        self.stopped = True
        for process in list(self.processes.values()):
            os.killpg(process.pid, signal.SIGTERM)
