"""The network, and which of the three stages runs it."""
import argparse

from config.types import below_one, int_list, positive, share, str2bool


def add_flags(parser: argparse.ArgumentParser) -> None:
    net = parser.add_argument_group("network")
    net.add_argument("--model", default="Res16UNet34D", help="a name of models.ARCHITECTURES; Res16UNet14S suits a CPU")
    net.add_argument("--conv1_kernel_size", type=positive, default=3)
    net.add_argument("--dilations", type=int_list, default=[1, 1, 1, 1], help="of the four encoder stages")
    net.add_argument("--bn_momentum", type=share, default=0.02, help="of every batch norm")
    net.add_argument("--drop_path", type=below_one, default=0.0, metavar="P",
                     help="stochastic depth: how often training leaves out a scene's last residual block, those before "
                          "it linearly less often; 0: never")
    net.add_argument("--weights", metavar="FILE.ckpt|NAME", help="start from these weights (optimiser and step start "
                     "anew): a checkpoint, or a network of weights/, such as `pretrained`; "
                     "with --is_train False, A.ckpt,B.ckpt: the mean of several networks")
    net.add_argument("--lenient_weight_loading", type=str2bool, default=False,
                     help="load what fits of --weights, list the rest")

    stage = parser.add_argument_group("stage")
    stage.add_argument("--is_train", type=str2bool, default=True, help="False: evaluate; with --visualize True, infer")
    stage.add_argument("--use_embedding_loss", type=str2bool,
                       help="stage 1: language-grounded pretraining; where it is left out, --dataset decides: True for "
                            "the Textual ones")
    stage.add_argument("--classifier_only", type=str2bool, default=False,
                       help="stage 3: train the last layer, batch norm frozen")
