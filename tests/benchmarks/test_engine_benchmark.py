"""benchmarks.engine: what it counts, what it leaves out and how it says so."""
from dataclasses import replace
from statistics import mean
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

import lib.sparse as ME
from benchmarks import engine, inputs, layers, timing
from benchmarks.case import Case, choose, times_of
from benchmarks.inputs import input_of, make_inputs
from tests.lib.sparse.sparse_cases import random_voxels

CPU, CUDA = torch.device("cpu"), torch.cuda.is_available()
MODEL = "Res16UNet14S"


@pytest.fixture(autouse=True)
def restore():
    """Leave the engine, torch's precision and the thread count as they were."""
    yield
    ME.set_engine("auto")
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("highest")


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """A file with ten small rooms of random voxels."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("rooms") / "rooms.npz"
    np.savez(file, **{str(i): random_voxels(1, 9, low=i).numpy()[:, 1:] for i in range(inputs.ROOMS)})
    return file


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs the command in this process and returns what it printed and said."""
    monkeypatch.setattr(engine, "keep_freed_memory", lambda: None)  # for good: not in a process of tests
    monkeypatch.setattr(inputs, "_rooms", {})
    monkeypatch.setattr(engine, "gemm_rate", lambda dtype, device: 100.0)  # these take seconds
    monkeypatch.setattr(engine, "copy_rate", lambda device: 10.0)

    def command(*arguments):
        monkeypatch.setattr("sys.argv", ["engine", "--models", MODEL, *map(str, arguments)])
        engine.main()
        return capsys.readouterr()

    return command


def table(text):
    """Rows of a Markdown table by column."""
    header, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert len(header) == len(rule) and all(len(row) == len(header) for row in rows)
    return [dict(zip(header, row)) for row in rows]


def test_one_row_an_engine_and_precision_with_every_figure(run, rooms):
    printed = run("--voxels", 900, "--threads", 1, "--engines", "reference", "spconv_triton", "minkowski",
                  "--precisions", "float32", "bf16", "--repeats", 1, "--rooms", rooms)
    rows = [row for row in table(printed.out) if row["engine"] == "reference"]
    assert [(row["voxels"], row["precision"]) for row in rows] == [("900", "float32"), ("900", "bf16")]
    assert all(float(row[name]) > 0 for row in rows for name in ("forward ms", "fwd+bwd ms", "TFLOP/s", "GB/s"))
    assert all(row[name].endswith("%") for row in rows for name in ("of GEMM", "of copy", "3x3x3 of GEMM"))
    assert printed.err.count("left out, spconv_triton") == 1 and "pip install spconv-triton" in printed.err
    assert "logits" in printed.err and "best copy" in printed.err


def test_work_of_a_network_is_that_of_its_convolutions():
    batch = input_of(random_voxels(extent=10), CPU)
    case = Case("reference", "float32", MODEL, CPU)
    found, whole = case.trace(batch)
    convolutions = [m for m in case.model.modules() if hasattr(m, "kernel")]
    assert [layer.module for layer in found] and {layer.module for layer in found} == set(convolutions)
    manager = ME.CoordinateManager(batch.coordinates)
    pairs = sum(len(rows) for rows in manager.kernel_map(1, 1, 3).inputs)
    assert found[0].pairs == pairs and found[0].gflop == 2e-9 * pairs * 3 * 16
    rows = len(batch.coordinates)
    assert found[0].gbytes(torch.float32) == 1e-9 * 4 * (rows * (3 + 16) + 27 * 3 * 16 + pairs)
    assert found[-1].pairs == rows and found[-1].gbytes(torch.bfloat16) == 2e-9 * (rows * (64 + 200) + 64 * 200)
    parts = times_of(found, whole)
    convolving = sum(timing.between(layer.started, layer.ended) for layer in found)
    assert 0 < parts["3x3x3"] < convolving and 0 < parts["other"] < whole - convolving
    down = [(1, 2, 2, 1), (2, 4, 2, 1), (4, 8, 2, 1), (8, 16, 2, 1)]
    assert set(case.maps) == {*down, *((s, s, 3, 1) for s in (1, 2, 4, 8, 16))}


@pytest.mark.parametrize("name", ["reference", "cpu", "triton"])
def test_the_maps_that_are_timed_are_those_that_a_pass_makes(name):
    try:
        case = Case(name, "float32", MODEL, torch.device("cuda" if name == "triton" and CUDA else "cpu"))
    except ValueError as error:
        pytest.skip(str(error))
    batch = input_of(random_voxels(extent=4), case.device)
    case.trace(batch)
    used = replace(batch, maps=ME.CoordinateManager(batch.coordinates))
    case.infer(used)
    ours, theirs = case.build_maps(batch).plan(), used.maps.plan()
    assert ours.strides == theirs.strides
    assert {key: set(names) for key, names in ours.kernel_maps.items()} == \
        {key: set(names) for key, names in theirs.kernel_maps.items()}


def test_gradients_that_are_timed_do_not_shrink_with_the_voxels(monkeypatch):
    batch = input_of(random_voxels(extent=10), CPU)
    case = Case("reference", "float32", MODEL, CPU)
    logits = choose("reference", "float32")(case.model.train(), batch).detach()
    monkeypatch.setattr(case.model, "zero_grad", lambda: None)
    case.train(batch)
    expected = (logits.softmax(1) - functional.one_hot(batch.labels, inputs.CLASSES)).sum(0, keepdim=True)
    torch.testing.assert_close(case.model.final.bias.grad, expected, rtol=1e-3, atol=1e-3)


def test_a_trace_holds_the_time_of_convolutions_that_wait_for_their_norm():
    try:
        case = Case("cpu", "float32", MODEL, CPU)
    except ValueError as error:
        pytest.skip(str(error))
    batch = input_of(random_voxels(extent=24), CPU)
    for _ in range(2):  # the first warms up
        found, whole = case.trace(batch)
    assert times_of(found, whole)["3x3x3"] > whole / 4


def test_every_distinct_layer_is_timed_once(rooms, monkeypatch):
    monkeypatch.setattr(inputs, "_rooms", {})
    monkeypatch.setattr(layers, "mean_seconds", lambda calls, device: mean(timing.seconds(c, device) for c in calls))
    inputs.keep_rooms(rooms)
    batches = make_inputs(300, 2, CPU)
    assert not torch.equal(batches[0].coordinates, batches[1].coordinates)
    case = Case("reference", "bf16", "Res16UNet18S", CPU)
    rows = [dict(zip(layers.HEADER[4:], row)) for row in layers.layer_rows(case, batches, 100.0, 10.0)]
    keys = [(row["layer"], row["stride"], row["channels"]) for row in rows]
    assert len(set(keys)) == len(keys) and all(len(row) == len(layers.HEADER) - 4 for row in rows)
    assert sum(row["times"] for row in rows) == len(case.trace(batches[0])[0])
    assert keys[0] == ("3^3", 1, "3 > 32") and ("2^3 up", 16, "256 > 128") in keys and keys[-1][0] == "1^3"


def test_calls_are_made_in_turn_and_their_mean_is_told(monkeypatch):
    clock, order = [0.0], []

    def call(name, cost):
        order.append(name)
        clock[0] += cost

    monkeypatch.setattr(timing, "stamp", lambda device: clock[0])
    calls = [lambda: call("a", 0.001), lambda: call("b", 0.003)]
    assert timing.mean_seconds(calls, CPU) == pytest.approx(0.002)
    assert order == ["a", "b"] * (len(order) // 2) and len(order) == 2 * (2 + 3 * 5)


def test_a_case_that_computes_something_else_is_left_out(capsys):
    batch = input_of(random_voxels(extent=16), CPU)  # batch norm over a few voxels would be chaotic in bf16
    cases = engine.make_cases(SimpleNamespace(
        keys=[("reference", "float32"), ("reference", "bf16")], activation_checkpointing=True), MODEL, CPU)
    engine.check(cases, batch)
    assert len(cases) == 2 and "reference bf16: logits" in capsys.readouterr().err
    with torch.no_grad():
        for parameter in cases["reference", "bf16"].model.parameters():
            parameter.copy_(parameter.flip(0))  # offsets in another order
    engine.check(cases, batch)
    assert list(cases) == [("reference", "float32")]
    error = capsys.readouterr().err
    assert "# left out, reference bf16: its logits are" in error and error.count("\n") == 1


def test_what_runs_out_of_memory_is_left_out_and_what_is_broken_is_not(capsys):
    def fail(error):
        raise error

    cases = engine.Cases({("cpu", "float32"): None, ("spconv", "fp16"): None})
    assert cases.attempt(("spconv", "fp16"), fail, KeyError("an API that changed")) is None
    assert cases.attempt(("cpu", "float32"), fail, torch.OutOfMemoryError("CUDA out of memory. Tried to")) is None
    assert not cases
    assert capsys.readouterr().err == ("# left out, spconv fp16: KeyError: 'an API that changed'\n"
                                       "# left out, cpu float32: out of memory\n")
    with pytest.raises(ZeroDivisionError):
        cases.attempt(("cpu", "float32"), fail, ZeroDivisionError())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_device_cuda_is_refused_in_one_line(run):
    with pytest.raises(SystemExit, match="^error: --device cuda: torch sees no GPU here"):
        run("--device", "cuda")
