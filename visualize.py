"""Look at scans: `python visualize.py FILE|FOLDER|RUN --html OUT.html` makes a page, which opens by double click.

FILE is what inference wrote (visualize/fulleval/<scene>.ply), a scan, or a heat map of query.py; FOLDER holds such, and
RUN is a run's folder. Of a file, `--png OUT` draws a picture, and without either a window opens. Shown are input
colours, prediction and ground truth, or heat, those that the file holds; `--gt ROOT` says where truth lies otherwise.
"""
import argparse
import secrets
import sys
from pathlib import Path

from config.command import command
from config.flags import scans, truth
from datasets.prediction_files import GroundTruth
from datasets.scans.read import ScanOptions, is_scene_folder
from lib.view.page.make import MAX_POINTS, Page, make_page, save_page
from lib.view.picture import draw_panels, save_png
from lib.view.render import View
from lib.view.window import show_window


@command
def main(arguments: list[str] | None = None) -> None:
    """Command line. Returns the exit code."""
    args = _parser().parse_args(scans.join_axis(sys.argv[1:] if arguments is None else arguments))
    options = ScanOptions(args.unit, args.up)
    azimuth, elevation = (-90.0, 90.0) if args.view == "top" else (View.azimuth, View.elevation)
    view = View(azimuth if args.azimuth is None else args.azimuth,
                elevation if args.elevation is None else args.elevation)
    if not 200 <= args.width <= 20000 or args.max_points < 1:
        raise ValueError(f"--width {args.width} is not in 200..20000, or --max_points {args.max_points} below 1")
    if args.ask and not (args.html or args.serve is not None):
        raise ValueError("--ask: is for a page; give --html OUT.html or --serve")
    if not args.gt and (args.split, args.label_ids) != ("val", "auto"):
        raise ValueError("--split and --label_ids say how a truth is read; name it with --gt ROOT")
    known = GroundTruth(args.gt, args.split, args.label_ids) if args.gt else None
    if args.serve is not None or args.html:
        _page(args, options, known)
        return
    if known is not None and Path(args.file).exists():
        known.lacking([Path(args.file)])
    if args.png:
        save_png(draw_panels(args.file, view, args.width, args.keep_ceiling, args.max_points,
                             label_set=args.label_set, options=options, ground_truth=known), args.png)
        print(args.png)
    elif Path(args.file).is_dir() and not is_scene_folder(Path(args.file)):
        raise ValueError(f"{args.file}: a window shows one scan; make a page of a folder with --html OUT.html")
    else:
        show_window(args.file, args.keep_ceiling, args.max_points, view, args.label_set, options, known)


def _page(args: argparse.Namespace, options: ScanOptions, known: GroundTruth | None) -> None:
    asker, word = None, secrets.token_urlsafe(16)
    if args.ask or args.serve is not None:
        from lib.live import Asker, find_weights, serve  # here, since only these need torch
        weights = find_weights(args.weights)
        if args.ask and weights is None:
            raise ValueError("--ask: needs a network of stage 1; name its best.ckpt with --weights")
        asker = Asker(weights, options) if weights is not None else None
    page: Page = make_page(args.file, args.label_set, options, args.max_points,
                           (lambda scene: asker.add(scene, args.ask)) if args.ask else None,
                           word if args.serve is not None and asker else "",
                           lambda line: print(line, file=sys.stderr), known)
    for line in page.remarks:
        print(line, file=sys.stderr)
    if args.html:
        save_page(page, args.html)
        print(args.html)
    if args.serve is not None:
        if asker is None:
            print("no text box: name a network of stage 1 with --weights", file=sys.stderr)
        serve(page, word, asker, args.host, args.serve)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="a scan, in any format that docs/scans.md lists, visualize/fulleval/<scene>.ply, "
                        "a folder of them, or a run")
    parser.add_argument("--html", metavar="OUT", help="make a page, one file that any browser opens (docs/page.md)")
    parser.add_argument("--ask", metavar="TEXT", nargs="+", action="extend", default=[], help="what to look for: the "
                        "page has a heat map of each text, by the network that --weights names")
    parser.add_argument("--weights", metavar="FILE.ckpt|pretrained", help="of stage 1, for --ask and --serve; default: "
                        "the clone's, where it has one")
    parser.add_argument("--serve", metavar="PORT", nargs="?", type=int, const=8600, help="the page from a local server "
                        "(port %(const)s), with a text box that asks the network")
    parser.add_argument("--host", default="127.0.0.1", help="the address that --serve listens at: others than the "
                        "default let other machines look and ask")
    parser.add_argument("--png", metavar="OUT", help="draw a picture instead of opening a window")
    parser.add_argument("--width", type=int, default=2400, help="of the whole picture, pixels (default %(default)s)")
    parser.add_argument("--view", choices=("oblique", "top"), default="oblique")
    parser.add_argument("--azimuth", type=float, help="where the camera stands, degrees from +x towards +y")
    parser.add_argument("--elevation", type=float, help="degrees above the floor")
    parser.add_argument("--keep_ceiling", action="store_true", help="leave ceiling and near walls where they are")
    parser.add_argument("--max_points", type=int, default=MAX_POINTS, help="draw a random part of a larger scene")
    parser.add_argument("--label_set", metavar="NAME|FILE.csv", help="of the labels; default: label_set.csv beside the "
                        "file, else scannet200")
    truth.add_flags(parser)
    scans.add_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
