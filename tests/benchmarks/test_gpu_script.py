"""benchmarks/gpu.sh without a GPU, and with an interpreter that pretends to have one."""
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, **environment):
    return subprocess.run(["bash", str(ROOT / "benchmarks" / "gpu.sh"), *map(str, arguments)], text=True,
                          capture_output=True, env=os.environ | {key: str(value) for key, value in environment.items()})


@pytest.fixture
def pretender(tmp_path):
    """An interpreter that says what it is asked for; the kernel tests fail and the layers take long."""
    file = tmp_path / "python"
    file.write_text("#!/bin/sh\necho \"called: $*\"\ncase \"$*\" in\n"
                    "  *--ignore*) ;;\n"
                    "  *test_sparse_triton.py*) exit 3 ;;\n"
                    "  *--per_layer*) trap 'echo stopped in time; exit 1' INT; while :; do sleep 0.2; done ;;\nesac\n")
    file.chmod(0o755)
    return file


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_stops_at_once_with_one_line(tmp_path):
    result = run(tmp_path / "new" / "gpu.txt", PYTHON="no-such-python")
    assert result.returncode == 1 and result.stdout == "" and not (tmp_path / "new").exists()
    assert result.stderr.startswith("error: no-such-python has no torch that sees a GPU") and \
        result.stderr.count("\n") == 1


def test_a_part_that_fails_or_takes_too_long_does_not_stop_the_next(pretender, tmp_path):
    output = tmp_path / "new" / "gpu.txt"
    result = run(output, PYTHON=pretender, LIMIT=8)
    assert result.returncode == 1 and output.read_text() == result.stdout
    parts = [line.split("  ")[1] for line in result.stdout.splitlines() if line.startswith("== ")]
    assert parts[0] == "kernels against the reference" and parts[-2] == "all other tests" and len(parts) >= 8
    failed = result.stdout.split("parts failed:\n")[1].splitlines()
    assert [line.strip() for line in failed[:2]] == ["kernels against the reference (exit code 3)",
                                                     "layer by layer (stopped after its time)"]
    assert "stopped in time" in result.stdout  # as pytest, it may still say what it has found
    assert all(line.endswith("(no time left)") for line in failed[2:]) and "whole networks" not in "".join(failed)


def test_everything_is_asked_for_and_success_is_told(pretender, tmp_path):
    pretender.write_text("#!/bin/sh\necho \"called: $*\"\n")
    result = run(tmp_path / "gpu.txt", PYTHON=pretender)
    assert result.returncode == 0 and result.stdout.endswith("all parts went through\n")
    for words in ("--models Res16UNet34C Res16UNet34D --precisions bf16 tf32 fp16", "--voxels 800000", "--per_layer",
                  "--voxels 50000 100000 200000 500000 1000000 2000000", "triton spconv spconv_triton warpconvnet"):
        assert any("called:" in line and words in line for line in result.stdout.splitlines()), words
    scenes, steps = (int(re.search(f"called: .*--{name} (\\d+)", result.stdout)[1]) for name in ("train", "steps"))
    assert scenes >= 8 * (5 + steps)  # batch size and warm-up of the benchmark: all in one epoch
