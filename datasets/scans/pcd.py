"""PCD of the Point Cloud Library: ascii, binary, binary_compressed; organised clouds keep their NaNs and order."""
import io

import numpy as np

from datasets.scans.ply import typed
from datasets.scans.vertices import PACKED, Vertices

HEADER_LIMIT = 1 << 14  # bytes
KINDS = {("F", 4): "<f4", ("F", 8): "<f8", ("I", 1): "i1", ("I", 2): "<i2", ("I", 4): "<i4", ("I", 8): "<i8",
         ("U", 1): "u1", ("U", 2): "<u2", ("U", 4): "<u4", ("U", 8): "<u8"}


def read_pcd(data: np.ndarray, where: str) -> Vertices:
    """Columns of a PCD. data: (B,) uint8, the file. A field of several numbers becomes columns name_0, name_1, ...

    Raises ValueError, one line.
    """
    header, offset = _header(data, where)
    names, kinds, counts = _fields(header, where)
    points = _count(header, where, len(data), "POINTS" if "POINTS" in header else "WIDTH")
    body = data[offset:]
    dtype = np.dtype([(f"{i}", kind, (count,)) for i, (kind, count) in enumerate(zip(kinds, counts))])
    encoding, rest = header["DATA"][0].lower(), 0
    if encoding == "ascii":
        fields, rest = _ascii(body, names, kinds, counts, points, where)
    elif encoding == "binary":
        if len(body) < points * dtype.itemsize:
            raise ValueError(f"{where}: truncated: {points} points take {points * dtype.itemsize} bytes, "
                             f"{len(body)} left")
        rows = body[:points * dtype.itemsize].view(dtype) if points else np.empty(0, dtype)
        fields = [rows[name] for name in dtype.names]
        rest = len(body[points * dtype.itemsize:].tobytes().strip())
    elif encoding == "binary_compressed":
        fields = _compressed(body, kinds, counts, points, where)
    else:
        raise ValueError(f"{where}: DATA {encoding[:40]}: none of ascii, binary, binary_compressed")
    warnings = [f"holds {rest} {'rows' if encoding == 'ascii' else 'bytes'} more than its header says, which were not "
                "read: damaged?"] if rest else []
    columns: dict[str, np.ndarray] = {}
    for name, values, count in zip(names, fields, counts):
        if name == "_":  # padding
            continue
        for k in range(count):
            column = np.ascontiguousarray(values[:, k])
            columns[name if count == 1 else f"{name}_{k}"] = column.astype(column.dtype.newbyteorder("="))
    return Vertices(columns, warnings=warnings)


def _header(data: np.ndarray, where: str) -> tuple[dict[str, list[str]], int]:
    head, at, header = data[:HEADER_LIMIT].tobytes(), 0, {}
    while "DATA" not in header:
        end = head.find(b"\n", at)
        if end < 0:
            raise ValueError(f"{where}: {'truncated: its header does not end' if header else 'not a PCD file'}")
        words = head[at:end].decode("latin-1").split()
        at = end + 1
        if words and not words[0].startswith("#"):
            if not words[0].isupper() or len(header) > 20:
                raise ValueError(f"{where}: not a PCD file: bad header line {' '.join(words)[:60]!r}")
            header[words[0]] = words[1:]
    if "FIELDS" not in header and "COLUMNS" in header:
        header["FIELDS"] = header["COLUMNS"]
    missing = [key for key in ("FIELDS", "SIZE", "TYPE", "DATA") if not header.get(key)]
    if missing:
        raise ValueError(f"{where}: header lacks {', '.join(missing)}")
    return header, at


def _fields(header: dict[str, list[str]], where: str) -> tuple[list[str], list[str], list[int]]:
    names = header["FIELDS"]
    counts = header.get("COUNT") or ["1"] * len(names)
    if not len(names) == len(header["SIZE"]) == len(header["TYPE"]) == len(counts):
        raise ValueError(f"{where}: FIELDS, SIZE, TYPE and COUNT differ in length")
    kinds, numbers = [], []
    for name, size, kind, count in zip(names, header["SIZE"], header["TYPE"], counts):
        if not size.isdigit() or (kind.upper(), int(size)) not in KINDS:
            raise ValueError(f"{where}: field {name[:40]}: no type {kind[:10]}{size[:10]}")
        if not count.isdigit() or not 0 < int(count) <= 4096:
            raise ValueError(f"{where}: field {name[:40]}: bad count {count[:20]}")
        kinds.append(KINDS[kind.upper(), int(size)])
        numbers.append(int(count))
    return names, kinds, numbers


def _count(header: dict[str, list[str]], where: str, size: int, key: str) -> int:
    """Points of the cloud, as POINTS or WIDTH x HEIGHT say; both where both are there."""
    numbers = {}
    for name in ("POINTS", "WIDTH", "HEIGHT"):
        word = (header.get(name) or ["1" if name == "HEIGHT" else ""])[0]
        if name in header or name == key:
            if not word.isascii() or not word.isdigit():
                raise ValueError(f"{where}: {name} {word[:30]!r} is no count")
            numbers[name] = int(word)
    product = numbers.get("WIDTH", 0) * numbers.get("HEIGHT", 1)
    points = numbers.get("POINTS", product)
    if "WIDTH" in numbers and points != product:
        raise ValueError(f"{where}: damaged: WIDTH x HEIGHT is {product}, POINTS {points}")
    if points > size * 1100:  # the best that the compression can do
        raise ValueError(f"{where}: truncated: header promises {points} points, file has {size} bytes")
    return points


def _ascii(body: np.ndarray, names: list[str], kinds: list[str], counts: list[int], points: int, where: str
           ) -> tuple[list[np.ndarray], int]:
    """Fields, and how many rows there are beyond those of the header."""
    text = body.tobytes()
    if points > len(text):
        raise ValueError(f"{where}: truncated: header promises {points} points, {len(text)} bytes left")
    try:
        values = np.loadtxt(io.BytesIO(text), ndmin=2, comments=None, encoding="latin-1") if points \
            else np.empty((0, sum(counts)))
    except ValueError as error:
        raise ValueError(f"{where}: damaged: {' '.join(str(error).split())[:200]}") from None
    if len(values) < points or values.shape[1] != sum(counts):
        raise ValueError(f"{where}: truncated: {points} rows of {sum(counts)} numbers wanted, {len(values)} of "
                         f"{values.shape[1]} found")
    starts = np.cumsum([0, *counts])
    fields = [values[:points, start:start + count] for start, count in zip(starts, counts)]
    for number, (name, kind) in enumerate(zip(names, kinds)):
        if name in PACKED and kind == "<f4" and fields[number].max(initial=0) >= 1:
            kinds[number] = "<u4"  # three bytes written as the whole number that they are; as a float they are tiny
    try:
        return [typed(field, kind, name) for field, kind, name in zip(fields, kinds, names)], len(values) - points
    except ValueError as error:
        raise ValueError(f"{where}: damaged: {error}") from None


def _compressed(body: np.ndarray, kinds: list[str], counts: list[int], points: int, where: str) -> list[np.ndarray]:
    if len(body) < 8:
        raise ValueError(f"{where}: truncated: no compressed data")
    packed, size = (int(value) for value in body[:8].view("<u4"))
    wanted = points * sum(np.dtype(kind).itemsize * count for kind, count in zip(kinds, counts))
    if size != wanted or len(body) - 8 < packed:
        raise ValueError(f"{where}: truncated or damaged: {points} points take {wanted} bytes, the compressed part "
                         f"({len(body) - 8} of {packed} bytes) says {size}")
    try:
        plain = lzf_decompress(body[8:8 + packed].tobytes(), size)
    except ValueError as error:
        raise ValueError(f"{where}: damaged: {error}") from None
    fields, at = [], 0
    for kind, count in zip(kinds, counts):  # one field after the other
        length = points * np.dtype(kind).itemsize * count
        fields.append(np.frombuffer(plain, kind, points * count, at).reshape(points, count))
        at += length
    return fields


def lzf_decompress(data: bytes, size: int) -> bytes:
    """LZF (Marc Lehmann's LibLZF), `size` bytes of it. Raises ValueError where the data is damaged."""
    out, at, end = bytearray(), 0, len(data)
    while at < end:
        control = data[at]
        at += 1
        if control < 32:  # a run of bytes as they are
            if at + control + 1 > end:
                break
            out += data[at:at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:
            if at >= end:
                break
            length += data[at]
            at += 1
        if at >= end:
            break
        distance = ((control & 31) << 8) + data[at] + 1
        at += 1
        length += 2
        start = len(out) - distance
        if start < 0:
            raise ValueError("compressed data refers to what lies before its begin")
        if distance >= length:
            out += out[start:start + length]
        else:  # repeats itself
            out += (out[start:] * (length // distance + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size or at < end:
        raise ValueError(f"compressed data gives {len(out)} bytes, {size} wanted")
    return bytes(out)
