"""A file's panels in an Open3D window, one beside the other: `show_window("scene.ply", keep_ceiling=False)`."""
import os
import sys
from pathlib import Path

import numpy as np

from datasets.prediction_files import GroundTruth
from datasets.scans.read import ScanOptions
from lib.view.panels import open_room, read_panels
from lib.view.render import View


def show_window(path: str | Path, keep_ceiling: bool, max_points: int, view: View = View(),
                label_set: str | Path | None = None, options: ScanOptions | None = None,
                ground_truth: GroundTruth | None = None) -> None:
    """The panels in an Open3D window, one beside the other. Raises ValueError (one line) where none can be opened."""
    panels = read_panels(path, label_set, options, ground_truth)
    try:
        import open3d  # here, since only the window needs it
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"no window without open3d ({reason}); install open3d-cpu and Debian's libusb-1.0-0, "
                         "or use --png OUT, which works without") from None
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ValueError("no window without a display (DISPLAY is not set); use --png OUT, which works without")
    if not keep_ceiling:
        panels = panels.select(open_room(panels, view, near_walls=False))
    if len(panels.points) > max_points:
        panels = panels.select(np.random.default_rng(0).choice(len(panels.points), max_points, replace=False))
    window = open3d.visualization.Visualizer()
    if not window.create_window(window_name=f"{panels.name}: " + " | ".join(title for title, _ in panels.pictures())):
        raise ValueError("Open3D could not open a window on this display; use --png OUT, which works without")
    aside = view.axes[0] * np.ptp(panels.points @ view.axes[0]) * 1.1
    for i, (_, colors) in enumerate(panels.pictures()):
        cloud = open3d.geometry.PointCloud()
        cloud.points = open3d.utility.Vector3dVector(panels.points.astype(np.float64) + i * aside)
        cloud.colors = open3d.utility.Vector3dVector(colors / 255.0)
        window.add_geometry(cloud)
    control = window.get_view_control()
    control.set_front(-view.axes[2])
    control.set_up(view.axes[1])
    window.run()
    window.destroy_window()
