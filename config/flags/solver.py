"""Optimiser and learning-rate schedule."""
import argparse

from config.types import above_zero, ascending, below_one, factor, positive, share, whole, zero_or_more

MUON_WARMUP = 20  # steps


def add_flags(parser: argparse.ArgumentParser) -> None:
    solver = parser.add_argument_group("optimiser and schedule")
    solver.add_argument("--optimizer", default="SGD", choices=("SGD", "Adam", "AdamW", "Muon"),
                        help="Muon: orthogonalised steps for kernels, AdamW for the rest; --lr about 0.02")
    solver.add_argument("--lr", type=zero_or_more, default=0.05)
    solver.add_argument("--scale_lr", default="none", choices=("none", "linear", "sqrt"),
                        help="--lr is meant for one --batch_size: multiply it by how many of these a step takes, all "
                             "processes and --iter_size counted, or by the root of that; none: take it as it is")
    solver.add_argument("--sgd_momentum", type=below_one, default=0.9)
    solver.add_argument("--sgd_dampening", type=share, default=0.1)
    solver.add_argument("--adam_beta1", type=below_one, default=0.9)
    solver.add_argument("--adam_beta2", type=below_one, default=0.999)
    solver.add_argument("--weight_decay", type=zero_or_more, default=1e-4)
    solver.add_argument("--warmup_iters", type=whole, metavar="N",
                        help="steps over which the learning rate rises from 0 to the schedule's; by default "
                             f"{MUON_WARMUP} with Muon, 0 with the others and with OneCycleLR, which rises itself")
    solver.add_argument("--clip_grad_norm", type=zero_or_more, default=0.0, metavar="X",
                        help="longer gradients, over all parameters, are scaled to this length; 0: never")
    solver.add_argument("--ema_decay", type=below_one, default=0.0, metavar="D",
                        help="validate and save a moving average of the weights, of which each step keeps the share D "
                             "(less in the first steps), such as 0.999; 0: the weights themselves")
    solver.add_argument("--iter_size", type=positive, default=1, help="batches whose gradients are added up per step")
    solver.add_argument("--max_iter", type=whole, default=10**7)
    solver.add_argument("--max_epoch", type=whole, default=200)
    solver.add_argument("--scheduler", default="MultiStepLR",
                        choices=("StepLR", "MultiStepLR", "PolyLR", "SquaredLR", "ExpLR", "CosineAnnealingLR",
                                 "OneCycleLR", "ReduceLROnPlateau"))
    solver.add_argument("--step_size", type=positive, default=20000, help="StepLR, in iterations")
    solver.add_argument("--multi_step_milestones", type=ascending, default=[120, 150], help="in epochs")
    solver.add_argument("--step_gamma", type=factor, default=0.3)
    solver.add_argument("--poly_power", type=zero_or_more, default=0.9)
    solver.add_argument("--exp_gamma", type=factor, default=0.95)
    solver.add_argument("--exp_step_size", type=above_zero, default=445)
    solver.add_argument("--onecycle_rise", type=share, default=0.3,
                        help="OneCycleLR: share of the steps that rise to --lr")
    solver.add_argument("--scheadule_monitor", default="val_miou", choices=("val_miou", "val_loss"),
                        help="what ReduceLROnPlateau watches; the best checkpoint is always the one of highest mIoU")
    solver.add_argument("--scheduler_min_lr", type=zero_or_more, default=0.001, help="ReduceLROnPlateau")
    solver.add_argument("--reduce_patience", type=whole, default=20, help="ReduceLROnPlateau, in validations")
