"""Does a room read the same whatever wrote it? `python -m benchmarks.scan_formats [--weights best.ckpt]`

Writes one room in every format and variant, reads each, and prints what was taken, how far the cloud lies from that of
the plain PLY, and the share of equal colours; with --weights the share of equal predicted labels. --guess ROOT instead
counts how often unit and axes are guessed right for the scenes of a folder.
"""
import argparse
import gzip
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from config.command import command
from datasets.ply import Scene, read_scene, write_columns, write_scene
from datasets.scans.directions import UPS, turn_of
from datasets.scans.read import ScanOptions, find_scans, read_scan
from datasets.scans.scan import Scan
from datasets.scans.units import UNITS

OPTIONAL = {".las": "laspy", ".laz": "lazrs", ".e57": "pye57"}
COLORS = ("red", "green", "blue")


def columns_of(scene: Scene, points: np.ndarray | None = None, colors: np.ndarray | None = None,
               names: tuple = COLORS) -> dict[str, np.ndarray]:
    points = scene.points if points is None else points
    columns = dict(zip("xyz", np.ascontiguousarray(points.T)))
    columns |= dict(zip(names, np.ascontiguousarray((scene.colors if colors is None else colors).T)))
    return columns | {"label": scene.labels.astype(np.int32)}


def write_ply_text(path: Path, columns: dict[str, np.ndarray], comment: bytes = b"made by hand", kinds=None) -> None:
    names = {"f4": "float", "f8": "double", "u1": "uchar", "u2": "ushort", "i4": "int"}
    head = b"ply\nformat ascii 1.0\ncomment " + comment + b"\n" + f"element vertex {len(columns['x'])}\n".encode()
    head += "".join(f"property {names[values.dtype.str[1:]]} {name}\n" for name, values in columns.items()).encode()
    rows = np.stack([values.astype(np.float64) for values in columns.values()], 1)
    with open(path, "wb") as file:
        file.write(head + b"end_header\n")
        np.savetxt(file, rows, fmt=kinds or ["%.9g"] * rows.shape[1])


def write_pcd(path: Path, columns: dict[str, np.ndarray], encoding: str) -> None:
    """As PCL does: colours packed into one float."""
    columns = dict(columns)
    red, green, blue = (columns.pop(color).astype(np.uint32) for color in COLORS)
    columns["rgb"] = ((red << 16) | (green << 8) | blue).view(np.float32)
    kinds = {name: {"f": "F", "i": "I", "u": "U"}[values.dtype.kind] for name, values in columns.items()}
    count = len(columns["x"])
    head = (f"# .PCD v0.7\nVERSION 0.7\nFIELDS {' '.join(columns)}\n"
            f"SIZE {' '.join(str(values.dtype.itemsize) for values in columns.values())}\n"
            f"TYPE {' '.join(kinds.values())}\nCOUNT {' '.join('1' * len(columns))}\nWIDTH {count}\nHEIGHT 1\n"
            f"VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {count}\nDATA {encoding}\n").encode()
    rows = np.empty(count, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    if encoding == "binary":
        body = rows.tobytes()
    elif encoding == "ascii":
        body = "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in rows.tolist()).encode()
    else:
        plain = b"".join(values.tobytes() for values in columns.values())
        packed = lzf_literals(plain)
        body = struct.pack("<II", len(packed), len(plain)) + packed
    path.write_bytes(head + body)


def lzf_literals(data: bytes) -> bytes:
    """LZF without one repetition: runs of 32 bytes."""
    runs = [data[i:i + 32] for i in range(0, len(data), 32)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def write_las(path: Path, points: np.ndarray, scene: Scene) -> None:
    import laspy
    header = laspy.LasHeader(point_format=2, version="1.2")
    header.offsets, header.scales = np.floor(points.min(0)), np.full(3, 1e-6)
    las = laspy.LasData(header)
    las.x, las.y, las.z = points.T
    las.red, las.green, las.blue = scene.colors.astype(np.uint16).T * 257
    las.write(str(path))


def write_e57(path: Path, scene: Scene) -> None:
    import pye57
    file = pye57.E57(str(path), mode="w")
    data = {f"cartesian{axis}": column.astype(np.float64) for axis, column in zip("XYZ", scene.points.T)}
    data |= {f"color{color}": column for color, column in zip(("Red", "Green", "Blue"), scene.colors.T)}
    file.write_scan_raw(data, name="room")
    file.close()


def y_up(points: np.ndarray) -> np.ndarray:
    return points.astype(np.float64) @ turn_of(UPS["y"])  # the rotation's transpose, applied to rows


def write_glb(path: Path, scene: Scene) -> None:
    import trimesh
    alpha = np.full((len(scene.colors), 1), 255, np.uint8)
    cloud = trimesh.PointCloud(y_up(scene.points), np.concatenate([scene.colors, alpha], 1))
    cloud.export(path)


def variants(scene: Scene) -> Iterator[tuple[str, str, Callable[[Path], None]]]:
    """(name, file or folder, what writes it): all hold the same points in the same order."""
    points, colors = scene.points.astype(np.float64), scene.colors

    def ply(**changes) -> Callable[[Path], None]:
        return lambda path: write_columns(path, {key: value for key, value in (columns_of(scene) | changes).items()
                                                 if value is not None})

    def recolored(values: np.ndarray, names: tuple = COLORS) -> Callable[[Path], None]:
        return lambda path: write_columns(path, columns_of(scene, None, values, names))

    def moved(values: np.ndarray) -> Callable[[Path], None]:
        return lambda path: write_columns(path, columns_of(scene, values))

    yield "PLY, binary", "room.ply", ply()
    yield "PLY, double", "double.ply", moved(points)
    yield "PLY, ASCII", "ascii.ply", lambda path: write_ply_text(path, columns_of(scene))
    yield "PLY, ASCII, 9.0 for a byte", "ninezero.ply", lambda path: write_ply_text(
        path, columns_of(scene), kinds=["%.9g"] * 3 + ["%.1f"] * 4)
    yield "PLY, a comment in Latin-1", "comment.ply", lambda path: write_ply_text(path, columns_of(scene),
                                                                                   "Büro".encode("latin-1"))
    yield "PLY, big endian", "big.ply", lambda path: write_big_endian(path, columns_of(scene))
    yield "PLY, zipped", "zipped.ply.gz", lambda path: path.write_bytes(gzip.compress(_bytes_of(scene), 1))
    yield "PLY, its faces cut short", "cut.ply", lambda path: path.write_bytes(with_faces(scene)[:-1000])
    yield "PLY, diffuse_red", "diffuse.ply", recolored(colors, tuple(f"diffuse_{c}" for c in COLORS))
    yield "PLY, r g b", "rgb.ply", recolored(colors, ("r", "g", "b"))
    yield "PLY, float colours 0..1", "fractions.ply", recolored((colors / 255).astype(np.float32))
    yield "PLY, 16-bit colours", "short.ply", recolored(colors.astype(np.uint16) * 257)
    yield "PLY, Gaussian splats", "splats.ply", recolored(
        ((colors / 255 - 0.5) / 0.28209479177387814).astype(np.float32), ("f_dc_0", "f_dc_1", "f_dc_2"))
    for unit, metres in UNITS.items():
        if unit != "m":
            yield f"PLY in {unit}", f"{unit}.ply", moved(points / metres)
    for up in list(UPS)[1:]:
        yield f"PLY, {up} up", f"up{up}.ply", moved(points @ turn_of(UPS[up]))
    yield "PLY, y up, mm", "ymm.ply", moved(points @ turn_of(UPS["y"]) * 1000)
    yield "PLY, UTM in double", "utm.ply", moved(points + [691_234.37, 5_335_678.91, 512.25])
    yield "PLY, moved by metres", "moved.ply", moved((points + [3.217, -8.113, 1.371]).astype(np.float32))
    for encoding in ("ascii", "binary", "binary_compressed"):
        yield f"PCD, {encoding}", f"{encoding}.pcd", lambda path, encoding=encoding: write_pcd(
            path, columns_of(scene), encoding)
    rows = np.concatenate([points, colors], 1)
    for name, separator in (("room.xyz", " "), ("room.txt", "\t"), ("room.csv", ",")):
        yield f"text, {name}", name, lambda path, separator=separator: np.savetxt(
            path, rows, fmt=["%.9g"] * 3 + ["%d"] * 3, delimiter=separator,
            header="x,y,z,red,green,blue" if separator == "," else "", comments="")
    yield "text, decimal comma", "komma.xyz", lambda path: path.write_text(
        "\n".join(";".join(f"{value:.9g}".replace(".", ",") for value in row) for row in rows.tolist()) + "\n")
    yield "text, .pts with intensity", "room.pts", lambda path: np.savetxt(
        path, np.insert(rows, 3, -1200 + np.arange(len(rows)) % 900, 1), fmt=["%.9g"] * 3 + ["%d"] * 4,
        header=str(len(rows)), comments="")
    yield "numpy, .npy", "rows.npy", lambda path: np.save(path, rows.astype(np.float32))
    yield "numpy, .npz", "room.npz", lambda path: np.savez(
        path, coord=scene.points, color=colors, label=scene.labels)
    fractions = (colors / 255).astype(np.float32)
    for name, values in (("Pointcept's folder", colors), ("Pointcept's folder, fractions", fractions)):
        yield name, name.replace(" ", "_").replace(",", ""), lambda path, values=values: write_pointcept(
            path, scene, values)
    yield "LAS", "room.las", lambda path: write_las(path, points, scene)
    yield "LAZ, UTM", "room.laz", lambda path: write_las(path, points + [691_234.37, 5_335_678.91, 512.25], scene)
    yield "E57", "room.e57", lambda path: write_e57(path, scene)
    yield "OBJ, vertex colours", "room.obj", lambda path: path.write_text("".join(
        "v {:.9g} {:.9g} {:.9g} {:.6f} {:.6f} {:.6f}\n".format(*row)
        for row in np.concatenate([points, colors / 255], 1).tolist()))
    yield "glTF, .glb", "room.glb", lambda path: write_glb(path, scene)


def _bytes_of(scene: Scene) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder) / "a.ply", scene)
        return (Path(folder) / "a.ply").read_bytes()


def with_faces(scene: Scene) -> bytes:
    """A PLY with small triangles of neighbouring rows."""
    data = _bytes_of(scene)
    count = len(scene.points) // 3
    faces = np.empty(count, [("n", "u1"), ("rows", "<i4", 3)])
    faces["n"], faces["rows"] = 3, np.arange(3 * count).reshape(-1, 3)
    head = f"element face {count}\nproperty list uchar int vertex_indices\nend_header\n".encode()
    return data.replace(b"end_header\n", head, 1) + faces.tobytes()


def write_big_endian(path: Path, columns: dict[str, np.ndarray]) -> None:
    names = {"f4": "float", "u1": "uchar", "i4": "int"}
    head = f"ply\nformat binary_big_endian 1.0\nelement vertex {len(columns['x'])}\n"
    head += "".join(f"property {names[values.dtype.str[1:]]} {name}\n" for name, values in columns.items())
    rows = np.empty(len(columns["x"]), [(name, values.dtype.newbyteorder(">")) for name, values in columns.items()])
    for name, values in columns.items():
        rows[name] = values
    path.write_bytes(head.encode() + b"end_header\n" + rows.tobytes())


def write_pointcept(folder: Path, scene: Scene, colors: np.ndarray) -> None:
    folder.mkdir()
    np.save(folder / "coord.npy", scene.points)
    np.save(folder / "color.npy", colors)


def compare(base: Scan, scan: Scan) -> tuple[float, float]:
    """Largest difference of a coordinate of the clouds (m), share of equal colours; inf where they differ in number."""
    first, second = base.cloud(), scan.cloud()
    if first.points.shape != second.points.shape:
        return np.inf, 0.0
    equal = 0.0 if second.colors is None else float((first.colors == second.colors).all(1).mean())
    return float(np.abs(first.points - second.points).max()), equal


def predictor(weights: str | None) -> Callable[[Scan], np.ndarray] | None:
    """A network's labels at the vertices of a scan; None without weights."""
    if not weights:
        return None
    from lib.predictor import Predictor
    network = Predictor(weights)

    def label(scan: Scan) -> np.ndarray:
        cloud = scan.cloud()
        return scan.at_vertices(network(cloud.points, cloud.colors)[0], 0)
    return label


def as_scanned(points: np.ndarray) -> dict[str, np.ndarray]:
    """A room (N, 3) as scans have it: whole, without its top, a corner of it, and with points seen through windows."""
    low, high = points.min(0), points.max(0)
    middle = (low + high) / 2
    rng = np.random.default_rng(0)
    angle, far = rng.uniform(-0.6, 0.6, len(points) // 50), rng.uniform(8, 60, len(points) // 50)
    outside = middle + np.stack([far * np.cos(angle), far * np.sin(angle), rng.uniform(-2, 3, len(far))], 1)
    return {"whole": points, "topless": points[points[:, 2] < high[2] - 0.3],
            "corner": points[(points[:, :2] < middle[:2] + 0.5).all(1)],
            "windows": np.concatenate([points, outside])}


def guesses(root: str) -> None:
    """Print how often unit and up are guessed right, for the scenes of a folder in each unit and with each axis up."""
    scenes = [as_scanned(read_scene(path).points.astype(np.float64)) for path in find_scans(root)]
    print(f"{len(scenes)} scenes of {root}: guessed right, and in brackets how many of the wrong ones without a doubt")
    print(" " * 11 + "".join(f"{kind:>12}" for kind in scenes[0]))
    with tempfile.TemporaryDirectory() as folder:
        cases = [("unit", unit, turn_of(UPS["z"]) / metres) for unit, metres in UNITS.items()]
        cases += [("up", up, turn_of(axis)) for up, axis in UPS.items()]
        for asked, name, matrix in cases:
            print(f"{asked:>5} {name:5}", end="")
            for kind in scenes[0]:
                right = silent = 0
                for scene in scenes:
                    write_columns(Path(folder) / "a.ply", dict(zip("xyz", (scene[kind] @ matrix).T)))
                    scan = read_scan(Path(folder) / "a.ply")
                    fits = f"{asked} {name}" in [word.removesuffix(",") for word in _pairs(" ".join(scan.remarks))]
                    right += fits
                    silent += not fits and not any("doubtful" in warning for warning in scan.warnings)
                print(f"{right:7} ({silent:2})", end="", flush=True)
            print()


def _pairs(text: str) -> list[str]:
    words = text.split()
    return [f"{a} {b}" for a, b in zip(words, words[1:])]


@command
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--room", help="a labelled scene; default: one is generated")
    parser.add_argument("--weights", metavar="FILE.ckpt", help="label each variant with this network, too")
    parser.add_argument("--guess", metavar="ROOT", help="count right guesses of unit and axes instead")
    options = parser.parse_args(arguments)
    if options.guess:
        guesses(options.guess)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        scene = read_scene(options.room or generated_room(Path(folder) / "made"))
        label = predictor(options.weights)
        return print_table(scene, Path(folder), label)


def generated_room(folder: Path) -> Path:
    from datasets.synthetic.__main__ import main as generate
    generate(["--out", str(folder), "--train", "0", "--val", "1", "--test", "0", "--seed", "3", "--rooms", "living"])
    return next((folder / "val").glob("*.ply"))


def print_table(scene: Scene, folder: Path, label: Callable[[Scan], np.ndarray] | None) -> int:
    """Returns 1 where a variant is further than 0.1 mm from the base or has other colours."""
    base = base_labels = None
    failed = 0
    print(f"{'variant':32}{'largest difference':>20}{'equal colours':>15}" + (f"{'equal labels':>14}" if label else "")
          + "  taken")
    for name, file, write in variants(scene):
        path = folder / file
        write(path)
        scan = read_scan(path, ScanOptions())
        if base is None:
            base, base_labels = scan, label(scan) if label else None
        difference, colors = compare(base, scan)
        failed |= difference > 1e-4 or colors < 1
        line = f"{name:32}{1000 * difference:17.4f} mm{100 * colors:13.2f} %"
        if label:
            line += f"{100 * float((label(scan) == base_labels).mean()):12.2f} %"
        taken = "; ".join(remark.split(" (--unit")[0] for remark in scan.remarks + scan.warnings)
        print(f"{line}  {taken}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
