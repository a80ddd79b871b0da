"""Precision, checkpointed activations and the choice of the engine, as a stage runs its network."""
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import lib.sparse
from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from lib.execution import build_execution
from lib.sparse.paths import reference
from lib.stages import build_stage
from models import build_model

SCANNET200 = load_label_set()

ROOT = Path(__file__).resolve().parents[2]


def room(extent=9):
    voxels = (torch.rand(2, extent, extent, extent) < 0.3).nonzero().int().contiguous()
    return lib.sparse.SparseTensor(torch.rand(len(voxels), 3) - 0.5, voxels)


def step(config):
    """Logits of a batch and the gradients of its loss, batch norm as in evaluation: on few voxels it is chaotic."""
    torch.manual_seed(0)
    stage = build_stage(config, label_set=SCANNET200).eval()
    batch = next(iter(build_loader(config, "train", training=True, label_set=SCANNET200)))
    logits = stage(batch)
    stage.criterion(logits, batch.labels).backward()
    return logits.detach(), torch.cat([p.grad.flatten() for p in stage.parameters() if p.grad is not None])


@pytest.mark.parametrize("engine,half", [("reference", "bf16"), ("auto", "bf16"), ("auto", "fp16")])
def test_half_types_give_float32_logits_and_gradients_near_float32s(run_flags, engine, half):
    (logits, grad), (near, near_grad) = (
        step(get_config(run_flags("--precision", precision, "--sparse_engine", engine)))
        for precision in ("float32", half))
    assert near.dtype == near_grad.dtype == torch.float32 and not torch.equal(logits, near)
    assert (logits - near).norm() / logits.norm() < 0.01
    assert torch.nn.functional.cosine_similarity(grad, near_grad, dim=0) > 0.99


@pytest.mark.parametrize("model", ["Res16UNet18S", "Res16UNet50"])
@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_activation_checkpointing_changes_no_output_gradient_or_statistic(engine, model):
    lib.sparse.set_engine(engine)
    x, results = room(), []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        network = build_model(model, 3, 20, activation_checkpointing=checkpointing).train()
        out = network(lib.sparse.SparseTensor(x.F, x.C)).F
        out.square().mean().backward()
        results.append([out.detach(), *(p.grad for p in network.parameters()), *network.buffers()])
    lib.sparse.set_engine("auto")
    assert all(torch.equal(a, b) for a, b in zip(*results))


def test_activation_checkpointing_keeps_fewer_tensors_for_backward():
    kept = {}
    for checkpointing in (False, True):
        network = build_model("Res16UNet18S", 3, 20, activation_checkpointing=checkpointing).train()
        kept[checkpointing] = 0

        def count(tensor, key=checkpointing):
            kept[key] += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            network(room())
    assert kept[True] < 0.5 * kept[False]


def test_minkowski_that_is_not_installed_names_its_installer(monkeypatch):
    monkeypatch.setitem(sys.modules, "MinkowskiEngine", None)
    with pytest.raises(ValueError, match="install_minkowski.sh"):
        build_execution("minkowski")


def test_fp16_on_a_cpu_says_once_that_the_reference_path_serves(caplog):
    lib.sparse.chooser._say.cache_clear()
    for _ in range(2):
        assert lib.sparse.chooser.path_of(torch.zeros(1, dtype=torch.float16)) is reference
    assert [record.message for record in caplog.records] == [
        "sparse convolution in float16 on a CPU uses the slower reference path: bfloat16 and float32 are compiled"]


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="--precision fp8: no such precision"):
        build_execution("auto", "fp8")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_freed_memory_serves_the_next_tensor_without_new_pages():
    code = ("import sys; sys.path.insert(0, sys.argv[1]); import resource, torch; from lib.memory import *\n"
            "if len(sys.argv) > 2: assert keep_freed_memory()\n"
            "for i in range(40):\n"  # the heap settles after some
            "    if i == 30: before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
            "    torch.ones(20_000_000)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)")
    faults = [int(subprocess.run([sys.executable, "-c", code, str(ROOT), *more], capture_output=True, text=True,
                                 check=True).stdout) for more in ([], ["keep"])]
    assert faults[1] < 0.1 * faults[0]
