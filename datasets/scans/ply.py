"""PLY as programs write it: ASCII, little and big endian, faces before or after, comments in any encoding.

`read_ply(data, where)`: the vertices of a file's bytes; nothing the header promises is believed before it is found.
"""
import contextlib
import io
import re
from dataclasses import dataclass

import numpy as np

from datasets.scans.vertices import Vertices

HEADER_LIMIT = 1 << 16  # bytes; a header that does not end before is no header
TYPES = {"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
         "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
         "double": "f8", "float64": "f8"}
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
SILENT = ("ply", "format", "comment", "obj_info")  # first words of header lines that name no column
FACE_LISTS = ("vertex_indices", "vertex_index")


class Truncated(ValueError):
    """The file ends before what its header promises."""


@dataclass
class Element:
    """properties: (name, type, type of the length, "" where it is no list)."""
    name: str
    count: int
    properties: list[tuple[str, str, str]]

    @property
    def lists(self) -> bool:
        return any(length for _, _, length in self.properties)


def read_ply(data: np.ndarray, where: str, strict: bool = False, faces: bool = True) -> Vertices:
    """Vertex columns and triangles of a PLY. data: (B,) uint8, the file.

    strict: a file is refused that is damaged after its vertices, or holds more than its header says. faces: hand the
    triangles over, too. Raises ValueError, one line.
    """
    order, elements, offset = _header(data, where)
    if "vertex" not in [element.name for element in elements]:
        raise ValueError(f"{where}: has no vertex element")
    body = data[offset:]
    cursor = _Text(body) if order == "" else _Binary(body, order)
    found, remarks = {}, []
    for element in elements:
        try:
            found.setdefault(element.name, cursor.take(element))
        except (ValueError, OverflowError, MemoryError) as error:
            reason = f"{element.name}: {' '.join(str(error).split())[:200]}"
            if strict or "vertex" not in found:
                raise ValueError(f"{where}: truncated or damaged PLY: {reason}") from None
            remarks.append(f"damaged after its vertices, which are whole and were read ({reason})")
            break
    else:
        if rest := cursor.rest():
            if strict:
                raise ValueError(f"{where}: damaged PLY: {rest} more than its header says")
            remarks.append(f"holds {rest} more than its header says, which were not read: damaged?")
    columns = {name: values for name, values in found["vertex"].items() if not isinstance(values, tuple)}
    vertices = Vertices(columns, warnings=remarks)
    lists = next((found["face"][name] for name in FACE_LISTS if name in found.get("face", {})), None)
    if lists is not None and faces:
        vertices.faces = fan(*lists)
    return vertices


def fan(lengths: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) int64 of polygons. lengths: (F,) corners of each; items: (sum of lengths,) vertex rows."""
    items = items.astype(np.int64)
    if len(lengths) and (lengths == 3).all():
        return items.reshape(-1, 3)
    starts = np.cumsum(lengths) - lengths
    count = np.maximum(lengths - 2, 0)
    polygon = np.repeat(np.arange(len(lengths)), count)
    corner = np.arange(len(polygon)) - np.repeat(np.cumsum(count) - count, count)  # 0.. within its polygon
    first = starts[polygon]
    return np.stack([items[first], items[first + corner + 1], items[first + corner + 2]], 1).reshape(-1, 3)


def _header(data: np.ndarray, where: str) -> tuple[str, list[Element], int]:
    """Byte order ("" for text), elements, and where the body begins."""
    head = data[:HEADER_LIMIT].tobytes()
    start = re.match(rb"ply[ \t]*(\r\n|\n|\r)", head)
    if not start:
        raise ValueError(f"{where}: not a PLY file")
    end = re.search(rb"end_header[ \t]*(" + start[1] + rb"|\r\n|\n|\r|$)", head)
    if not end:
        raise ValueError(f"{where}: truncated or damaged PLY: its header does not end")
    order, elements = None, []
    for line in re.split(r"[\r\n]+", head[:end.start()].decode("latin-1")):
        words = line.split()
        if words[:1] == ["format"] and len(words) > 1:
            order = ORDERS.get(words[1])
        elif words[:1] == ["element"] and len(words) >= 3:
            if not words[2].isascii() or not words[2].isdigit():
                raise ValueError(f"{where}: element {words[1]}: bad count {words[2]!r} in the header")
            if int(words[2]) > len(data):  # every row takes at least a byte
                raise ValueError(f"{where}: truncated: header promises {words[2]} rows of {words[1]}, "
                                 f"file has {len(data)} bytes")
            elements.append(Element(words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            listed = len(words) == 5 and words[1] == "list"
            kinds = words[2:4] if listed else words[1:2]
            if not elements or len(words) != (5 if listed else 3) or any(kind not in TYPES for kind in kinds):
                raise ValueError(f"{where}: truncated or damaged PLY: bad header line {line.strip()[:80]!r}")
            if words[-1] in [name for name, _, _ in elements[-1].properties]:
                raise ValueError(f"{where}: truncated or damaged PLY: two properties named {words[-1]}")
            elements[-1].properties.append((words[-1], TYPES[kinds[-1]], TYPES[kinds[0]] if listed else ""))
        elif words and words[0] not in SILENT:  # a damaged `property` would shift all that follows
            raise ValueError(f"{where}: truncated or damaged PLY: bad header line {line.strip()[:80]!r}")
    if order is None:
        raise ValueError(f"{where}: truncated or damaged PLY: its header names no format that is known")
    return order, elements, end.end()


class _Binary:
    """Rows of elements, one after the other. What is a list comes as (lengths, items)."""

    def __init__(self, body: np.ndarray, order: str):
        self.body, self.order, self.at = body, order, 0

    def take(self, element: Element) -> dict:
        if not element.lists:
            rows = self._rows(element, 0)
            return {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name, _, _ in element.properties}
        for corners in (3, 4):  # nearly all meshes are of one kind
            if (taken := self._all_alike(element, corners)) is not None:
                return taken
        return self._row_by_row(element)

    def rest(self) -> str:
        """What is left, in words; "" for nothing but white space."""
        left = self.body[self.at:]
        return f"{len(left)} bytes" if left[:1 << 16].tobytes().strip() else ""

    def _rows(self, element: Element, corners: int) -> np.ndarray:
        fields = []
        for number, (name, kind, length) in enumerate(element.properties):
            if length:
                fields.append((f"{number} length", self.order + length))
            fields.append((name, self.order + kind, (corners,)) if length else (name, self.order + kind))
        dtype = np.dtype(fields)
        size = element.count * dtype.itemsize
        if len(self.body) - self.at < size:
            raise Truncated(f"{element.count} rows take {size} bytes, {len(self.body) - self.at} left")
        rows = self.body[self.at:self.at + size].view(dtype) if size else np.empty(element.count, dtype)
        self.at += size
        return rows

    def _all_alike(self, element: Element, corners: int) -> dict | None:
        before = self.at
        try:
            rows = self._rows(element, corners)
        except Truncated:
            return None
        taken = {}
        for number, (name, _, length) in enumerate(element.properties):
            values = rows[name].astype(rows[name].dtype.newbyteorder("="))
            if length:
                lengths = rows[f"{number} length"].astype(np.int64)
                if (lengths != corners).any():
                    self.at = before
                    return None
                values = (lengths, values.reshape(-1))
            taken[name] = values
        return taken

    def _row_by_row(self, element: Element) -> dict:
        body, at, end = memoryview(np.ascontiguousarray(self.body)), self.at, len(self.body)
        taken = {name: [] for name, _, _ in element.properties}
        lengths = {name: [] for name, _, _ in element.properties}
        kinds = [(name, np.dtype(self.order + kind), np.dtype(self.order + length) if length else None)
                 for name, kind, length in element.properties]
        for row in range(element.count):
            for name, kind, length in kinds:
                many = 1
                if length is not None:
                    if at + length.itemsize > end:
                        raise Truncated(f"the file ends in row {row} of {element.count}")
                    many = int(np.frombuffer(body, length, 1, at)[0])
                    at += length.itemsize
                    lengths[name].append(many)
                if many < 0 or at + many * kind.itemsize > end:
                    raise Truncated(f"the file ends in row {row} of {element.count}")
                taken[name].append(np.frombuffer(body, kind, many, at))
                at += many * kind.itemsize
        self.at = at
        return _join(element, taken, lengths)


class _Text:
    """As `_Binary`, of lines."""

    def __init__(self, body: np.ndarray):
        text = body.tobytes()
        self.text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        ends = np.flatnonzero(np.frombuffer(self.text, np.uint8) == 10)
        rest = bool(self.text[ends[-1] + 1 if len(ends) else 0:].strip())
        self.ends = np.append(ends, len(self.text)) if rest else ends  # of each line
        self.line = 0

    def take(self, element: Element) -> dict:
        if self.line + element.count > len(self.ends):
            raise Truncated(f"{element.count} rows, {len(self.ends) - self.line} lines left")
        start = self.ends[self.line - 1] + 1 if self.line else 0
        self.line += element.count
        stop = self.ends[self.line - 1] if element.count else start
        block = self.text[start:stop]
        if element.lists:
            return self._lists(element, block)
        if not element.count or not element.properties:
            return {name: np.empty(0, kind) for name, kind, _ in element.properties}
        values = np.loadtxt(io.BytesIO(block), ndmin=2, comments=None, encoding="latin-1")
        if values.shape != (element.count, len(element.properties)):
            raise ValueError(f"{len(element.properties)} numbers a row and {element.count} rows wanted, got "
                             f"{values.shape[1]} and {values.shape[0]}")
        return {name: typed(values[:, i], kind, name) for i, (name, kind, _) in enumerate(element.properties)}

    def rest(self) -> str:
        lines = self.text[self.ends[self.line - 1] + 1 if self.line else 0:].split(b"\n")
        lines = sum(1 for line in lines if line.strip())
        return f"{lines} lines" if lines else ""

    def _lists(self, element: Element, block: bytes) -> dict:
        if len(element.properties) == 1 and element.count:  # a mesh of triangles: all rows alike
            (name, kind, _), = element.properties
            with contextlib.suppress(ValueError):
                values = np.loadtxt(io.BytesIO(block), ndmin=2, comments=None, encoding="latin-1")
                if len(values) == element.count and (values[:, 0] == values.shape[1] - 1).all():
                    return {name: (values[:, 0].astype(np.int64), typed(values[:, 1:].reshape(-1), kind, name))}
        taken = {name: [] for name, _, _ in element.properties}
        lengths = {name: [] for name, _, _ in element.properties}
        for row, line in enumerate(block.split(b"\n") if element.count else []):
            words, at = line.split(), 0
            for name, _, length in element.properties:
                many = 1
                if length:
                    many = int(float(words[at])) if at < len(words) else -1
                    at += 1
                    lengths[name].append(many)
                if many < 0 or at + many > len(words):
                    raise Truncated(f"row {row} of {element.count} is short")
                taken[name].append(np.array(words[at:at + many], np.float64))
                at += many
        return _join(element, taken, lengths)


def _join(element: Element, taken: dict, lengths: dict) -> dict:
    joined = {}
    for name, kind, length in element.properties:
        items = np.concatenate(taken[name]) if taken[name] else np.empty(0)
        items = typed(items, kind, name)
        joined[name] = (np.array(lengths[name], np.int64), items) if length else items
    return joined


def typed(values: np.ndarray, kind: str, name: str) -> np.ndarray:
    """Values in a column's type; ValueError where an integer column holds a fraction or what its type cannot."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = values.astype(kind)
    if np.dtype(kind).kind in "iu" and not np.array_equal(cast, values):
        wrong = int(np.argmax(cast != values))
        raise ValueError(f"{name} of row {wrong} is {values.reshape(-1)[wrong]}, which its type does not hold")
    return cast
