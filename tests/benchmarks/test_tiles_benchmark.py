"""A large scan takes the memory of a tile, not of its own size."""
import subprocess
import sys

import pytest


def peaks(max_voxels: int) -> tuple[int, float, float]:
    """Tiles, and GiB at the peak and before the network ran, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.tiles", "--points", "6e5", "--voxel_size", "0.04",
                           "--max_voxels", str(max_voxels)], capture_output=True, text=True, check=True)
    cells = done.stdout.splitlines()[-1].strip("| ").split(" | ")
    return int(cells[3]), *(float(value) for value in cells[6].split(", "))


@pytest.mark.slow
def test_tiles_bound_the_memory_of_a_large_scan():
    (one, whole, before), (tiles, cut, _) = peaks(0), peaks(60_000)
    assert one == 1 and tiles > 2
    assert cut - before < 0.5 * (whole - before)
