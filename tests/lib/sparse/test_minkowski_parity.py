"""MinkowskiEngine itself against ours: the same state dict and voxels give the same outputs and gradients.

Skipped where MinkowskiEngine is not installed; `bash training_scripts/install_minkowski.sh` builds it for the CPU.
"""
import pytest
import torch

import lib.sparse
from config.config import get_config
from lib.execution import build_execution, import_minkowski
from lib.inference.predict import run_inference
from lib.training.trainer import train
from models import build_model

try:
    minkowski = import_minkowski()
except ValueError as error:
    pytest.skip(str(error), allow_module_level=True)



@pytest.fixture(scope="module")
def voxels():
    """(N, 4) voxels of two scenes: floors and walls with holes, and their features (N, 3)."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.meshgrid(torch.arange(-13, 17), torch.arange(-9, 18), indexing="ij")
    x, y, zero = x.flatten(), y.flatten(), torch.zeros(x.numel(), dtype=torch.long)
    room = torch.cat([torch.stack([x, y, zero - 5], 1), torch.stack([x, zero - 9, y + 4], 1)]).unique(dim=0)
    scenes = [torch.nn.functional.pad(room[torch.rand(len(room), generator=generator) < 0.8], (1, 0), value=i)
              for i in range(2)]
    coordinates = torch.cat(scenes).int().contiguous()
    return coordinates, torch.rand(len(coordinates), 3, generator=generator) - 0.5


def run(engine, network, coordinates, features):
    """Logits and the gradient of every parameter after a pass through the network."""
    network.zero_grad()
    out = network(engine.SparseTensor(features=features, coordinates=coordinates)).F
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(out.dtype)
    (out * weights).sum().backward()
    return out.detach(), {name: p.grad for name, p in network.named_parameters()}


def difference(ours, theirs):
    """Relative, Frobenius norm."""
    return ((ours - theirs).norm() / theirs.norm().clamp(min=1e-30)).item()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("model", ["Res16UNet34C", "Res16UNet34D"])
@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_outputs_and_gradients_are_minkowski_engines(voxels, model, dtype, tolerance, training):
    """In float32 the norms' biases keep values away from 0: where rounding decides a ReLU, gradients jump."""
    coordinates, features = voxels
    torch.manual_seed(0)
    ours = build_model(model, 3, 200).to(dtype).train(training)
    if dtype == torch.float32:
        for name, parameter in ours.named_parameters():
            if name.endswith("bn.bias"):
                torch.nn.init.constant_(parameter, 5)
    theirs = build_model(model, 3, 200, engine=minkowski).to(dtype).train(training)
    theirs.load_state_dict(ours.state_dict())
    (out, grads), (their_out, their_grads) = (
        run(engine, network, coordinates, features.to(dtype))
        for engine, network in ((lib.sparse, ours), (minkowski, theirs)))
    assert difference(out, their_out) < tolerance
    errors = {name: difference(grads[name], their_grads[name]) for name in grads}
    assert max(errors.values()) < tolerance, max(errors.items(), key=lambda item: item[1])
    for (name, ours_now), theirs_now in zip(ours.named_buffers(), theirs.buffers()):
        assert difference(ours_now.double(), theirs_now.double()) < tolerance, name


@pytest.mark.parametrize("writer,reader", [("auto", "minkowski"), ("minkowski", "auto")])
def test_checkpoints_of_one_engine_load_under_the_other(run_flags, writer, reader):
    train(get_config(run_flags("--max_iter", "1", "--sparse_engine", writer)))
    checkpoint = str(run_flags.run / "last.ckpt")
    scores = [run_inference(get_config(run_flags("--is_train", "False", "--weights", checkpoint, "--sparse_engine",
                                                 engine))).points.counts for engine in (writer, reader)]
    assert torch.equal(*scores)


def test_bf16_is_refused(run_flags):
    with pytest.raises(ValueError, match="--precision bf16: MinkowskiEngine computes in float32 only"):
        build_execution("minkowski", "bf16")
