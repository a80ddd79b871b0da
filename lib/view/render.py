"""Points to a shaded picture, without a display: `render_points(points, colors, View(), (800, 600))`.

A z-buffer of small splats, eye-dome lighting for depth, and light from the planes through neighbouring points.
"""
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

SUPERSAMPLING = 2
LARGEST_SPLAT = 100  # pixels, radius of a point: a few points would otherwise fill the picture, at minutes each


@dataclass(frozen=True)
class View:
    """Where the orthographic camera stands, in degrees: azimuth from +x towards +y, elevation above the floor."""
    azimuth: float = -60.0
    elevation: float = 48.0

    @property
    def axes(self) -> np.ndarray:
        """(3, 3) unit rows: right, up, and forward (away from the camera)."""
        a, e = np.radians([self.azimuth, self.elevation])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        forward = -np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        return np.stack([right, np.cross(right, forward), forward])


def point_spacing(points: np.ndarray) -> float:
    """Typical distance of neighbouring points of a surface, m. points: (N, 3)."""
    if len(points) < 5:
        return 0.02
    # The 4th neighbour is one spacing away on a grid, and 1.1 on a random sample: the nearest tells less.
    some = points[:: max(1, len(points) // 2000)]
    return max(float(np.median(cKDTree(points).query(some, k=5)[0][:, 4])), 1e-4)


def rasterise(points: np.ndarray, view: View, size: tuple[int, int], radius: float
              ) -> tuple[np.ndarray, np.ndarray, float]:
    """The nearest point at every pixel, each point a small bowl that bulges to the camera.

    The bulge lets neighbours meet half way between them instead of one covering the other (Schuetz, "Potree", 2016).
    points: (N, 3) m; size: width, height in pixels, which the points' projection fills as far as splats of
    LARGEST_SPLAT allow; radius of a point, m.
    Returns index (H, W) int64, -1 for background, depth (H, W) float64 in m, infinite for background, and the
    scale in pixels per metre.
    """
    width, height = size
    projected = points.astype(np.float64) @ view.axes.T  # (N, 3) right, up, depth
    low, high = projected.min(0), projected.max(0)
    scale = min(width / max(high[0] - low[0] + 2 * radius, 1e-9), height / max(high[1] - low[1] + 2 * radius, 1e-9),
                LARGEST_SPLAT / radius)
    center = (low + high) / 2
    column = np.clip(((projected[:, 0] - center[0]) * scale + width / 2).astype(np.int64), 0, width - 1)
    row = np.clip((height / 2 - (projected[:, 1] - center[1]) * scale).astype(np.int64), 0, height - 1)

    reach = int(np.ceil(radius * scale - 0.5))
    step = 2.0 ** -20  # of a metre: depth and index share one 64-bit key, so that one minimum finds both
    depth = ((projected[:, 2] - low[2]) / step).astype(np.int64)
    background = np.iinfo(np.int64).max
    keys = np.full((height + 2 * reach) * (width + 2 * reach), background)  # margins: no splat needs clipping
    cell = (row + reach) * (width + 2 * reach) + column + reach
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            away = np.hypot(dx, dy) / scale
            if away <= max(radius, 0.5 / scale):
                bulge = int(2 * away * away / max(radius, 1e-9) / step)
                key = ((depth + bulge) << 32) + np.arange(len(points))
                np.minimum.at(keys, cell + dy * (width + 2 * reach) + dx, key)
    keys = keys.reshape(height + 2 * reach, width + 2 * reach)[reach:reach + height, reach:reach + width]
    index = np.where(keys != background, keys & 0xFFFFFFFF, -1)
    return index, np.where(index >= 0, projected[index, 2] - low[2], np.inf), scale


def fill_pinholes(index: np.ndarray, depth: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Close gaps of a surface through which something farther shows. index, depth: (H, W); width of a gap in pixels."""
    far = np.where(np.isfinite(depth), depth, depth[np.isfinite(depth)].max() + 1)
    closed = ndimage.maximum_filter(ndimage.minimum_filter(far, width), width)
    rows, columns = ndimage.distance_transform_edt(far - closed > 0.04, return_distances=False, return_indices=True)
    return index[rows, columns], depth[rows, columns]


def eye_dome_shade(depth: np.ndarray, unit: int) -> np.ndarray:
    """Brightness (H, W) in 0..1: darker where the surroundings are nearer to the camera, which draws edges and contact.

    Eye-dome lighting (Boucheny, 2009), over opposite pairs of neighbours so that a slanting plane stays evenly lit.
    depth: (H, W) m, infinite for background; unit: about 1/400 of the picture, in pixels.
    """
    far = np.where(np.isfinite(depth), depth, 1e3)
    brightness = np.ones(depth.shape)
    for radius, strength in ((unit, 1.2), (3 * unit, 0.6), (8 * unit, 0.35)):
        padded = np.pad(far, radius, mode="edge")
        darkness = np.zeros(depth.shape)
        for dy, dx in ((0, radius), (radius, 0), (radius, radius), (radius, -radius)):
            one, other = (padded[radius + y:radius + y + far.shape[0], radius + x:radius + x + far.shape[1]]
                          for y, x in ((dy, dx), (-dy, -dx)))
            darkness += np.clip(far - (one + other) / 2 - 0.01, 0, 0.15) / 0.15  # 1 cm: what noise a scan has
        brightness *= np.exp(-strength * darkness / 4)
    return brightness


def surface_light(points: np.ndarray, shown: np.ndarray, view: View) -> np.ndarray:
    """Brightness (N,) of each point under a lamp up and left of the camera, from the plane through its neighbours.

    points: (N, 3) m; shown: (M,) the points that need it, the others get 1.
    """
    light = np.ones(len(points))
    if len(points) < 16 or len(shown) == 0:
        return light
    _, near = cKDTree(points).query(points[shown], k=14, workers=-1)
    around = points[near].astype(np.float64)
    around -= around.mean(1, keepdims=True)
    normals = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][:, :, 0]  # (M, 3) least extent
    normals *= -np.sign(normals @ view.axes[2] + 1e-12)[:, None]  # towards the camera
    lamp = np.array([-0.45, 0.75, -0.5]) @ view.axes
    light[shown] = 0.76 + 0.28 * np.clip(normals @ (lamp / np.linalg.norm(lamp)), 0, 1)
    known = np.zeros(len(points))
    known[shown] = 1
    light[shown] = (light * known)[near].sum(1) / known[near].sum(1)  # a noisy scan's single normals would glitter
    return light


@dataclass(frozen=True)
class Shaded:
    """A view of a point cloud that has no colours yet, SUPERSAMPLING times as fine as the picture.

    index: (H, W) of the point at each pixel, -1 for background; shade: (H, W, 1) float32, brightness.
    """
    index: np.ndarray
    shade: np.ndarray

    def paint(self, colors: np.ndarray) -> np.ndarray:
        """The picture (H, W, 3) uint8 on white. colors: (N, 3) uint8 of the points."""
        picture = np.where(self.index[..., None] < 0, np.float32(255), colors[self.index] * self.shade)
        height, width = (side // SUPERSAMPLING for side in self.index.shape)
        picture = picture.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 3).mean((1, 3))
        return np.clip(np.round(picture), 0, 255).astype(np.uint8)

    def visible(self) -> tuple[np.ndarray, "Shaded"]:
        """Indices (V,) of the points that are seen, and the same view of these alone."""
        rows, index = np.unique(self.index, return_inverse=True)
        background = int(rows[0] < 0)
        return rows[background:], Shaded((index.reshape(self.index.shape) - background).astype(np.int32), self.shade)


def render_points(points: np.ndarray, colors: np.ndarray | list[np.ndarray], view: View,
                  size: tuple[int, int]) -> np.ndarray | list[np.ndarray]:
    """A shaded picture of a point cloud on white.

    points: (N, 3) m; colors: (N, 3) uint8, or a list of such for several pictures of the same points; size: width,
    height in pixels. Returns (H, W, 3) uint8, or a list.
    """
    shaded = shade_points(points, view, size)
    return [shaded.paint(each) for each in colors] if isinstance(colors, list) else shaded.paint(colors)


def shade_points(points: np.ndarray, view: View, size: tuple[int, int]) -> Shaded:
    """What takes the time of `render_points`, the same for any colours. points: (N, 3) m; size: of the picture."""
    width, height = size
    fine = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    radius = 0.9 * point_spacing(points)
    index, depth, scale = rasterise(points, view, fine, radius)
    index, depth = fill_pinholes(index, depth, max(3, round(2 * radius * scale)))
    seen = np.zeros(len(points) + 1, bool)
    seen[index] = True  # -1 marks the extra last one
    light = surface_light(points, np.flatnonzero(seen[:-1]), view)[index]
    return Shaded(index, (light * eye_dome_shade(depth, max(1, round(min(fine) / 400))))[..., None].astype(np.float32))


HEAT = np.array([[205, 209, 216], [238, 202, 130], [245, 150, 60], [214, 55, 40], [120, 5, 45]])  # grey to dark red


def usual_and_highest(values: np.ndarray) -> tuple[float, float]:
    """Median, and maximum but for one in a thousand, of a scene's relevancy: the ends of its heat map."""
    usual, highest = np.quantile(values, [0.5, 0.999])
    return float(usual), float(max(highest, usual + 1e-6))


def heat_colors(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Colours (N, 3) uint8 of a heat map: light grey up to `low`, over yellow and red to dark red from `high` on.

    Darker is more, also in grey print. values: (N,).
    """
    share = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    steps = np.linspace(0, 1, len(HEAT))
    return np.rint(np.stack([np.interp(share, steps, channel) for channel in HEAT.T], axis=1)).astype(np.uint8)
