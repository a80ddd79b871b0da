"""Train or run a network: `python main.py --scannet_path DATA --log_dir OUT [flags]`; the flags choose the stage.

See training_scripts/ for the three stages and inference.sh for inference; `python main.py --help` lists every flag.
"""
import logging
import os
import sys

# Before torch is loaded: threads that wait for long spinning slow each other down tenfold where they outnumber the
# cores, and threads that do not spin at all wake up too late for the next small layer.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from config.config import get_config  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code; what a user can mend is one line on stderr and exit code 1."""
    logging.basicConfig(format="%(message)s")
    config = get_config(argv)
    from lib.inference import run_inference  # after the flags: a mistyped one need not wait for torch
    from lib.memory import keep_freed_memory
    from lib.trainer import train
    keep_freed_memory()
    try:
        train(config) if config.is_train else run_inference(config)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
