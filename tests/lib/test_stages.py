"""The three stages: what each trains and what it leaves alone."""
import json
import math

import numpy as np
import pytest
import torch

from config.config import get_config
from datasets.label_sets import load_label_set
from datasets.loader import build_loader
from lib.checkpoint import save_checkpoint
from lib.language.anchors import write_anchors
from lib.stages import build_stage, pick_device
from models import build_model

SCANNET200 = load_label_set()


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.ckpt"
    model = build_model("Res16UNet14S", 3, len(SCANNET200))
    save_checkpoint(path, {"state_dict": {f"model.{k}": v for k, v in model.state_dict().items()}})
    return str(path)


def changed_by_a_step(config):
    """Names of all parameters and buffers that one training step changes."""
    loader = build_loader(config, "train", training=True, label_set=SCANNET200)
    stage = build_stage(config, label_set=SCANNET200).train()
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in stage.parameters() if p.requires_grad], lr=0.1)
    batch = next(iter(loader))
    stage.criterion(stage(batch), batch.labels).backward()
    optimizer.step()
    return {name for name, value in stage.state_dict().items() if not torch.equal(value, before[name])}, before


def test_L4_classifier_only_trains_final_and_freezes_batch_norm_statistics(run_flags, weights):
    changed, _ = changed_by_a_step(get_config(run_flags("--classifier_only", "True", "--weights", weights)))
    assert changed == {"model.final.kernel", "model.final.bias"}


def test_stage_2_trains_every_parameter_and_statistic(run_flags):
    changed, everything = changed_by_a_step(get_config(run_flags()))
    assert changed == set(everything)


def test_dilations_reach_the_four_encoder_stages_of_the_network(run_flags):
    model = build_stage(get_config(run_flags("--dilations", "1,2,3,4")), label_set=SCANNET200).model
    stages = [getattr(model, f"block{i}") for i in range(1, 9)]
    assert [stage[0].conv1.dilation for stage in stages] == [1, 2, 3, 4, 1, 1, 1, 1]


@pytest.mark.parametrize("projection", ["True", "False"])
def test_stage_1_trains_all_but_final(run_flags, anchors_file, projection):
    changed, everything = changed_by_a_step(get_config(run_flags(
        "--use_embedding_loss", "True", "--language_features_path", anchors_file, "--learned_projection", projection)))
    assert changed == {name for name in everything if not name.startswith("model.final")}
    assert ("projection.weight" in changed) == (projection == "True")


def test_anchor_flags_reach_the_anchors(run_flags, anchors_file, monkeypatch):
    def anchors(center):
        flags = ("--use_embedding_loss", "True", "--language_features_path", anchors_file, "--center_anchors", center)
        return build_stage(get_config(run_flags(*flags)), SCANNET200).criterion.anchors

    plain, centred = anchors("False"), anchors("True")
    assert plain.mean(0).norm() > 5 * centred.mean(0).norm()
    given = []
    monkeypatch.setattr("lib.stages.load_anchors", lambda *arguments: given.append(arguments) or plain)
    build_stage(get_config(run_flags("--use_embedding_loss", "True", "--text_encoder", "clip:ViT-B/32",
                                     "--text_prompt", "indoor", "--text_synonyms", "True")), label_set=SCANNET200)
    assert given[0][0] == "clip:ViT-B/32" and given[0][3:] == ("indoor", True, False)


@pytest.mark.parametrize("shared,flag,centred", [
    (3.0, "auto", True), (0.5, "auto", False), (3.0, None, True), (3.0, "False", False), (0.5, "True", True)])
def test_anchors_are_centred_where_they_share_a_direction_and_nothing_else_is_said(run_flags, tmp_path, shared, flag,
                                                                                  centred):
    vectors = np.random.default_rng(0).standard_normal((200, 48)) + shared * np.eye(48)[0] * 48 ** 0.5
    write_anchors(tmp_path / "anchors.npz", SCANNET200.names, vectors)
    config = get_config(run_flags("--use_embedding_loss", "True", "--text_encoder", f"file:{tmp_path}/anchors.npz",
                                  *(["--center_anchors", flag] if flag else [])))
    stage = build_stage(config, label_set=SCANNET200)
    assert (stage.anchors.mean(0).norm() < 0.2) == centred
    assert torch.allclose(stage.embed(SCANNET200.names[:3]), stage.anchors[:3], atol=1e-5)  # texts move as anchors did


def test_anchors_too_alike_for_the_contrast_are_told_of_at_the_start_of_a_training(run_flags, tmp_path, capsys):
    alike = np.random.default_rng(0).standard_normal((len(SCANNET200), 64)) * 0.5 + 1  # cosines of about 0.8
    write_anchors(tmp_path / "alike.npz", SCANNET200.names, alike)

    def said(*more):
        build_stage(get_config(run_flags("--use_embedding_loss", "True", "--language_features_path",
                                         str(tmp_path / "alike.npz"), *more)), label_set=SCANNET200)
        return capsys.readouterr().out

    line = said("--center_anchors", "False")
    assert line.startswith("warning: text anchors are alike (mean cosine 0.80)") and line.count("\n") == 1
    assert "the loss is 0.40," in line and "--center_anchors True" in line  # 0.8 - (1 - 0.6), every negative alike
    assert "the loss is 0.40," in said("--center_anchors", "False", "--contrast_form", "code")
    for quiet in ((), ("--embedding_loss_type", "contrast_ce"), ("--is_train", "False")):  # by default they are centred
        assert said(*(("--center_anchors", "False", *quiet) if quiet else ())) == ""


def test_a_stage_1_projection_comes_back_for_evaluation(run_flags, anchors_file, tmp_path):
    flags = run_flags("--use_embedding_loss", "True", "--language_features_path", anchors_file,
                      "--learned_projection", "True")
    stage = build_stage(get_config(flags), label_set=SCANNET200)
    save_checkpoint(tmp_path / "stage1.ckpt", {"state_dict": stage.state_dict()})
    again = build_stage(
        get_config([*flags, "--is_train", "False", "--weights", str(tmp_path / "stage1.ckpt")]), SCANNET200)
    assert torch.equal(stage.projection.weight, again.projection.weight)


def test_stage_checkpoints_hold_weights_only_under_model_and_projection(run_flags, anchors_file):
    stage = build_stage(get_config(run_flags("--use_embedding_loss", "True", "--language_features_path", anchors_file,
                                             "--learned_projection", "True")), label_set=SCANNET200)
    assert {key.split(".")[0] for key in stage.state_dict()} == {"model", "projection"}


@pytest.mark.parametrize("projection", ["True", "False"])
def test_weights_pass_through_the_three_stages_and_each_report_says_what_is_new(run_flags, anchors_file, tmp_path,
                                                                                capsys, projection):
    def built(name, *more):
        config = get_config(run_flags(*more))
        torch.manual_seed(len(name))  # so that what is new differs from one stage to the next
        stage = build_stage(config, label_set=SCANNET200)
        save_checkpoint(tmp_path / f"{name}.ckpt", {"state_dict": stage.state_dict(), "config": dict(vars(config))})
        return {key: value.clone() for key, value in stage.state_dict().items()}, capsys.readouterr().out

    def from_stage(name):
        return "--weights", str(tmp_path / f"{name}.ckpt")

    text = ("--use_embedding_loss", "True", "--language_features_path", anchors_file,
            "--learned_projection", projection)
    first, report = built("one", *text)
    assert report == ""
    second, report = built("second", *from_stage("one"))
    weights = len(second)
    assert f"one.ckpt: {weights - 2} of {weights} weights loaded; 2 new, as stage 1 does not train them: " \
           "final.kernel, final.bias" in report
    assert ("2 beside the network: projection.weight, projection.bias" in report) == (projection == "True")
    final = {"model.final.kernel", "model.final.bias"}
    assert {key for key in second if not torch.equal(first[key], second[key])} == final
    third, report = built("third!!", "--classifier_only", "True", *from_stage("second"))
    assert report == f"{tmp_path / 'second.ckpt'}: {weights} of {weights} weights loaded\n"
    assert all(torch.equal(third[key], second[key]) for key in second)
    again, report = built("first again", *text, *from_stage("one"))  # stage 1 itself goes on with all of them
    assert f"{weights} of {weights} weights loaded" in report
    assert all(torch.equal(again[key], first[key]) for key in first)
    assert ("projection to the anchors loaded" in report) == (projection == "True")
    _, report = built("first from two", *text, *from_stage("second"))
    assert ("it starts anew" in report) == (projection == "True")


def test_the_settings_of_a_public_checkpoint_tell_stage_1_too(run_flags, weights, tmp_path, capsys):
    content = torch.load(weights, weights_only=True)
    for value, new in (("True", True), (None, False), ("both", False), (torch.ones(2), False)):
        save_checkpoint(tmp_path / "public.ckpt", {**content, "hyper_parameters": {"use_embedding_loss": value}})
        build_stage(get_config(run_flags("--weights", str(tmp_path / "public.ckpt"))), label_set=SCANNET200)
        assert ("new, as stage 1 does not train them" in capsys.readouterr().out) == new


@pytest.mark.parametrize("more,kind", [
    ([], "TextContrastLoss"), (["--embedding_loss_type", "l2"], "AnchorL2"),
    (["--embedding_loss_type", "contrast_ce", "--contrast_temperature", "0.2"], "AnchorCrossEntropy"),
    (["--embedding_loss_type", "pointsupcon", "--contrast_temperature", "0.2", "--supcon_points", "64"], "PointSupCon"),
    (["--negative_sampling", "hard"], "TextContrastLoss"), (["--negative_sampling", "frequency"], "TextContrastLoss"),
])
def test_flags_select_the_loss_of_stage_1_and_it_trains(run_flags, anchors_file, more, kind):
    if "frequency" in more:
        path = run_flags.root / "feature_data" / "statistics.csv"
        path.parent.mkdir()
        path.write_text("class,train_points\n" + "".join(f"{name},{k}\n" for k, name in enumerate(SCANNET200.names)))
    config = get_config(run_flags("--use_embedding_loss", "True", "--language_features_path", anchors_file, *more))
    criterion = build_stage(config, label_set=SCANNET200).criterion
    assert type(criterion).__name__ == kind
    assert getattr(criterion, "temperature", 0.2) == 0.2 and getattr(criterion, "points", 64) == 64
    if kind == "TextContrastLoss":
        assert (criterion.negative_table is None) == (more == [])
        if "frequency" in more:  # row 0: class 199 is drawn 199 times as often as class 1
            shares = criterion.negative_table[:200].diff()
            assert (shares[198] / shares[0]).item() == pytest.approx(199)
    changed, _ = changed_by_a_step(config)
    assert changed and not any(name.startswith("model.final") for name in changed)


def test_missing_frequencies_stop_training_with_the_remedy_but_not_an_evaluation(run_flags, anchors_file, weights):
    flags = run_flags("--use_embedding_loss", "True", "--language_features_path", anchors_file, "--weights", weights,
                      "--negative_sampling", "frequency")
    with pytest.raises(FileNotFoundError, match=r"statistics.csv: no class frequencies there; .*--negative_sampling"):
        build_stage(get_config(flags), label_set=SCANNET200)
    assert build_stage(get_config([*flags, "--is_train", "False"]), SCANNET200).criterion.negative_table is None


def test_a_resumed_run_needs_the_weights_it_once_started_from_no_more(run_flags):
    gone = ("--weights", "removed.ckpt", "--resume", str(run_flags.run))
    build_stage(get_config(run_flags(*gone)), label_set=SCANNET200)
    with pytest.raises(FileNotFoundError, match="removed.ckpt"):
        build_stage(
            get_config(run_flags(*gone, "--is_train", "False")), SCANNET200)  # as a resumed run's config.yaml says


@pytest.mark.parametrize("flags,words", [
    (["--classifier_only", "True"], "--weights"),
    (["--classifier_only", "True", "--use_embedding_loss", "True"], "exclude each other"),
    (["--dilations", "1,2"], "four"),
    (["--model", "ResUNet14"], "Res16UNet34D"),
    (["--loss_type", "focal"], "statistics.csv"),
    (["--logit_adjustment", "1"], "statistics.csv.*leave out --logit_adjustment"),
    (["--loss_type", "focal", "--label_smoothing", "0.1"], "--label_smoothing 0.1: is cross_entropy's"),
    (["--loss_type", "0.5*lovasz", "--logit_adjustment", "1"], "--logit_adjustment 1: is cross_entropy's"),
])
def test_flags_that_do_not_go_together_stop(run_flags, flags, words):
    with pytest.raises(FileNotFoundError if words.startswith("statistics") else ValueError, match=words):
        build_stage(get_config(run_flags(*flags)), label_set=SCANNET200)


def test_L20_without_a_gpu_the_cpu_is_used(run_flags, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device(get_config(run_flags())).type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device(get_config(run_flags())).type == "cuda"
    assert pick_device(get_config(run_flags("--is_cuda", "False"))).type == "cpu"


def test_a_stage_1_checkpoint_is_not_evaluated_by_its_untrained_last_layer(run_flags, tmp_path):
    model = build_model("Res16UNet14S", 3, len(SCANNET200))
    path = tmp_path / "stage1.ckpt"
    save_checkpoint(path, {"state_dict": {f"model.{k}": v for k, v in model.state_dict().items()},
                           "config": {"use_embedding_loss": True}})
    with pytest.raises(ValueError, match="stage1.ckpt: comes from stage 1"):
        build_stage(get_config(run_flags("--is_train", "False", "--weights", str(path))), label_set=SCANNET200)
    build_stage(get_config(run_flags("--weights", str(path))), label_set=SCANNET200)


POINTS = (90_000, 9_000, 900, 100)  # of the first four classes
SHARES = [count / sum(POINTS) for count in POINTS]
ALPHA = {  # before they are scaled; of `effective`, N is the median, 4950
    "log": [1 / math.log(1.02 + p) for p in SHARES], "log1": [1 / math.log(1.001 + p) for p in SHARES],
    "effective": [1 / (1 - (1 - 1 / 4950) ** n) for n in POINTS], "inverse_sqrt": [p ** -0.5 for p in SHARES],
    "none": [1, 1, 1, 1]}


@pytest.fixture
def statistics(run_flags):
    """statistics.csv of four classes in a dataset root."""
    path = run_flags.root / "feature_data" / "statistics.csv"
    path.parent.mkdir()
    rows = [f"{name},{points}" for name, points in zip(SCANNET200.names, POINTS + (0,) * 196)]
    path.write_text("\n".join(["class,train_points", *rows]))
    return path


def loss_by_hand(criterion, alpha, gamma):
    """(what the criterion says of a batch, what the formula says with these weights of its four classes)."""
    logits = 2 * torch.randn(40, len(SCANNET200), generator=torch.Generator().manual_seed(0))
    target = torch.arange(40) % 5 - 1
    terms = [-alpha[y] * (1 - row[y].item()) ** gamma * math.log(row[y].item())
             for row, y in zip(logits.double().softmax(1), target.tolist()) if y >= 0]
    return criterion(logits, target).item(), sum(terms) / len(terms)


@pytest.mark.parametrize("flags,gamma", [(["--loss_type", "focal"], 2), (["--weighted_cross_entropy", "True"], 0)])
@pytest.mark.parametrize("weighting", ALPHA)
def test_the_loss_of_stage_2_is_weighted_by_the_class_points_of_the_dataset(run_flags, statistics, weighting, flags,
                                                                           gamma):
    stage = build_stage(get_config(run_flags(*flags, "--category_weighting", weighting)), label_set=SCANNET200)
    alpha = [value / (sum(ALPHA[weighting]) / 4) for value in ALPHA[weighting]]
    found, expected = loss_by_hand(stage.criterion, alpha, gamma)
    assert found == pytest.approx(expected, rel=1e-5)


def test_focal_loss_is_weighted_by_effective_numbers_unless_told_otherwise(run_flags, statistics):
    criterion = build_stage(get_config(run_flags("--loss_type", "focal")), SCANNET200).criterion
    alpha = [value / (sum(ALPHA["effective"]) / 4) for value in ALPHA["effective"]]
    found, expected = loss_by_hand(criterion, alpha, 2)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_lightest_and_the_heaviest_class_that_occurs_are_printed(run_flags, statistics, capsys):
    rows = ["class,train_points", *(f"{name},{(0, 900, 100)[min(k, 2)]}" for k, name in enumerate(SCANNET200.names))]
    statistics.write_text("\n".join(rows))
    build_stage(get_config(run_flags("--loss_type", "focal", "--category_weighting", "inverse_sqrt")), SCANNET200)
    chair, floor = SCANNET200.names[1:3]
    assert f"category weights, inverse_sqrt: 0.334 ({chair}) to 1 ({floor})" in capsys.readouterr().out


def test_cross_entropy_is_weighted_only_where_it_is_asked_for(run_flags):
    found, expected = loss_by_hand(build_stage(get_config(run_flags()), SCANNET200).criterion, [1, 1, 1, 1], 0)
    assert found == pytest.approx(expected, rel=1e-5)


def test_explicit_category_weights_win(run_flags, statistics, tmp_path):
    (tmp_path / "own.json").write_text(json.dumps(dict(zip(SCANNET200.names, (1, 2, 3, 4)))))
    stage = build_stage(get_config(run_flags("--loss_type", "focal", "--category_weighting", "none",
                                             "--category_weights", str(tmp_path / "own.json"))), label_set=SCANNET200)
    found, expected = loss_by_hand(stage.criterion, [1, 2, 3, 4], 2)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_root_without_statistics_uses_its_stored_log_weights_or_names_the_command(run_flags):
    folder = run_flags.root / "feature_data"
    folder.mkdir()
    (folder / "category_weights.json").write_text(json.dumps(dict(zip(SCANNET200.names, (1, 2, 3, 4)))))
    stage = build_stage(get_config(run_flags("--loss_type", "focal", "--category_weighting", "log")), SCANNET200)
    found, expected = loss_by_hand(stage.criterion, [1, 2, 3, 4], 2)
    assert found == pytest.approx(expected, rel=1e-5)
    with pytest.raises(FileNotFoundError, match="preprocess.statistics DIR` .*--category_weights FILE") as error:
        build_stage(get_config(run_flags("--loss_type", "focal", "--category_weighting", "log1")), label_set=SCANNET200)
    assert "statistics.csv" in str(error.value) and "\n" not in str(error.value)


def test_loss_type_sums_losses_each_with_its_own_flags(run_flags, statistics):
    flags = run_flags("--loss_type", "0.5*focal+cross_entropy+2*lovasz", "--category_weighting", "inverse_sqrt")
    criterion = build_stage(get_config(flags), SCANNET200).criterion
    alpha = [value / (sum(ALPHA["inverse_sqrt"]) / 4) for value in ALPHA["inverse_sqrt"]]
    total, focal = loss_by_hand(criterion, alpha, 2)
    plain = loss_by_hand(criterion, [1, 1, 1, 1], 0)[1]  # --weighted_cross_entropy is False
    assert total == pytest.approx(0.5 * focal + plain + 2 * criterion.terms["lovasz"].item(), rel=1e-5)
    assert list(criterion.terms) == ["focal", "cross_entropy", "lovasz"]


def test_logit_adjustment_takes_the_class_points_of_the_dataset_for_all_but_lovasz_and_in_training_alone(run_flags,
                                                                                                        statistics):
    flags = run_flags("--loss_type", "cross_entropy+lovasz", "--logit_adjustment", "1")
    criterion = build_stage(get_config(flags), SCANNET200).criterion
    logits = torch.randn(40, 200, generator=torch.Generator().manual_seed(0))
    target = torch.arange(40) % 5 - 1
    shares = torch.tensor(SHARES + [SHARES[0]] * 196)
    plain = build_stage(get_config(run_flags()), SCANNET200).criterion
    criterion(logits, target)
    assert criterion.terms["cross_entropy"].item() == pytest.approx(plain(logits + shares.log(), target).item())
    lovasz = criterion.terms["lovasz"]
    criterion.eval()(logits, target)
    assert criterion.terms["cross_entropy"].item() == pytest.approx(plain(logits, target).item())
    assert torch.equal(criterion.terms["lovasz"], lovasz)
    build_stage(get_config([*flags, "--is_train", "False", "--scannet_path", "nowhere"]), SCANNET200)  # none is needed
