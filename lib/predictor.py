"""For other programs: `labels, confidence = Predictor("best.ckpt")(points, colors)`.

points: (N, 3) metres, z up; colors: (N, 3) uint8, or None. See `Predictor.__init__` for tta, tiles and class names.
"""
from lib.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
