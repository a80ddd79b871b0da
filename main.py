"""Train or run a network: `python main.py --scannet_path DATA --log_dir OUT [flags]`; the flags choose the stage.

See training_scripts/ for the three stages and inference.sh for inference; `python main.py --help` lists every flag.
"""
import logging
import os
import sys

# Before torch is loaded: threads that wait for long spinning slow each other down tenfold where they outnumber the
# cores, and threads that do not spin at all wake up too late for the next small layer.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from config.command import command  # noqa: E402
from config.config import get_config  # noqa: E402


@command
def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 1, too, where a scan of several could not be read."""
    logging.basicConfig(format="%(message)s")
    config = get_config(argv)
    from lib import distributed  # after the flags: a mistyped one need not wait for torch
    if not distributed.is_started() and config.num_gpu * distributed.machines() > 1:
        from lib.launch import launch
        return launch([__file__, *(sys.argv[1:] if argv is None else argv)], config.num_gpu)
    from lib.inference.predict import run_inference
    from lib.memory import keep_freed_memory
    from lib.training.plan import plan
    from lib.training.trainer import train
    keep_freed_memory()
    with distributed.joined(config.is_cuda):
        config.num_gpu = distributed.on_this_machine()
        if config.is_train:
            plan(config) if config.dry_run else train(config)
            return 0
        return int(bool(run_inference(config).failed) and distributed.is_main())


if __name__ == "__main__":
    sys.exit(main())
