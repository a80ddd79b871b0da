"""Meshes: vertices in the file's order, textures, coarse ones sampled."""
import numpy as np
import trimesh
from PIL import Image

from datasets.ply import write_columns
from datasets.scans.read import ScanOptions, read_scan
from datasets.scans.sampling import sample_faces

# A box of 4 x 3 x 2.5 m, z up: 8 corners, 12 triangles.
BOX = trimesh.creation.box((4, 3, 2.5))
CORNERS, FACES = np.asarray(BOX.vertices) + [2, 1.5, 1.25], np.asarray(BOX.faces)
Z_UP = ScanOptions("m", "z")


def distance_to_box(points: np.ndarray) -> np.ndarray:
    """How far points (M, 3) lie from the surface of the box; only for points that are within it or on it."""
    return np.minimum(points, [4, 3, 2.5] - points).min(1)


def test_a_low_poly_room_is_sampled_densely_and_its_vertices_stay(tmp_path):
    write_columns(tmp_path / "room.ply", dict(zip("xyz", CORNERS.T))
                  | {c: np.full(8, 90, np.uint8) for c in ("red", "green", "blue")}, FACES)
    scan = read_scan(tmp_path / "room.ply", Z_UP)
    assert np.array_equal(scan.points, CORNERS) and np.array_equal(scan.faces, FACES)
    area = 2 * (4 * 3 + 4 * 2.5 + 3 * 2.5)
    assert len(scan.samples) == int(4 * area / 0.02 ** 2) + 1
    assert np.abs(distance_to_box(scan.samples)).max() < 1e-9 and (scan.sample_colors == 90).all()
    voxels = np.unique(np.floor(scan.cloud().points / 0.02).astype(int), axis=0)
    assert len(voxels) > 0.97 * area / 0.02 ** 2  # hardly a hole
    values = np.arange(len(scan.samples) + 8)
    assert scan.at_vertices(values, -1).tolist() == list(range(8))


def test_a_fine_mesh_is_not_sampled(tmp_path):
    fine = BOX.copy()
    while fine.edges_unique_length.max() > 0.07:
        fine = fine.subdivide()
    write_columns(tmp_path / "scan.ply", dict(zip("xyz", np.asarray(fine.vertices).T)), np.asarray(fine.faces))
    assert read_scan(tmp_path / "scan.ply", Z_UP).samples is None


def test_samples_lie_as_densely_on_every_triangle():
    corners = np.array([[0, 0, 0], [3, 0, 0], [0, 1, 0], [5, 5, 5], [5, 6, 5], [5, 5, 6.0]])
    points, rows, weights = sample_faces(corners, np.array([[0, 1, 2], [3, 4, 5]]), 4000)
    assert np.bincount(rows).tolist() == [3000, 1000]  # areas of 1.5 and 0.5
    assert (weights >= 0).all() and np.allclose(weights.sum(1), 1)
    np.testing.assert_allclose(points[rows == 0].mean(0), [1, 1 / 3, 0], atol=0.02)


def checkers() -> Image.Image:
    """Left half red, right half blue."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4], pixels[:, 4:] = (255, 0, 0), (0, 0, 255)
    return Image.fromarray(pixels)


SQUARE = np.array([[0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0.0]])
UVS = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])


def assert_left_red_right_blue(scan, across=0):
    left = scan.samples[:, across] < 2
    assert left.any() and (scan.sample_colors[left] == (255, 0, 0)).all()
    assert (scan.sample_colors[~left] == (0, 0, 255)).all()
    assert scan.colors.tolist() == [[255, 0, 0], [0, 0, 255], [0, 0, 255], [255, 0, 0]]


def test_a_texture_of_an_obj_colours_its_faces_and_vertices(tmp_path):
    checkers().save(tmp_path / "wood floor.png")
    (tmp_path / "room.mtl").write_text("newmtl floor\nKd 1 1 1\nmap_Kd wood floor.png\n")
    (tmp_path / "room.obj").write_text(
        "mtllib room.mtl\n" + "".join(f"v {x} {y} {z}\n" for x, y, z in SQUARE)
        + "".join(f"vt {u} {v}\n" for u, v in UVS) + "usemtl floor\nf 1/1 2/2 3/3 4/4\n")
    assert_left_red_right_blue(read_scan(tmp_path / "room.obj", Z_UP))


def test_an_obj_without_its_material_file_is_read_without_colours_and_says_so(tmp_path):
    (tmp_path / "room.obj").write_text("mtllib gone.mtl\nusemtl a\n" + "".join(
        f"v {x} {y} {z}\n" for x, y, z in SQUARE) + "f -4 -3 -2\nf -4 -2 -1\n")
    scan = read_scan(tmp_path / "room.obj", Z_UP)
    assert scan.colors is None and scan.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert any("gone.mtl is missing" in warning for warning in scan.warnings)


def test_the_colour_of_an_objs_material_is_taken(tmp_path):
    (tmp_path / "room.mtl").write_text("newmtl a\nKd 0.2 0.4 1.0\n")
    (tmp_path / "room.obj").write_text("mtllib room.mtl\nusemtl a\n" + "".join(
        f"v {x} {y} {z}\n" for x, y, z in SQUARE) + "f 1 2 3 4\n")
    assert (read_scan(tmp_path / "room.obj", Z_UP).colors == (51, 102, 255)).all()


def test_a_glb_with_a_texture_a_node_and_y_up_is_turned_and_coloured(tmp_path):
    mesh = trimesh.Trimesh(SQUARE[:, [0, 2, 1]] * [1, 1, -1], [[0, 1, 2], [0, 2, 3]], process=False,
                           visual=trimesh.visual.TextureVisuals(UVS, image=checkers()))
    scene = trimesh.Scene()
    scene.add_geometry(mesh, transform=trimesh.transformations.translation_matrix([0, 7, 0]))
    scene.export(tmp_path / "room.glb")
    scan = read_scan(tmp_path / "room.glb", ScanOptions())
    assert_left_red_right_blue(scan)
    assert (scan.points[:, 1] == 7).all() and any("up y" in remark for remark in scan.remarks)
    assert np.allclose(np.ptp(scan.cloud().points, axis=0), [4, 3, 0], atol=1e-5)


def test_vertex_colours_of_a_glb_mesh_are_taken(tmp_path):
    colors = np.random.default_rng(0).integers(0, 256, (8, 4)).astype(np.uint8)
    colors[:, 3] = 255
    trimesh.Trimesh(CORNERS, FACES, vertex_colors=colors, process=False).export(tmp_path / "room.glb")
    scan = read_scan(tmp_path / "room.glb", Z_UP)
    assert np.array_equal(scan.colors, colors[:, :3]) and np.allclose(scan.points, CORNERS)


def test_both_kinds_of_stl_hold_the_same_triangles(tmp_path):
    for name, kind in (("a.stl", "stl"), ("b.stl", "stl_ascii")):
        BOX.export(tmp_path / name, file_type=kind)
    scans = [read_scan(tmp_path / name, Z_UP) for name in ("a.stl", "b.stl")]
    for scan in scans:
        assert np.allclose(scan.points.reshape(-1, 3, 3), np.asarray(BOX.triangles)) and scan.colors is None
        assert len(scan.samples) > 10_000
