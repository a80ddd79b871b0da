"""The scans that inference runs over, each under a name of its own: `list_scenes("data/synthetic", "val")`."""
from collections import Counter
from pathlib import Path

from datasets.scannet200 import read_split
from datasets.scans.read import find_scans, scan_name


def is_dataset_root(root: str | Path, split: str) -> bool:
    """Whether a folder lists the scans of a split, or holds Pointcept's scene folders of it."""
    root = Path(root)
    return (root / f"{split}.txt").is_file() or any(root.glob(f"{split}/*/coord.npy"))


def list_scenes(root: str | Path, split: str) -> dict[str, Path]:
    """Name -> scan, in the order of the dataset's list or, of a file or a folder without one, of file names.

    What a list names and is missing is among them: its reader says so. Two files of one stem are told apart by their
    endings. Raises FileNotFoundError and ValueError, one line, where there is no scan.
    """
    if not str(root) or not Path(root).exists() or is_dataset_root(root, split):
        paths = read_split(root, split, missing_ok=True)
    else:
        try:
            paths = find_scans(root)
        except FileNotFoundError as error:
            listing = Path(root) / f"{split}.txt"
            raise FileNotFoundError(f"{error}; a dataset root would have {listing}") from None
    names = Counter(map(scan_name, paths))
    return {scan_name(path) if names[scan_name(path)] == 1 else path.name.replace(".", "_"): path for path in paths}
