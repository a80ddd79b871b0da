"""Look at a scene: `python visualize.py FILE` opens a window, `--png OUT` draws a picture and needs no display.

FILE is what inference wrote (visualize/fulleval/<scene>.ply), a scene of a dataset, or a heat map of query.py. Side by
side: input colours, prediction and ground truth, or heat, those that the file holds, with a legend.
"""
import argparse
import sys

from config.command import command
from config.flags.scans import add_flags, join_axis
from datasets.scans.read import ScanOptions
from lib.view.picture import draw_panels, save_png
from lib.view.render import View
from lib.view.window import show_window


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="a scan, in any format that docs/scans.md lists, or "
                        "visualize/fulleval/<scene>.ply")
    parser.add_argument("--png", metavar="OUT", help="draw a picture instead of opening a window")
    parser.add_argument("--width", type=int, default=2400, help="of the whole picture, pixels (default %(default)s)")
    parser.add_argument("--view", choices=("oblique", "top"), default="oblique")
    parser.add_argument("--azimuth", type=float, help="where the camera stands, degrees from +x towards +y")
    parser.add_argument("--elevation", type=float, help="degrees above the floor")
    parser.add_argument("--keep_ceiling", action="store_true", help="leave ceiling and near walls where they are")
    parser.add_argument("--max_points", type=int, default=1_000_000, help="draw a random part of a larger scene")
    parser.add_argument("--label_set", metavar="NAME|FILE.csv", help="of the labels; default: label_set.csv beside the "
                        "file, else scannet200")
    add_flags(parser)
    args = parser.parse_args(join_axis(sys.argv[1:] if arguments is None else arguments))
    options = ScanOptions(args.unit, args.up)
    azimuth, elevation = (-90.0, 90.0) if args.view == "top" else (View.azimuth, View.elevation)
    view = View(azimuth if args.azimuth is None else args.azimuth,
                elevation if args.elevation is None else args.elevation)
    if not 200 <= args.width <= 20000 or args.max_points < 1:
        raise ValueError(f"--width {args.width} is not in 200..20000, or --max_points {args.max_points} below 1")
    if args.png:
        save_png(draw_panels(args.file, view, args.width, args.keep_ceiling, args.max_points,
                             label_set=args.label_set, options=options), args.png)
        print(args.png)
    else:
        show_window(args.file, args.keep_ceiling, args.max_points, view, args.label_set, options)


if __name__ == "__main__":
    sys.exit(main())
