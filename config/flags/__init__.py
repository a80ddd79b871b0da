"""The flags of main.py, a module for each concern, in `--help`'s order; its `add_flags(parser)` adds them."""
from config.flags import augmentation, data, inference, language, long_tail, losses, network, run, scans, solver

CONCERNS = (network, losses, language, solver, data, long_tail, augmentation, scans, inference, run)
