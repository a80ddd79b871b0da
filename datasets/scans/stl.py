"""STL, binary and ASCII: three vertices a triangle, in the file's order, without colours."""
import re

import numpy as np

from datasets.scans.vertices import Vertices

ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(data: np.ndarray, where: str) -> Vertices:
    """data: (B,) uint8, the file. Raises ValueError, one line."""
    count = int(data[80:84].view("<u4")[0]) if len(data) >= 84 else -1
    start, rest = data[:256].tobytes(), 0
    if len(data) == 84 + count * ROW.itemsize or not (start.lstrip()[:5].lower() == b"solid" and b"\0" not in start):
        if count < 0:
            raise ValueError(f"{where}: truncated or no STL file")
        if len(data) < 84 + count * ROW.itemsize:
            raise ValueError(f"{where}: truncated or no STL file: {count} triangles take {count * ROW.itemsize} bytes, "
                             f"{len(data) - 84} left")
        corners = data[84:84 + count * ROW.itemsize].view(ROW)["corners"].reshape(-1, 3)
        rest = len(data) - 84 - count * ROW.itemsize
    else:
        words = re.findall(rb"vertex\s+(\S+)\s+(\S+)\s+(\S+)", data.tobytes())
        try:
            corners = np.array(words, np.float64).reshape(-1, 3)
        except ValueError as error:
            raise ValueError(f"{where}: damaged STL: {' '.join(str(error).split())[:120]}") from None
        facets = len(re.findall(rb"\bfacet\s", data.tobytes()))
        if len(corners) != 3 * facets:
            raise ValueError(f"{where}: damaged STL: {len(corners)} vertices in {facets} facets")
        if len(corners) % 3 or b"endsolid" not in data[-4096:].tobytes():
            raise ValueError(f"{where}: truncated STL: it ends within a triangle or without `endsolid`")
    if not len(corners):
        raise ValueError(f"{where}: has no triangles")
    warnings = [f"holds {rest} bytes more than its header says, which were not read: damaged?"] if rest else []
    return Vertices(dict(zip("xyz", corners.astype(np.float32).T.copy())),
                    faces=np.arange(len(corners)).reshape(-1, 3), warnings=warnings)
