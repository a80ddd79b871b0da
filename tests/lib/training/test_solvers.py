"""Learning rates against closed forms and torch's own schedules. """
import copy
import io
import math
from argparse import Namespace

import pytest
import torch

from lib.training import muon
from lib.training.solvers import (
    PER_EPOCH,
    PER_ITERATION,
    build_optimizer,
    build_scaler,
    build_scheduler,
    clip_gradients,
    resume_solvers,
    take_step,
    training_length,
)


def _config(**changed):
    defaults = dict(
        optimizer="SGD", lr=0.05, sgd_momentum=0.9, sgd_dampening=0.1, adam_beta1=0.8, adam_beta2=0.99,
        weight_decay=1e-4, scheduler="MultiStepLR", max_iter=10_000_000, max_epoch=10, step_size=7,
        multi_step_milestones=[3, 5], step_gamma=0.3, poly_power=0.9, exp_gamma=0.95, exp_step_size=4.5,
        scheadule_monitor="val_miou", scheduler_min_lr=0.001, reduce_patience=2.0, precision="float32", warmup_iters=0,
        onecycle_rise=0.3,
    )  # fmt: skip
    return Namespace(**{**defaults, **changed})


def _run(config, steps_per_epoch=6, epochs=10, scores=None):
    """Learning rate in use at every iteration of a short training."""
    optimizer = build_optimizer(config, [torch.nn.Parameter(torch.ones(2))])
    scheduler = build_scheduler(config, optimizer, steps_per_epoch)
    rates = []
    for epoch in range(epochs):
        for _ in range(steps_per_epoch):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step_iteration()
        scheduler.step_epoch(scores[epoch] if scores else None)
    return rates


CLOSED_FORMS = {
    "StepLR": lambda s: 0.05 * 0.3 ** (s // 7),
    "MultiStepLR": lambda s: 0.05 * (1 if s // 6 < 3 else 0.3 if s // 6 < 5 else 0.09),
    "PolyLR": lambda s: 0.05 * (1 - s / 61) ** 0.9,
    "SquaredLR": lambda s: 0.05 * (1 - s / 61) ** 2,
    "ExpLR": lambda s: 0.05 * 0.95 ** (s / 4.5),
    "CosineAnnealingLR": lambda s: 0.05 * 0.5 * (1 + math.cos(math.pi * s / 60)),
    "OneCycleLR": lambda s: (0.002 + 0.024 * (1 - math.cos(math.pi * s / 17)) if s < 17 else  # 60 steps, 18 of them up
                             2e-7 + (0.05 - 2e-7) / 2 * (1 + math.cos(math.pi * (s - 17) / 42))),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_learning_rates_follow_the_closed_form(name):
    rates = _run(_config(scheduler=name))
    assert rates == pytest.approx([CLOSED_FORMS[name](step) for step in range(60)], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("StepLR", lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
        ("CosineAnnealingLR", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 60)),
        ("OneCycleLR", lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.05, 60, cycle_momentum=False)),
    ],
)
def test_learning_rates_match_torch(name, reference):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.05)
    scheduler, expected = reference(optimizer), []
    for _ in range(60):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert _run(_config(scheduler=name)) == pytest.approx(expected, rel=1e-9)


def test_reduce_on_plateau_waits_for_its_patience_and_stops_at_the_smallest_rate():
    scores = [0.1, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]  # better until epoch 1, then never
    rates = _run(_config(scheduler="ReduceLROnPlateau", step_gamma=0.1), steps_per_epoch=1, scores=scores)
    assert rates == pytest.approx([0.05] * 5 + [0.005] * 3 + [0.001] * 2)  # 0.0005 would be below 0.001


def test_reduce_on_plateau_takes_a_smaller_loss_for_better_and_skips_epochs_without_a_score():
    falling = [1 / (epoch + 1) for epoch in range(10)]
    config = _config(scheduler="ReduceLROnPlateau", scheadule_monitor="val_loss")
    assert set(_run(config, 1, scores=falling)) == {0.05}
    assert min(_run(_config(scheduler="ReduceLROnPlateau"), 1, scores=falling)) < 0.05
    assert set(_run(_config(scheduler="ReduceLROnPlateau"), 1, scores=[0.5] + [None] * 9)) == {0.05}


def test_length_is_the_shorter_of_iterations_and_epochs():
    assert training_length(_config(), 6) == 60
    assert training_length(_config(max_iter=25), 6) == 25
    assert training_length(_config(max_iter=1e7), 6) == 60


@pytest.mark.parametrize("rise,peak", [(0.0, 0), (0.5, 29), (1.0, 59)])
def test_one_cycle_peaks_where_it_is_told_and_never_leaves_its_range(rise, peak):
    rates = _run(_config(scheduler="OneCycleLR", onecycle_rise=rise))
    assert rates[peak] == max(rates) == pytest.approx(0.05) and min(rates) >= 0.05 / 250_001
    assert _run(_config(scheduler="OneCycleLR", max_iter=1))[0] == pytest.approx(0.05)


@pytest.mark.parametrize("name", ["PolyLR", "SquaredLR", "CosineAnnealingLR", "OneCycleLR"])
def test_rates_stay_real_and_do_not_rise_past_the_end(name):
    rates = _run(_config(scheduler=name, max_iter=20))
    assert all(isinstance(rate, float) and rate == rates[20] for rate in rates[20:])
    assert rates[20] < 0.1 * rates[0]


@pytest.mark.parametrize("name", [*CLOSED_FORMS, "ReduceLROnPlateau"])
def test_L19_a_resumed_schedule_goes_on_as_if_never_stopped(name):
    scores = [0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
    config = _config(scheduler=name)
    expected = _run(config, scores=scores)

    def step(optimizer, scheduler, epochs):
        for epoch in epochs:
            for _ in range(6):
                yield optimizer.param_groups[0]["lr"]
                optimizer.step()
                scheduler.step_iteration()
            scheduler.step_epoch(scores[epoch])

    def start():
        optimizer = build_optimizer(config, [torch.nn.Parameter(torch.ones(2))])
        return optimizer, build_scheduler(config, optimizer, 6)

    optimizer, scheduler = start()
    rates = list(step(optimizer, scheduler, range(4)))
    file = io.BytesIO()
    torch.save([optimizer.state_dict(), scheduler.state_dict()], file)
    file.seek(0)
    states = torch.load(file, weights_only=True)
    optimizer, scheduler = start()
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    rates += step(optimizer, scheduler, range(4, 10))
    assert rates == expected


@pytest.mark.parametrize("name", [*CLOSED_FORMS, "ReduceLROnPlateau"])
def test_the_rate_rises_linearly_to_the_schedules(name):
    scores = [0.3] * 10
    plain = _run(_config(scheduler=name, reduce_patience=0), scores=scores)
    warm = _run(_config(scheduler=name, reduce_patience=0, warmup_iters=20), scores=scores)
    ramp = [min(1, (step + 1) / 20) for step in range(60)]
    assert warm == pytest.approx([rate * share for rate, share in zip(plain, ramp)], rel=1e-12)


def _resumed(then, now, steps=8, scores=(0.3, 0.2)):
    """Optimiser and schedule of a run that takes these steps, and those that the flags of `now` go on with."""
    solvers = []
    for config in (then, now):
        parameter = torch.nn.Parameter(torch.ones(2))
        optimizer = build_optimizer(config, [parameter])
        solvers.append((optimizer, build_scheduler(config, optimizer, 6)))
    optimizer, scheduler = solvers[0]
    for step in range(steps):
        optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
        optimizer.step()
        scheduler.step_iteration()
        if step % 4 == 3:
            scheduler.step_epoch(scores[step // 4])
    content = {"optimizer": copy.deepcopy(optimizer.state_dict()), "config": vars(then),
               "scheduler": copy.deepcopy(scheduler.state_dict())}
    resume_solvers(*solvers[1], content)
    return solvers


@pytest.mark.parametrize("name", PER_ITERATION + PER_EPOCH)
@pytest.mark.parametrize("warmup", [0, 12])
def test_resuming_with_another_lr_scales_the_schedule_and_with_the_same_keeps_every_bit(name, warmup):
    then = _config(scheduler=name, warmup_iters=warmup, reduce_patience=0, multi_step_milestones=[1, 5])
    for lr, scale in ((0.05, 1), (0.1, 2)):
        (old, _), (new, scheduler) = _resumed(then, _config(**{**vars(then), "lr": lr}))
        assert new.param_groups[0]["lr"] == old.param_groups[0]["lr"] * scale
        for _ in range(3):
            scheduler.step_iteration()
        scheduler.step_epoch(0.5)
        assert new.param_groups[0]["lr"] < lr and scheduler.lr == lr


@pytest.mark.parametrize("optimizer,changes", [
    ("SGD", {"weight_decay": 0.5, "sgd_momentum": 0.5, "sgd_dampening": 0.0}),
    ("Adam", {"weight_decay": 0.5, "adam_beta1": 0.5, "adam_beta2": 0.6}),
    ("Muon", {"weight_decay": 0.5, "adam_beta1": 0.5, "adam_beta2": 0.6})])
def test_resuming_with_other_numbers_of_the_optimiser_applies_them(optimizer, changes):
    then = _config(optimizer=optimizer)
    _, (resumed, _) = _resumed(then, _config(**{**vars(then), **changes}))
    fresh = build_optimizer(_config(**{**vars(then), **changes}), [torch.nn.Parameter(torch.ones(2))])
    for key, value in fresh.param_groups[0].items():
        if key not in ("params", "lr"):
            assert resumed.param_groups[0].get(key) == value or key == "initial_lr", key
    assert resumed.state_dict()["state"]


def test_resuming_a_plateau_takes_todays_patience_and_factor_and_forgets_the_best_of_another_figure():
    then = _config(scheduler="ReduceLROnPlateau", reduce_patience=5)
    _, (_, same) = _resumed(then, _config(scheduler="ReduceLROnPlateau", reduce_patience=1, step_gamma=0.5))
    assert (same.inner.patience, same.inner.factor, same.inner.best) == (1, 0.5, 0.3)
    _, (_, other) = _resumed(then, _config(scheduler="ReduceLROnPlateau", scheadule_monitor="val_loss"))
    assert other.inner.mode == "min" and other.inner.best == math.inf


def test_resuming_with_another_optimiser_is_refused_by_name():
    with pytest.raises(ValueError, match="the checkpoint's optimiser is SGD: resume with --optimizer SGD"):
        _resumed(_config(), _config(optimizer="AdamW"))


def test_another_schedules_state_is_refused():
    optimizer = build_optimizer(_config(), [torch.nn.Parameter(torch.ones(2))])
    state = build_scheduler(_config(), optimizer, 6).state_dict()
    with pytest.raises(ValueError, match="resume with --scheduler MultiStepLR"):
        build_scheduler(_config(scheduler="PolyLR"), optimizer, 6).load_state_dict(state)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("SGD", torch.optim.SGD, {"momentum": 0.9, "dampening": 0.1}),
        ("Adam", torch.optim.Adam, {"betas": (0.8, 0.99)}),
        ("AdamW", torch.optim.AdamW, {"betas": (0.8, 0.99)}),
    ],
)
def test_optimizers_get_their_flags_and_only_trained_parameters(name, kind, options):
    trained, frozen = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2), requires_grad=False)
    optimizer = build_optimizer(_config(optimizer=name), iter([trained, frozen]))
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert len(group["params"]) == 1 and group["params"][0] is trained
    assert group["lr"] == 0.05 and group["weight_decay"] == 1e-4
    assert {key: group[key] for key in options} == options


def test_unknown_names_and_frozen_models_are_named():
    frozen = [torch.nn.Parameter(torch.ones(2), requires_grad=False)]
    with pytest.raises(ValueError, match="frozen"):
        build_optimizer(_config(), frozen)
    parameters = [torch.nn.Parameter(torch.ones(2))]
    with pytest.raises(ValueError, match="--optimizer Lion is unknown, give one of SGD, Adam, AdamW, Muon"):
        build_optimizer(_config(optimizer="Lion"), parameters)
    with pytest.raises(ValueError, match="--scheduler CyclicLR is unknown"):
        build_scheduler(_config(scheduler="CyclicLR"), build_optimizer(_config(), parameters), 6)


def test_muon_moves_kernels_as_torchs_muon_does_and_the_rest_as_adamw():
    config = _config(optimizer="Muon", lr=0.02)
    kernel, bias = torch.nn.Parameter(torch.randn(27, 4, 12)), torch.nn.Parameter(torch.randn(12))
    flat, bias_again = (torch.nn.Parameter(p.detach().clone()) for p in (kernel.reshape(108, 12), bias))
    ours = build_optimizer(config, [kernel, bias])
    theirs = [torch.optim.Muon([flat], lr=0.02, weight_decay=1e-4, adjust_lr_fn="match_rms_adamw"),
              torch.optim.AdamW([bias_again], lr=0.02, weight_decay=1e-4, betas=(0.8, 0.99))]
    for _ in range(4):
        bias.grad = torch.randn(12)
        kernel.grad = torch.randn(27, 4, 12)
        flat.grad, bias_again.grad = kernel.grad.reshape(108, 12), bias.grad.clone()
        for optimizer in (ours, *theirs):
            optimizer.step()
    assert torch.allclose(kernel.reshape(108, 12), flat, atol=2e-3) and torch.allclose(bias, bias_again, atol=1e-6)


def test_muon_orthogonalises_kernels_of_size_1_but_not_the_classifiers():
    def trained(heads):
        torch.manual_seed(0)
        kernel = torch.nn.Parameter(torch.zeros(8, 12))
        optimizer = build_optimizer(_config(optimizer="Muon", lr=1.0, weight_decay=0.0), [kernel],
                                    [kernel] if heads else [])
        kernel.grad = torch.randn(8, 12) * torch.logspace(-1, 0, 8)[:, None]
        optimizer.step()
        return torch.linalg.svdvals(kernel.detach() / (0.2 * 12**0.5))

    assert trained(heads=False).min() > 0.5 and trained(heads=False).max() < 1.3
    assert trained(heads=True).max() > 2  # AdamW's first step is a matrix of signs


def test_a_muon_state_in_which_kernels_of_size_1_were_adamws_is_refused_with_the_reason():
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in ((27, 4, 12), (4, 12), (12,))]
    optimizer = build_optimizer(_config(optimizer="Muon"), parameters)
    state = optimizer.state_dict()
    state["param_groups"][0]["params"], state["param_groups"][1]["params"] = [0], [1, 2]
    with pytest.raises(ValueError, match="gave kernels of size 1 to AdamW"):
        optimizer.load_state_dict(state)


def test_muon_multiplies_in_float32_whatever_torch_is_told(monkeypatch):
    kernel, polynomials, seen = torch.nn.Parameter(torch.randn(8, 4, 12)), muon._polynomials, []
    monkeypatch.setattr(muon, "_polynomials",
                        lambda gram: seen.append(torch.get_float32_matmul_precision()) or polynomials(gram))
    kernel.grad = torch.randn(8, 4, 12)
    torch.set_float32_matmul_precision("high")
    try:
        build_optimizer(_config(optimizer="Muon"), [kernel]).step()
        assert seen == ["highest"] and torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_muon_goes_on_from_its_state():
    kernels = [torch.nn.Parameter(torch.ones(8, 4, 12)) for _ in range(2)]
    biases = [torch.nn.Parameter(torch.ones(12)) for _ in range(2)]
    optimizers = [build_optimizer(_config(optimizer="Muon"), pair) for pair in zip(kernels, biases)]
    for step in range(4):
        if step == 2:
            optimizers[1] = build_optimizer(_config(optimizer="Muon"), [kernels[1], biases[1]])
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for parameters in (kernels, biases):
            parameters[0].grad = torch.randn_like(parameters[0])
            parameters[1].grad = parameters[0].grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(*kernels) and torch.equal(*biases)


def _trained(config, gradients):
    """Parameters and loss scale after a step with each of the gradients; inf stands for one that overflows."""
    kernel, bias = (torch.nn.Parameter(torch.linspace(-1, 1, 24).reshape(shape)) for shape in ((2, 3, 4), (24,)))
    optimizer = build_optimizer(config, [kernel, bias])
    scaler = build_scaler(config, torch.device("cpu"))
    after = []
    for gradient in gradients:
        loss = (kernel.flatten() * gradient).sum() + (bias * gradient.flip(0)).sum()
        scaler.scale(loss).backward()
        if gradient.isinf().any():
            bias.grad[3] = float("nan")
        take_step(optimizer, scaler)
        optimizer.zero_grad()
        after.append(torch.cat([kernel.detach().flatten(), bias.detach()]))
    return after, scaler.get_scale()


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Muon"])
def test_steps_that_overflow_under_fp16_are_as_if_they_had_not_been(name, momentum):
    good = [torch.randn(24) for _ in range(3)]
    overflow = torch.full((24,), float("inf"))
    given = [overflow, overflow, good[0], overflow, good[1], good[2]]
    scaled, scale = _trained(_config(optimizer=name, precision="fp16", sgd_momentum=momentum), given)
    plain, one = _trained(_config(optimizer=name, sgd_momentum=momentum), good)
    start = torch.linspace(-1, 1, 24).repeat(2)
    assert torch.equal(scaled[0], start) and torch.equal(scaled[1], start) and torch.equal(scaled[3], scaled[2])
    for ours, reference in zip((scaled[2], *scaled[4:]), plain, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-6, atol=1e-7)
    assert (scale, one) == (65536 / 2**3, 1)


@pytest.mark.parametrize("precision", ["float32", "fp16"])
@pytest.mark.parametrize("limit,expected", [(1.0, [0.6, 0.8]), (10.0, [3.0, 4.0])])
def test_gradients_are_cut_to_their_joint_norm_once_the_loss_scale_is_off(precision, limit, expected):
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    config = _config(precision=precision, lr=1.0, weight_decay=0.0, sgd_momentum=0.0)
    optimizer, scaler = build_optimizer(config, [first, second]), build_scaler(config, torch.device("cpu"))
    for share in (1.0, 2.0):  # of two batches, added up
        scaler.scale(share * (first + 4 / 3 * second).sum()).backward()
    assert clip_gradients(optimizer, scaler, limit).item() == pytest.approx(5.0)  # of (3, 4)
    take_step(optimizer, scaler)
    assert [-first.item(), -second.item()] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Muon"])
def test_a_step_that_overflows_under_fp16_is_skipped_with_clipping_too(name):
    config = _config(optimizer=name, precision="fp16")
    kernel = torch.nn.Parameter(torch.ones(2, 3, 4))
    optimizer, scaler = build_optimizer(config, [kernel]), build_scaler(config, torch.device("cpu"))
    for gradient, moved in ((1.0, True), (float("inf"), False), (1.0, True)):
        before = kernel.detach().clone()
        scaler.scale((kernel * gradient).sum()).backward()
        clip_gradients(optimizer, scaler, 1.0)
        take_step(optimizer, scaler)
        optimizer.zero_grad()
        assert kernel.isfinite().all() and torch.equal(kernel, before) != moved
    assert scaler.get_scale() == 65536 / 2
