"""Batch norm over the rows of three processes is that of one process over all of them, to rounding."""
import os
import socket

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing, nn

import lib.sparse
from lib.sparse.chooser import set_engine
from lib.sparse.modules import MinkowskiBatchNorm, MinkowskiReLU
from lib.sparse.sync_norm import SyncBatchNorm, synchronise, uncounted

CUTS = [(0, 1), (1, 4), (4, 40)]  # rows of each process: one, a few, many


def data():
    generator = torch.Generator().manual_seed(1)
    x, residual, grad = (torch.randn(40, 5, generator=generator) for _ in range(3))
    return x * 2 + 30, residual, grad


def layer():
    torch.manual_seed(0)
    norm = MinkowskiBatchNorm(5)
    norm.bn.weight.data.uniform_(0.5, 2)
    norm.bn.bias.data.uniform_(-1, 1)
    return nn.ModuleList([norm])


def run(layers, x, residual, grad):
    """Result, gradients of x, weight and bias, and running mean and variance."""
    x = x.clone().requires_grad_()
    coordinates = torch.tensor([[0, i, 0, 0] for i in range(len(x))], dtype=torch.int32)
    sparse = lib.sparse.SparseTensor(features=x, coordinates=coordinates)
    other = lib.sparse.SparseTensor(features=residual, coordinate_map_key=sparse.coordinate_map_key,
                                    coordinate_manager=sparse.coordinate_manager)
    out = MinkowskiReLU()(layers[0](sparse) + other).F
    out.backward(grad)
    bn = layers[0].bn
    return [out.detach(), x.grad, bn.weight.grad, bn.bias.grad, bn.running_mean.clone(), bn.running_var.clone()]


def process(rank, port, results):
    os.environ.update(MASTER_ADDR="localhost", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=4)
    torch.set_num_threads(1)
    found = {}
    for engine in ("auto", "reference"):
        set_engine(engine)
        lent = rank == 3
        begin, end = CUTS[0] if lent else CUTS[rank]
        x, residual, grad = (values[begin:end] for values in data())
        with uncounted(lent):
            found[engine] = run(synchronise(layer()), x, residual, grad * (not lent))
    results[rank] = found
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_statistics_and_gradients_are_those_of_all_rows_and_a_lent_scene_counts_for_nothing():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    with multiprocessing.get_context("spawn").Manager() as manager:
        results = manager.dict()
        multiprocessing.spawn(process, (port, results), nprocs=4)
        results = dict(results)
    for engine in ("auto", "reference"):
        set_engine(engine)
        whole = run(layer(), *data())
        set_engine("auto")
        for rank, (begin, end) in enumerate(CUTS):
            out, grad_x, *_, mean, variance = results[rank][engine]
            torch.testing.assert_close(out, whole[0][begin:end], rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(grad_x, whole[1][begin:end], rtol=1e-6, atol=1e-6)
            torch.testing.assert_close((mean, variance), (whole[4], whole[5]), rtol=1e-6, atol=0)
        for place in (2, 3):
            total = sum(results[rank][engine][place] for rank in range(4))
            torch.testing.assert_close(total, whole[place], rtol=1e-6, atol=3e-6)
        lent = results[3][engine]
        torch.testing.assert_close(lent[0], whole[0][:1])  # normalised like the others
        assert not lent[1].any() and torch.equal(lent[4], results[0][engine][4])


def test_a_network_keeps_its_parameters_and_names():
    layers = layer()
    before, names = list(layers.parameters()), list(layers.state_dict())
    synchronise(layers)
    assert type(layers[0].bn) is SyncBatchNorm and list(layers.state_dict()) == names
    assert all(one is other for one, other in zip(before, layers.parameters()))
