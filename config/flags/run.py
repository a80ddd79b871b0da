"""Where a run writes, and how it computes."""
import argparse

from config.types import positive, str2bool, whole


def add_flags(parser: argparse.ArgumentParser) -> None:
    run = parser.add_argument_group("run")
    run.add_argument("--log_dir", default="outputs/default", metavar="DIR")
    run.add_argument("--overwrite_weights", type=str2bool, default=True,
                     help="True: a new run's first checkpoint takes the place of an older run's best.ckpt, last.ckpt "
                          "and scores.json in --log_dir; False: stop if there are checkpoints")
    run.add_argument("--keep_checkpoints", type=positive, default=1, metavar="K",
                     help="latest checkpoints to keep beside best.ckpt: last.ckpt and, from 2 on, step_<STEP>.ckpt")
    run.add_argument("--resume", metavar="DIR|FILE.ckpt",
                     help="go on exactly where a run stopped, with its flags and in its folder; flags of the line win, "
                          "and what they change is printed")
    run.add_argument("--dry_run", type=str2bool, default=False,
                     help="True: check all that the training needs, say what it would do and how long it would take, "
                          "by a few steps that are forgotten; nothing is written to --log_dir")
    run.add_argument("--stat_freq", type=positive, default=40, help="iterations between logged training figures")
    run.add_argument("--max_skipped_steps", type=whole, default=5, metavar="N",
                     help="steps in a row whose loss or gradients are not finite, which are left out; one more ends "
                          "the run; 0: the first does")
    run.add_argument("--val_epoch_freq", type=positive, default=1, help="epochs between validations")
    run.add_argument("--val_pictures", type=whole, default=4, metavar="N",
                     help="validation scenes that TensorBoard shows after each validation, prediction beside ground "
                          "truth; 0: none")
    run.add_argument("--visualize", type=str2bool, default=False, help="with --is_train False: write .ply and .txt")
    run.add_argument("--visualize_path", default="outputs/visualize", metavar="DIR", help="they go to DIR/fulleval")
    run.add_argument("--save_confusion", type=str2bool, default=False,
                     help="write the confusion matrix beside the scores: confusion.npz: counts[true, predicted], names "
                          "and the totals of every scene")
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
    run.add_argument("--num_gpu", type=positive, default=1, metavar="N",
                     help="processes on this machine: one for each GPU, or N that share its cores where there is none; "
                          "each takes --batch_size scenes at once")
    run.add_argument("--sync_batch_norm", type=str2bool, default=False,
                     help="batch norm by the voxels of all processes instead of each one's own")
    run.add_argument("--seed", type=whole, default=42)
