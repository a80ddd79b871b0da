"""Ask a scan where something is: `python query.py room.ply "somewhere to sit" "something to read" --weights best.ckpt`.

For each query a heat map (.ply and .png), and for all of them a JSON of the best places, in --out. The checkpoint is
one of stage 1, and brings its own flags; `visualize.py` opens the .ply in a window.
"""
import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as main.py does, before torch is loaded

from config.command import command  # noqa: E402
from config.config import get_parser  # noqa: E402
from config.flags.scans import join_axis  # noqa: E402

SHOWN = 3  # places of a query in the table; the JSON has them all


def read_arguments(argv: list[str] | None) -> tuple[argparse.Namespace, dict]:
    """The command line: its own arguments, and the flags of main.py that differ from the checkpoint's."""
    from lib.language.queries import OVERRIDES, SHARE
    from lib.language.relevancy import METHODS, NEGATIVES
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument("scene", metavar="SCENE", help="a scan, in any format that docs/scans.md lists")
    parser.add_argument("queries", metavar="TEXT", nargs="+", help="what to look for, in quotes")
    parser.add_argument("--weights", required=True, metavar="FILE.ckpt|pretrained",
                        help="of stage 1, e.g. its run's best.ckpt; pretrained: the clone's, where it has one")
    parser.add_argument("--not", dest="negatives", metavar="WORDS", nargs="+", action="extend", default=[],
                        help="what it is not")
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help="compare texts with voxels by way of the "
                        f"class names, or as LERF does: directly, against {', '.join(NEGATIVES)} (default %(default)s)")
    parser.add_argument("--out", default="outputs/queries", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--share", type=float, default=SHARE, help="a place is what lies above this share of the way "
                        "from the scene's usual relevancy (median) to its highest (default %(default)s)")
    parser.add_argument("--width", type=int, default=2000, help="of the pictures, pixels (default %(default)s)")
    group = parser.add_argument_group("flags of main.py, where they differ from the checkpoint's")
    for action in get_parser()._actions:
        if action.dest in OVERRIDES:
            group.add_argument(action.option_strings[0], type=action.type, choices=action.choices, help=action.help,
                               default=argparse.SUPPRESS)
    options = parser.parse_args(join_axis(sys.argv[1:] if argv is None else argv))
    return options, {name: value for name, value in vars(options).items() if name in OVERRIDES}


@command
def main(argv: list[str] | None = None) -> None:
    """Returns the exit code; what a user can mend is one line on stderr and exit code 1."""
    options, overrides = read_arguments(argv)
    from lib.language.queries import Finder, ask
    from lib.network_folder import PRETRAINED, PRETRAINED_TEXT
    from lib.view.picture import draw_panels, save_png
    if not 200 <= options.width <= 20000:
        raise ValueError(f"--width {options.width}: not in 200..20000")
    if not 0 < options.share <= 1:
        raise ValueError(f"--share {options.share}: not in 0..1")
    weights = options.weights
    if weights == PRETRAINED and not Path(weights).exists():
        weights = PRETRAINED_TEXT  # the clone's own of stage 1
    answers = ask(Finder(weights, overrides, options.method), options.scene, options.queries,
                  options.negatives, options.out, options.share)
    for query, ply, found in answers:
        title = f"{Path(options.scene).stem}: “{query}”"
        save_png(draw_panels(ply, width=options.width, title=title), ply.with_suffix(".png"))
        print(f"\n{query}   ({ply.with_suffix('.png')})")
        if not found:
            print(f"  no place stands out; a --share below {options.share} takes in more")
            continue
        print("  score    center x     y     z m    size x     y     z m     points")
        for region in found[:SHOWN]:
            center, size = ("{:8.2f}{:6.2f}{:6.2f}".format(*values) for values in (region.center, region.size))
            print(f"  {region.score:5.3f}    {center}    {size}   {region.points:8,}")
        if len(found) > SHOWN:
            print(f"  ... {len(found) - SHOWN} more")


if __name__ == "__main__":
    sys.exit(main())
