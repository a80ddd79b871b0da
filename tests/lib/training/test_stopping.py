"""Signals that schedulers send: a training saves before it ends, other commands end at once and clean up."""
import contextlib
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest

from config.command import ENDING, command
from lib.checkpoint import load_checkpoint
from lib.training import step_log, stopping
from lib.training.stopping import stop_on_signal
from main import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGUSR1], [signal.SIGUSR1] * 3,
                                     [signal.SIGUSR1, signal.SIGTERM]])
def test_a_training_ends_after_the_step_in_hand_with_a_checkpoint_and_exit_code_0(run_flags, monkeypatch, capsys,
                                                                                  numbers):
    original, coming = step_log._log, list(numbers)

    def log(writer, step, figures):
        original(writer, step, figures)
        while coming:
            os.kill(os.getpid(), coming.pop())

    monkeypatch.setattr(step_log, "_log", log)
    before = [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)]
    assert main(run_flags("--max_epoch", "2", "--stat_freq", "1")) == 0
    assert f"stopped at step 1; go on with --resume {run_flags.run}" in capsys.readouterr().out
    assert load_checkpoint(run_flags.run / "last.ckpt")["step"] == 1
    assert [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)] == before


@pytest.mark.parametrize("wait,stopped", [(5.0, False), (-1.0, True)])
def test_only_a_second_signal_that_comes_later_ends_a_training_at_once(monkeypatch, wait, stopped):
    monkeypatch.setattr(stopping, "SAME", wait)
    run = Namespace(stopping=False)

    @command
    def work():
        with stop_on_signal(run):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
        return 7

    assert work() == (143 if stopped else 7) and run.stopping


@pytest.mark.parametrize("number,code", [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_command_that_a_signal_ends_says_so_and_leaves_no_half_file(tmp_path, number, code):
    code_of_it = (f"import os\nfrom config.command import command\nfrom datasets.files import replacing\n@command\n"
                  f"def main():\n    with replacing('{tmp_path}/out.txt') as file:\n        file.write('half')\n"
                  f"        os.kill(os.getpid(), {int(number)})\n        file.write('whole')\nraise SystemExit(main())")
    ended = subprocess.run([sys.executable, "-c", code_of_it], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == code and ended.stderr == f"stopped by {number.name}\n" and not list(tmp_path.iterdir())


def test_a_worker_that_was_forked_dies_of_a_signal_as_ever_and_main_goes_on():
    @command
    def main():
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(5)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert main() == -signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_to_all_processes_of_a_script_ends_its_training_with_a_checkpoint(run_flags, tmp_path):
    environment = {**os.environ, "DATA_ROOT": str(run_flags.root), "OUTPUT_DIR_ROOT": str(tmp_path / "out"),
                   "MODEL": "Res16UNet14S", "DATASET": "Scannet200VoxelizationDataset", "PYTHON": sys.executable}
    script = ["bash", "training_scripts/train_models.sh", "2", "cross_entropy", "mine", "--voxel_size", "0.05",
              "--max_epoch", "100000", "--num_workers", "1", "--num_val_workers", "0", "--val_epoch_freq", "100000"]
    run = tmp_path / "out" / "Scannet200VoxelizationDataset" / "Res16UNet14S-mine"
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with subprocess.Popen(script, cwd=ROOT, env=environment, start_new_session=True, **pipes) as process:
        while not (run / "last.ckpt").is_file() and process.poll() is None:
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGUSR1)
        try:
            printed = process.communicate(timeout=200)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0 and "stopped at step" in printed, printed
    (log,) = run.glob("*.txt")
    step = int(log.read_text().split("stopped at step ")[1].split(";")[0])
    assert load_checkpoint(run / "last.ckpt")["step"] == step
