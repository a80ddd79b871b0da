"""Every flag of the program: `get_config(argv)` parses them, `--config FILE.yaml` starts from a file, the line wins.

Names and defaults are LanguageGroundedSemseg's where a flag still means something; what was retired says so and stops.
"""
import argparse
import functools
import math
import sys
from pathlib import Path

import yaml

from config.retired import RETIRED
from datasets.files import replacing


def str2bool(text: str) -> bool:
    """'True'/'False' in any case, as the training scripts write them; anything else is an error."""
    try:
        return {"true": True, "false": False}[str(text).lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False") from None


def int_list(text) -> list[int]:
    """'1,1,1,1' or '[120, 150]' -> list of integers."""
    items = text if isinstance(text, (list, tuple)) else str(text).strip("[] ").split(",")
    try:
        return [int(item) for item in items]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of integers such as 1,1,1,1") from None


def whole(text) -> int:
    """An integer of at least 0 that may be written as 1e7."""
    try:
        number = float(text)
        if number == int(number) >= 0:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")


def positive(text) -> int:
    """A whole number of at least 1."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be at least 1")
    return number


def above_zero(text) -> float:
    """A number above 0."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return float(text)


def share(text) -> float:
    """A number from 0 to 1."""
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return float(text)


def get_parser() -> argparse.ArgumentParser:
    """The parser, one group of flags per concern."""
    parser = argparse.ArgumentParser(
        prog="main.py", allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains and runs 3D semantic segmentation of indoor scenes on ScanNet200's 200 classes.")
    parser.add_argument("--config", metavar="FILE.yaml", help="flags to start from, as a run writes to config.yaml")

    net = parser.add_argument_group("network")
    net.add_argument("--model", default="Res16UNet34D", help="a name of models.ARCHITECTURES; Res16UNet14S suits a CPU")
    net.add_argument("--conv1_kernel_size", type=positive, default=3)
    net.add_argument("--dilations", type=int_list, default=[1, 1, 1, 1], help="of the four encoder stages")
    net.add_argument("--bn_momentum", type=share, default=0.02, help="of every batch norm")
    net.add_argument("--weights", metavar="FILE.ckpt", help="start from these weights (optimiser and step start anew)")
    net.add_argument("--lenient_weight_loading", type=str2bool, default=False,
                     help="load what fits of --weights, list the rest")

    stage = parser.add_argument_group("stage")
    stage.add_argument("--is_train", type=str2bool, default=True, help="False: evaluate; with --visualize True, infer")
    stage.add_argument("--use_embedding_loss", type=str2bool, default=False,
                       help="stage 1: language-grounded pretraining")
    stage.add_argument("--classifier_only", type=str2bool, default=False,
                       help="stage 3: train the last layer, batch norm frozen")

    loss = parser.add_argument_group("segmentation loss")
    loss.add_argument("--loss_type", default="cross_entropy", choices=("cross_entropy", "focal"))
    loss.add_argument("--focal_gamma", type=float, default=2.0)
    loss.add_argument("--weighted_cross_entropy", type=str2bool, default=False,
                      help="category weights in cross entropy")
    loss.add_argument("--category_weights", metavar="FILE.json",
                      help="class name -> weight; by default the dataset's feature_data/category_weights.json")

    text = parser.add_argument_group("text anchors and contrast")
    text.add_argument("--text_encoder", default="minilm",
                      help="minilm, clip:ViT-B/32, clip:PATH, siglip2:FOLDER or file:PATH.npz; see docs/anchors.md")
    text.add_argument("--language_features_path", metavar="FILE.npz", help="the same as --text_encoder file:FILE.npz")
    text.add_argument("--text_prompt", default="name", choices=("name", "scene", "indoor"),
                      help="the bare name, `a NAME in a scene`, or the mean over CLIP's templates that suit a room")
    text.add_argument("--text_synonyms", type=str2bool, default=False,
                      help="average each name with those of config/scannet200_synonyms.json")
    text.add_argument("--center_anchors", type=str2bool, default=False, help="subtract the mean over the classes")
    text.add_argument("--embedding_loss_type", default="contrast",
                      choices=("contrast", "contrast_ce", "l2", "pointsupcon"),
                      help="relu contrast with drawn anchors, cross entropy over all anchors, distance to the own "
                           "anchor, or supervised contrast between voxels, without anchors")
    text.add_argument("--contrast_form", default="published", choices=("published", "code"),
                      help="relu for each negative (the paper), or of their mean (the original's code)")
    text.add_argument("--num_negative_samples", type=positive, default=3)
    text.add_argument("--negative_sampling", default="uniform", choices=("uniform", "frequency", "hard"),
                      help="contrast: other classes alike, as often as in the dataset's feature_data/statistics.csv, "
                           "or by exp(cosine to the own anchor / --contrast_temperature)")
    text.add_argument("--contrast_temperature", type=float, default=0.07,
                      help="contrast_ce, pointsupcon and hard negatives")
    text.add_argument("--supcon_points", type=positive, default=1024, help="pointsupcon: voxels of a batch compared")
    text.add_argument("--contrast_pos_thresh", type=float, default=0.0)
    text.add_argument("--contrast_neg_thresh", type=float, default=0.6)
    text.add_argument("--contrast_neg_weight", type=float, default=1.0, help="lambda of the paper")
    text.add_argument("--embedding_loss_lambda", type=float, default=1.0, help="weight of the whole loss")
    text.add_argument("--learned_projection", type=str2bool, default=False,
                      help="a trained linear layer to the anchors' width instead of a fixed isometry of the anchors")
    text.add_argument("--class_names", metavar="FILE.txt|A,B,C",
                      help="with --is_train False: the nearest of these names' anchors instead of the 200 classes'")
    text.add_argument("--held_out_classes", metavar="FILE.txt|A,B,C",
                      help="classes not trained on: their labels are ignored and their names are no negatives")

    solver = parser.add_argument_group("optimiser and schedule")
    solver.add_argument("--optimizer", default="SGD", choices=("SGD", "Adam", "AdamW", "Muon"),
                        help="Muon: orthogonalised steps for kernels, AdamW for the rest; --lr about 0.02")
    solver.add_argument("--lr", type=float, default=0.05)
    solver.add_argument("--sgd_momentum", type=float, default=0.9)
    solver.add_argument("--sgd_dampening", type=float, default=0.1)
    solver.add_argument("--adam_beta1", type=float, default=0.9)
    solver.add_argument("--adam_beta2", type=float, default=0.999)
    solver.add_argument("--weight_decay", type=float, default=1e-4)
    solver.add_argument("--iter_size", type=positive, default=1, help="batches whose gradients are added up per step")
    solver.add_argument("--max_iter", type=whole, default=10**7)
    solver.add_argument("--max_epoch", type=whole, default=400)
    solver.add_argument("--scheduler", default="MultiStepLR",
                        choices=("StepLR", "MultiStepLR", "PolyLR", "SquaredLR", "ExpLR", "CosineAnnealingLR",
                                 "ReduceLROnPlateau"))
    solver.add_argument("--step_size", type=positive, default=20000, help="StepLR, in iterations")
    solver.add_argument("--multi_step_milestones", type=int_list, default=[120, 150], help="in epochs")
    solver.add_argument("--step_gamma", type=float, default=0.3)
    solver.add_argument("--poly_power", type=float, default=0.9)
    solver.add_argument("--exp_gamma", type=float, default=0.95)
    solver.add_argument("--exp_step_size", type=above_zero, default=445)
    solver.add_argument("--scheadule_monitor", default="val_miou", choices=("val_miou", "val_loss"),
                        help="what ReduceLROnPlateau watches; the best checkpoint is always the one of highest mIoU")
    solver.add_argument("--scheduler_min_lr", type=float, default=0.001, help="ReduceLROnPlateau")
    solver.add_argument("--reduce_patience", type=whole, default=20, help="ReduceLROnPlateau, in validations")

    data = parser.add_argument_group("data")
    data.add_argument("--dataset", default="Scannet200Voxelization2cmDataset")
    data.add_argument("--scannet_path", default="", metavar="DIR",
                      help="dataset root, with train.txt, val.txt, test.txt")
    data.add_argument("--voxel_size", type=float, help="metres; only for datasets whose name does not fix it")
    data.add_argument("--batch_size", type=positive, default=16)
    data.add_argument("--val_batch_size", type=positive, default=1)
    data.add_argument("--num_workers", type=whole, default=4)
    data.add_argument("--num_val_workers", type=whole, default=4)
    data.add_argument("--cache_data", type=str2bool, default=False,
                      help="keep decoded scenes in the dataset's .decoded folder, memory-mapped")
    data.add_argument("--train_limit_numpoints", type=whole, default=1_800_000,
                      help="voxels of a training batch, which leaves out scenes beyond; 0: no limit")
    data.add_argument("--ignore_label", type=int, default=-1)
    data.add_argument("--train_phase", default="train", help="split to train on")
    data.add_argument("--val_phase", default="val", help="split to validate, evaluate or infer on")
    data.add_argument("--scene_sampling", default="uniform", choices=("uniform", "repeat_factor"),
                      help="repeat_factor: scenes with rare classes come more often (LVIS)")
    data.add_argument("--repeat_threshold", type=share, default=0.1,
                      help="repeat_factor: classes in a smaller share of the scenes are rare")

    tail = parser.add_argument_group("tail instances and mixing")
    tail.add_argument("--sample_tail_instances", type=str2bool, default=False,
                      help="insert objects of tail classes into training scenes, where they could stand or hang")
    tail.add_argument("--num_instances_to_add", type=whole, default=5, help="a scene")
    tail.add_argument("--max_instance_placing_iterations", type=positive, default=50,
                      help="places tried for an instance before it is skipped")
    tail.add_argument("--instance_sampling_weights", metavar="FILE.json",
                      help="class name -> weight; default: the dataset's feature_data/instance_sampling_weights.json")
    tail.add_argument("--mix_scenes", type=share, default=0.0, metavar="P",
                      help="share of training scenes that are mixed with another (Mix3D)")

    augment = parser.add_argument_group("augmentation")
    augment.add_argument("--train_augmentation", type=str2bool, default=True)
    augment.add_argument("--elastic_distortion", type=str2bool, default=True)
    augment.add_argument("--data_aug_color_trans_ratio", type=float, default=0.10)
    augment.add_argument("--data_aug_color_jitter_std", type=float, default=0.05)
    augment.add_argument("--data_aug_scale_min", type=float, default=0.9)
    augment.add_argument("--data_aug_scale_max", type=float, default=1.1)
    augment.add_argument("--normalize_color", type=str2bool, default=True, help="rgb / 255 - 0.5; False: rgb as it is")

    run = parser.add_argument_group("run")
    run.add_argument("--log_dir", default="outputs/default", metavar="DIR")
    run.add_argument("--overwrite_weights", type=str2bool, default=True,
                     help="True: a new run's first checkpoint takes the place of an older run's best.ckpt, last.ckpt "
                          "and scores.json in --log_dir; False: stop if there are checkpoints")
    run.add_argument("--resume", metavar="DIR|FILE.ckpt", help="go on exactly where a run stopped")
    run.add_argument("--stat_freq", type=positive, default=40, help="iterations between logged training figures")
    run.add_argument("--val_epoch_freq", type=positive, default=1, help="epochs between validations")
    run.add_argument("--visualize", type=str2bool, default=False, help="with --is_train False: write .ply and .txt")
    run.add_argument("--visualize_path", default="outputs/visualize", metavar="DIR", help="they go to DIR/fulleval")
    run.add_argument("--sparse_engine", default="auto", choices=("auto", "reference", "cpu", "triton", "minkowski"),
                     help="how sparse convolutions are computed; auto: compiled for the CPU where a compiler is, "
                          "Triton kernels on a GPU; "
                          "minkowski: MinkowskiEngine, where it is installed")
    run.add_argument("--precision", default="float32", choices=("float32", "tf32", "bf16", "fp16"),
                     help="tf32: GPUs round the factors of float32 products to ten bits of fraction; "
                          "bf16, fp16: layers in bfloat16 or float16 with sums in float32; weights and losses stay "
                          "float32; fp16 scales the loss, skips steps whose gradients overflow, and is slow on a CPU")
    run.add_argument("--activation_checkpointing", type=str2bool, default=False,
                     help="compute residual blocks again for their gradients: less memory, more time")
    run.add_argument("--is_cuda", type=str2bool, default=True, help="use a GPU if there is one")
    run.add_argument("--num_gpu", type=positive, default=1, choices=(1,))
    run.add_argument("--seed", type=whole, default=42)
    return parser


def get_config(argv: list[str] | None = None) -> argparse.Namespace:
    """Flags of a command line (sys.argv's by default). Stops with one line for what cannot be meant."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = get_parser()
    parser.error = functools.partial(_stop, parser)  # its own prints all flags before the line that says what is wrong
    for word in argv:
        name = word.split("=")[0].removeprefix("--")
        if word.startswith("--") and name in RETIRED:
            _stop(parser, f"--{name} was retired: {RETIRED[name]}")
    file_only = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    file_only.add_argument("--config")
    path = file_only.parse_known_args(argv)[0].config
    if path:
        parser.set_defaults(**_read(parser, path))
    return parser.parse_args(argv)


def _read(parser: argparse.ArgumentParser, path: str) -> dict:
    """Values of a YAML file, each checked as if it had been given on the line."""
    actions = {action.dest: action for action in parser._actions}
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        _stop(parser, f"--config {path}: {' '.join(str(error).split())}")
    if not isinstance(values, dict):
        _stop(parser, f"--config {path}: is not a list of `flag: value` lines")
    for name, value in values.items():
        if name in RETIRED:
            _stop(parser, f"--config {path}: {name} was retired: {RETIRED[name]}")
        if name not in actions or name in ("help", "config"):
            _stop(parser, f"--config {path}: there is no flag --{name}")
        action = actions[name]
        if value is None and action.default is not None:
            _stop(parser, f"--config {path}: {name}: is empty; give a value, or leave the line out")
        if value is not None:
            try:
                value = action.type(value) if action.type else str(value)
            except (ValueError, TypeError, argparse.ArgumentTypeError) as error:
                _stop(parser, f"--config {path}: {name}: {error}")
            if action.choices and value not in action.choices:
                _stop(parser, f"--config {path}: {name}: {value!r} is none of {', '.join(map(str, action.choices))}")
        values[name] = value
    return values


def write_config(config: argparse.Namespace, path: Path) -> None:
    """Write every flag to a YAML file that `--config` reads."""
    values = {name: value for name, value in vars(config).items() if name != "config"}
    with replacing(path) as file:
        yaml.safe_dump(values, file, sort_keys=True, allow_unicode=True)


def _stop(parser: argparse.ArgumentParser, message: str):
    parser.exit(2, f"error: {message}\n")
