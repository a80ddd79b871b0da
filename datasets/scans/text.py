"""Points as text: .xyz, .txt, .pts, .csv, .asc. Separator, header, decimal comma and the order of columns are guessed.

A header names the columns. Without one: x y z first; then, of what is left, three columns of colour, perhaps behind one
of intensity; three that are all within -1..1 and of length 1 are normals.
"""
import io
import re

import numpy as np

from datasets.scans.names import name_columns
from datasets.scans.vertices import UNENDED, Vertices

FEW = 10  # rows that may be numbered by chance
PROBE = 1 << 16  # bytes that the guess looks at
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|[-+]?(nan|inf(inity)?)$", re.IGNORECASE)


def read_text(data: np.ndarray, where: str) -> Vertices:
    """Columns of a text file. data: (B,) uint8. Raises ValueError, one line."""
    text = data.tobytes()
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = text.decode("utf-16", "replace").encode()
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in text[:PROBE]:
        raise ValueError(f"{where}: is no text of numbers: it holds zero bytes")
    text = text.replace(b'"', b"")
    head = text[:PROBE].decode("latin-1").split("\n")
    if len(text) > PROBE:
        head = head[:-1]  # cut in the middle
    first, count = _begin(head, where)
    lines = [line for line in head[first:] if line.strip() and not line.lstrip().startswith(("#", "//"))]
    if not lines:
        raise ValueError(f"{where}: holds no row of numbers")
    separator, decimal_comma = _separator(lines, where)
    body = text.split(b"\n", first)[first] if first else text
    if decimal_comma:
        body = body.replace(b",", b".")
    if separator not in (None, b" "):
        body = body.replace(separator, b" ")
    body = body.replace(b"//", b"#")
    try:
        values = np.loadtxt(io.BytesIO(body), ndmin=2, comments="#", encoding="latin-1")
    except ValueError as error:
        raise ValueError(f"{where}: damaged or no text of numbers: {' '.join(str(error).split())[:200]}") from None
    if values.shape[1] < 3:
        raise ValueError(f"{where}: {values.shape[1]} numbers a row, a point needs at least x y z")
    if count is not None and count != len(values):
        raise ValueError(f"{where}: truncated or damaged: its first line says {count} points, {len(values)} are there")
    try:
        names, unit, doubt = name_columns(head[:first], separator and separator.decode(), values.shape[1])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if names is None:
        names = guess_columns(values)
        said = f"columns taken as {' '.join(names)} (a first line that names them overrules this)"
    else:
        said = f"columns as its header names them: {', '.join(names)}"
    vertices = Vertices(by_name(names, values), unit=unit, remarks=[f"{len(values):,} rows, {said}"],
                        warnings=[doubt] if doubt else [])
    if skipped := body.count(b"\n#"):
        vertices.warnings.append(f"{skipped} lines among its rows begin with # or // and were not read")
    if text[-1:] != b"\n":
        vertices.remarks.append(UNENDED)
    return vertices


def _begin(head: list[str], where: str) -> tuple[int, int | None]:
    """(line where the rows begin, count of points in the first line of a .pts or None)."""
    count = None
    for number, line in enumerate(head):
        bare = line.strip().lstrip("/#").strip()
        words = [word.strip("\"' ") for word in re.split(r"[,;\s]+", bare) if word]
        if not words:
            continue
        if line.strip().startswith(("#", "//")):
            continue
        if all(NUMBER.match(word) for word in words):
            if len(words) == 1 and words[0].isdigit() and count is None:  # how many points follow
                count = int(words[0])
                continue
            return number, count
        if number > 20:
            break
        if len(words) > 2 and 2 * sum(NUMBER.match(word) is not None for word in words) > len(words):
            raise ValueError(f"{where}: damaged: line {number + 1} is neither a header nor a row of numbers: "
                             f"{line.strip()[:60]!r}")
    raise ValueError(f"{where}: is no text of numbers: no row of numbers in its first lines")


def _separator(lines: list[str], where: str) -> tuple[bytes | None, bool]:
    """(separator, None: white space; whether a comma is the decimal point)."""
    sample = lines[:50]
    for separator in (";", "\t", ",", None):
        if separator is not None and not all(separator in line for line in sample):
            continue
        rows = [[word.strip() for word in (line.rstrip(separator).split(separator) if separator else line.split())]
                for line in sample]
        if len({len(row) for row in rows}) != 1 or len(rows[0]) < 3:
            continue
        for comma in (False, True) if separator != "," else (False,):
            if all(NUMBER.match(word.replace(",", ".") if comma else word) for row in rows for word in row):
                return (separator.encode() if separator else None), comma
    words = [word for line in sample for word in re.split(r"[,\s]+", line.strip().strip(",")) if word]
    if all("," in line for line in sample) and all(NUMBER.match(word) for word in words):  # both in one line
        return b",", False
    raise ValueError(f"{where}: is no table of numbers: line {sample[0].strip()[:60]!r}")


def guess_columns(values: np.ndarray) -> list[str]:
    """A name for each column of rows without header. values: (N, K)."""
    if values.shape[1] > 3 and _counts_rows(values[:, 0]):
        return ["index", *guess_columns(values[:, 1:])]
    if values.shape[1] >= 6 and _bytes(values[:, :3]) and not _bytes(values[:, 3:6]):
        return ["red", "green", "blue", *guess_columns(values[:, 3:])]
    names, rest = ["x", "y", "z"], list(range(3, values.shape[1]))
    extra = {}
    sample = values[np.isfinite(values).all(1)]
    sample = sample[::max(1, len(sample) // 20000)]
    colors_at = _colors_at(sample, rest)
    if colors_at is not None:
        extra |= {colors_at + k: color for k, color in enumerate(("red", "green", "blue"))}
        if colors_at == 4:
            extra[3] = "intensity"
    for start in rest:
        if all(start + k in rest and start + k not in extra for k in range(3)) and len(sample):
            lengths = np.linalg.norm(sample[:, start:start + 3], axis=1)
            if np.median(np.abs(lengths - 1)) < 0.02:
                extra |= {start + k: f"n{axis}" for k, axis in enumerate("xyz")}
    if colors_at is None and 3 in rest and 3 not in extra:
        extra[3] = "intensity"
    return names + [extra.get(column, f"column_{column + 1}") for column in rest]


def _bytes(part: np.ndarray) -> bool:
    """Whether columns are whole numbers up to 255, some of them large, and so no coordinates."""
    return len(part) >= FEW and bool((part == np.rint(part)).all() and part.min() >= 0 and 100 < part.max() <= 255)


def _counts_rows(column: np.ndarray) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ... and so no coordinate."""
    return len(column) >= FEW and column[0] in (0, 1) and bool((np.diff(column) == 1).all())


def _colors_at(sample: np.ndarray, rest: list[int]) -> int | None:
    """First of three columns of colour: of those in one range, the three that vary most alike."""
    starts = [start for start in rest if start + 2 in rest]
    if not len(sample):
        return starts[0] if starts else None
    for in_range in (lambda part: (part == np.rint(part)).all() and 1 < part.max() <= 255,
                     lambda part: 0 < part.max() <= 1.1, lambda part: part.max() <= 255.5,
                     lambda part: (part == np.rint(part)).all() and part.max() <= 65535):
        found = [start for start in starts if (part := sample[:, start:start + 3]).min() >= 0 and in_range(part)
                 and not np.median(np.abs(np.linalg.norm(part, axis=1) - 1)) < 1e-3]
        if found:
            alike = [_alikeness(sample[:, start:start + 3]) for start in found]
            return found[int(np.argmax(np.array(alike) > max(alike) - 0.05))]
    return None


def _alikeness(part: np.ndarray) -> float:
    """Mean correlation of three columns with each other; those of colours are high."""
    with np.errstate(invalid="ignore", divide="ignore"):
        table = np.nan_to_num(np.corrcoef(part.T))
    return float(table[np.triu_indices(3, 1)].mean())


def by_name(names: list[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of whole numbers as int32, the coordinates always as float64."""
    columns = {}
    for i, name in enumerate(names):
        column = np.ascontiguousarray(values[:, i])
        if name not in ("x", "y", "z"):
            with np.errstate(invalid="ignore", over="ignore"):
                whole = column.astype(np.int32)
            if np.array_equal(whole, column):
                column = whole
        columns[name] = column
    return columns
