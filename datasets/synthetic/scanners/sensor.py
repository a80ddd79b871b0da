"""What a depth camera makes of a true depth and colour image: noise, holes, flying pixels, exposure, blur.

Images are (H, W) m, 0 where there is no depth, and (H, W, 3) float 0..255.
"""
import numpy as np
from scipy import ndimage

REACH = (0.35, 4.6)  # m


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """(H, W) noise of unit deviation that changes over about 1 / cells of the image's width."""
    rows = max(2, round(cells * shape[0] / shape[1]))
    coarse = rng.normal(size=(rows, cells))
    u, v = np.linspace(0, rows - 1, shape[0]), np.linspace(0, cells - 1, shape[1])
    return ndimage.map_coordinates(coarse, np.meshgrid(u, v, indexing="ij"), order=1) * 1.5


def measured_depth(rng: np.random.Generator, depth: np.ndarray, cosine: np.ndarray, dark: np.ndarray,
                   shiny: np.ndarray, quality: float) -> np.ndarray:
    """The depth a structured-light camera gives.

    depth: (H, W) true, infinite where nothing is hit; cosine: between ray and surface; dark: luminance of the surface
    0..255; shiny: (H, W) chance that a surface gives no depth; quality: factor on the noise.
    """
    some = np.isfinite(depth) & (depth > REACH[0]) & (depth < REACH[1])
    z = np.where(some, depth, 0.0)
    spread = quality * z ** 2
    result = z + spread * (0.0013 * rng.normal(size=z.shape) + 0.0016 * smooth_noise(rng, z.shape, 40)
                           + 0.0009 * smooth_noise(rng, z.shape, 9))
    step = 0.0008 * z ** 2 + 1e-6  # disparity comes in steps
    result = np.rint(result / step) * step
    # Silhouettes: some pixels give nothing, some a depth between front and back.
    low, high = ndimage.minimum_filter(z, 3), ndimage.maximum_filter(z, 3)
    edge, dice = (high - low > 0.04 + 0.03 * z) & some, rng.random(z.shape)
    blend = edge & (dice < 0.10)
    result[blend] = (low + rng.random(z.shape) * (high - low))[blend]
    lost = edge & (dice > 0.55)
    blotch = 0.5 + 0.5 * np.clip(smooth_noise(rng, z.shape, 24), -1, 1)  # holes come in patches
    lost |= cosine < 0.10 + 0.12 * blotch
    lost |= np.clip((34 - dark) / 30, 0, 0.9) * np.clip(z / 2.5, 0.4, 1) > blotch
    lost |= shiny > blotch
    lost |= (z - 3.4) / 1.6 > blotch
    return np.where(some & ~lost, result, 0.0)


class Exposure:
    """Gain and white balance of a camera that follows what it sees in steps."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int]):
        self.rng, self.gain, self.balance = rng, 1.0, np.ones(3)
        self.unrest = rng.lognormal(0, 0.5)
        v, u = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
        self.vignette = 1 - rng.uniform(0.12, 0.4) * (u ** 2 + v ** 2)[..., None] / 2

    def image(self, color: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 as the camera gives it: exposed, vignetted, blurred, a little beside the depth image."""
        rng = self.rng
        if rng.random() < 0.15:
            self.gain = 0.6 * self.gain + 0.4 * rng.normal(1, 0.14 * self.unrest)
            self.balance = 0.6 * self.balance + 0.4 * rng.normal(1, 0.05 * self.unrest, 3)
        wanted = np.clip(120 / max(color.mean(), 20), 0.75, 1.35) ** 0.35  # dark views are lifted, bright ones damped
        color = color * (self.vignette * self.gain * wanted) * self.balance
        if rng.random() < 0.6:
            color = ndimage.uniform_filter1d(color, int(rng.integers(2, 7)), axis=int(rng.integers(2)))
        shift = np.rint(rng.normal(0, 1.2, 2)).astype(int)
        color = np.roll(color, shift, axis=(0, 1))
        color += rng.normal(0, 5, color.shape)
        return np.clip(color, 0, 255).astype(np.uint8)
