"""Maps made before the step: the same maps, outputs, gradients and batches as without, and one wait for all of them."""
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import lib.sparse as ME
from config.config import get_config
from datasets.loader import Batch
from lib import prefetch
from lib.execution import Execution
from lib.memory import tensors_of
from lib.prefetch import Prefetcher
from lib.sparse.coordinates import CoordinateManager
from lib.sparse.paths import gpu
from lib.training import trainer
from lib.training.run_log import RunLog
from main import main
from tests.lib.sparse.sparse_cases import COORDINATES, random_voxels

CUDA = torch.cuda.is_available()
ENGINES = ("auto", "reference", pytest.param("triton", marks=pytest.mark.skipif(
    not (gpu.interpreted() or CUDA), reason="no Triton")))


@pytest.fixture(autouse=True)
def restore():
    yield
    ME.set_engine("auto")


class Waits(TorchDispatchMode):
    """Notes operations whose result the host of a GPU must wait for: their shape or value depends on the data."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        masks = [x for x in (arguments[1] if len(arguments) > 1 and isinstance(arguments[1], list | tuple) else ())
                 if isinstance(x, torch.Tensor) and x.dtype == torch.bool]
        words = ("_local_scalar", "nonzero", "unique", "masked_select", "bincount", "aten::equal")
        if any(word in str(function) for word in words) or (masks and "index" in str(function)):
            self.found.append(str(function))
        return function(*arguments, **options or {})


class Net(nn.Module):
    """Down two strides, up one, with a dilated and a pointwise layer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            ME.MinkowskiConvolution(3, 4, kernel_size=3), ME.MinkowskiConvolution(4, 6, kernel_size=2, stride=2),
            ME.MinkowskiConvolution(6, 6, kernel_size=3, dilation=2),
            ME.MinkowskiConvolution(6, 8, kernel_size=2, stride=2),
            ME.MinkowskiConvolutionTranspose(8, 5, kernel_size=2, stride=2),
            ME.MinkowskiConvolution(5, 2, kernel_size=1))

    def forward(self, x):
        return self.layers(x)


def batches(count=3, extent=7):
    for i in range(count):
        voxels = random_voxels(extent=extent)
        yield Batch(voxels, torch.randn(len(voxels), 3), torch.zeros(len(voxels), dtype=torch.int64), None, None, [1],
                    [f"scene{i}"])


def results(net, loader):
    """Of every batch: its scene, its output and the gradients it gives."""
    for batch in loader:
        net.zero_grad()
        before = batch.maps and batch.maps.plan()
        out = Execution()(net, batch)
        out.square().sum().backward()
        yield batch, before, [out.detach(), *(p.grad.clone() for p in net.parameters())]


@pytest.mark.parametrize("engine", ENGINES)
def test_replayed_maps_change_no_output_and_no_gradient_and_nothing_is_left_to_build(engine):
    ME.set_engine(engine)
    device = torch.device("cuda" if CUDA and engine == "triton" else "cpu")
    net, given = Net().to(device), list(batches())
    plain = list(results(net, [batch.to(device) for batch in given]))
    ahead = list(results(net, Prefetcher(given, device, maps=True)))
    assert [batch.scenes for batch, _, _ in plain] == [batch.scenes for batch, _, _ in ahead]
    for (_, none, ours), (_, _, theirs) in zip(plain, ahead, strict=True):
        assert none is None and all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    plans = [(before, batch.maps.plan()) for batch, before, _ in ahead]
    assert plans[0][0].kernel_maps == {} and len(plans[0][1].kernel_maps) == 4
    assert all(before == after == plans[0][1] for before, after in plans[1:])


@pytest.mark.parametrize("where", COORDINATES)
def test_planned_maps_are_the_ones_made_on_demand(where):
    coordinates = COORDINATES[where]()
    lazy = CoordinateManager(coordinates)
    for stride in (1, 2, 4):
        assert len(lazy.kernel_map(stride, lazy.stride(stride, 2), 2).transposed().table) == 8
        lazy.kernel_map(2 * stride, 2 * stride, 3)
    planned = CoordinateManager(coordinates, plan=lazy.plan())
    assert planned.plan() == lazy.plan() and set(planned._maps) == {1, 2, 4, 8}
    ours, theirs = (list(tensors_of([made._maps, made._kernel_maps])) for made in (planned, lazy))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_maps_of_a_batch_wait_for_the_device_once(monkeypatch):
    coordinates = random_voxels()
    manager = CoordinateManager(coordinates)
    for stride in (1, 2, 4, 8):
        manager.kernel_map(stride, manager.stride(stride, 2), 2)
        manager.kernel_map(stride, stride, 3)
    plan, copies, copy = manager.plan(), [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: copies.append(tensor) or copy(tensor))
    with Waits() as waits:
        CoordinateManager(coordinates, plan=plan)
    assert waits.found == [] and len(copies) == 1
    with Waits() as waits:
        CoordinateManager(coordinates).stride(1, 2)
    assert waits.found == ["aten.nonzero.default"]


@pytest.mark.parametrize("rows,words", [([[0, 1, 2, 3]] * 3 + [[0, 0, 0, 0]], r"twice, 2 of 4, e.g. \[0, 1, 2, 3\]"),
                                        ([[0, -2**31, 0, 0], [9, 2**31 - 1, 5, 5]], "")])
def test_a_plan_keeps_the_checks_of_coordinates(rows, words):
    plan = ME.SparseTensor(torch.zeros(1, 1), torch.zeros(1, 4, dtype=torch.int32)).coordinate_manager
    plan.stride(1, 4)
    rows = torch.tensor(rows, dtype=torch.int32)
    if words:
        with pytest.raises(ValueError, match=words):
            CoordinateManager(rows, plan=plan.plan())
    else:
        assert len(CoordinateManager(rows, plan=plan.plan()).coordinates(4)) == len(rows)


def test_batches_keep_their_order_and_number_and_the_loaders_errors_pass_through():
    def failing():
        yield from batches(2)
        raise ValueError("scene 3 cannot be read")

    for maps in (True, False):
        seen = []
        with pytest.raises(ValueError, match="scene 3 cannot be read"):
            for batch in Prefetcher(failing(), torch.device("cpu"), maps=maps):
                seen += batch.scenes
        assert seen == ["scene0", "scene1"]
    assert len(Prefetcher(list(batches(2)), torch.device("cpu"))) == 2


def test_prefetchers_of_a_device_share_a_stream(monkeypatch):
    """Freed memory is kept for the stream it was used on: one a validation would keep that of many batches."""
    prefetch._side_stream.cache_clear()
    monkeypatch.setattr(torch.cuda, "Stream", lambda device, priority: object())
    streams = [Prefetcher([], torch.device(name))._stream for name in ("cuda", "cuda", "cpu")]
    prefetch._side_stream.cache_clear()
    assert streams[0] is streams[1] is not None and streams[2] is None


def test_a_training_with_maps_made_ahead_ends_with_the_very_same_weights(run_flags, monkeypatch, tmp_path):
    states = []
    for maps in (False, True):
        monkeypatch.setattr(trainer, "Prefetcher", lambda *given, maps=maps: Prefetcher(*given, maps=maps))
        run = trainer.Training(get_config(run_flags("--max_epoch", "2", "--batch_size", "1")))
        with RunLog(tmp_path / "log") as writer:
            for _ in range(2):
                trainer.train_one_epoch(run, writer)
        assert (run.train_batches.batches._plan is not None) == maps
        states.append(run.stage.state_dict())
    exactly = {} if CUDA else dict(rtol=0, atol=0)
    torch.testing.assert_close(states[1], states[0], **exactly)


LOSSES = {
    "focal, SGD": ("--loss_type", "focal", "--optimizer", "SGD"),
    "cross entropy, Muon": ("--optimizer", "Muon"),
    "contrast, AdamW": ("--use_embedding_loss", "True", "--optimizer", "AdamW"),
    "hard negatives": ("--use_embedding_loss", "True", "--negative_sampling", "hard", "--held_out_classes", "chair"),
    "contrast_ce": ("--use_embedding_loss", "True", "--embedding_loss_type", "contrast_ce", "--learned_projection",
                    "True"),
    "l2": ("--use_embedding_loss", "True", "--embedding_loss_type", "l2"),
    "pointsupcon": ("--use_embedding_loss", "True", "--embedding_loss_type", "pointsupcon", "--supcon_points", "64"),
    "two batches a step": ("--iter_size", "2", "--activation_checkpointing", "True"),
    "SGD, fp16": ("--optimizer", "SGD", "--precision", "fp16"),
    "Adam, fp16": ("--precision", "fp16"),
    "Muon, fp16": ("--optimizer", "Muon", "--precision", "fp16"),
}


@pytest.fixture
def anchors(tmp_path):
    import numpy as np

    from datasets.label_sets import load_label_set
    path = tmp_path / "anchors.npz"
    vectors = np.random.default_rng(0).standard_normal((200, 48)).astype(np.float32)
    np.savez(path, names=np.array(load_label_set().names), embeddings=vectors)
    (tmp_path / "weights.json").write_text("{}")
    return "--language_features_path", str(path), "--category_weights", str(tmp_path / "weights.json")


@pytest.mark.parametrize("flags", LOSSES.values(), ids=list(LOSSES))
def test_no_training_step_waits_for_the_device(flags, run_flags, anchors, monkeypatch, tmp_path):
    """All from the second batch on: forward, loss, backward, optimiser, loss scale, schedule, figures. On a GPU by
    PyTorch's own check, elsewhere by what is called on the CPU."""
    given = run_flags("--batch_size", "1", "--stat_freq", "1", *flags, *anchors)
    run = trainer.Training(get_config(given))
    waits, warm = Waits(), 2 if CUDA else 1
    steps = Prefetcher(run.train_loader, run.device, maps=True)

    def watched():
        for number, batch in enumerate(steps):
            if number < warm:  # kernels are tuned and checked; a loss scale waits for the first step taken
                yield batch
            elif CUDA:
                torch.cuda.set_sync_debug_mode("error")
                try:
                    yield batch
                finally:
                    torch.cuda.set_sync_debug_mode("default")
            else:
                with waits:
                    yield batch

    run.train_batches = watched()
    monkeypatch.setattr(trainer, "Readout", lambda device: LateReadout(device, late=True))
    with RunLog(tmp_path / "log") as writer:
        trainer.train_one_epoch(run, writer)
    assert run.progress.batch == 0 and run.progress.epoch == 1 and waits.found == []


LateReadout = trainer.Readout


def test_a_loss_found_infinite_a_step_late_stops_as_usual_and_leaves_the_checkpoints(run_flags, monkeypatch, capsys):
    assert main(run_flags("--max_epoch", "1")) == 0
    kept = {name: (run_flags.run / name).read_bytes() for name in ("last.ckpt", "best.ckpt")}
    monkeypatch.setattr(trainer, "Readout", lambda device: LateReadout(device, late=True))
    loss, scenes = trainer._loss, []

    def broken(run, batch):
        scenes.append(batch.scenes)
        return loss(run, batch) * (float("nan") if len(scenes) == bad else 1)

    monkeypatch.setattr(trainer, "_loss", broken)
    for bad in (1, 2):  # found by the step after, and at the end of the epoch
        scenes.clear()
        capsys.readouterr()
        assert main(run_flags("--max_epoch", "3", "--max_skipped_steps", "0", "--resume", str(run_flags.run))) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error == (f"error: the loss is nan at step {1 + bad} (scenes {', '.join(scenes[bad - 1])}); "
                         "lower --lr 0.01, or look at these scenes")
        assert len(scenes) == 2 and kept == {name: (run_flags.run / name).read_bytes() for name in kept}


def test_a_readout_gives_what_was_pushed_before_and_then_the_rest():
    for late in (True, False):
        readout = LateReadout(torch.device("cpu"), late)
        seen = [readout.push(i, torch.tensor([float(i), 0.5])) for i in range(3)] + [readout.flush(), readout.flush()]
        records = [[(i, [float(i), 0.5])] for i in range(3)]
        assert seen == ([[], *records, []] if late else [*records, [], []])
