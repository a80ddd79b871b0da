"""The folder of what this package makes for the machine: compiled libraries, tiles timed for a GPU."""
import os
from pathlib import Path


def cache_folder() -> Path:
    """$TORCH_EXTENSIONS_DIR/lib_sparse or ~/.cache/torch_extensions/lib_sparse."""
    root = os.environ.get("TORCH_EXTENSIONS_DIR") or Path.home() / ".cache" / "torch_extensions"
    return Path(root) / "lib_sparse"
