"""Make an inference folder (visualize/fulleval) ready for the benchmark: check its .txt files, remove its .ply files.

    python get_upload_txt.py DIR [--dry_run] [--zip OUT.zip]

Only .ply files directly in DIR go (lesson L15). --dry_run changes nothing and names them. The zip holds the .txt files
of the last inference into DIR, which scenes.json lists.
"""
import argparse
import json
import sys
import zipfile
from pathlib import Path

from config.command import command
from datasets.files import SCENE_LIST, replacing
from datasets.label_sets import CLASSES_FILE, LabelSet, find_label_set


def upload_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The .txt and the .ply files directly in `folder`, by name. Raises FileNotFoundError if there is no .txt."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; run inference.sh first")
    texts = sorted(path for path in folder.iterdir() if path.suffix == ".txt" and path.is_file())
    if not texts:
        raise FileNotFoundError(f"{folder}: holds no .txt file; name the folder visualize/fulleval of a run")
    return texts, sorted(path for path in folder.iterdir() if path.suffix == ".ply" and path.is_file())


def listed_files(folder: Path) -> tuple[list[Path], str]:
    """The .txt files, by name, that the last inference into `folder` wrote, and its --val_phase.

    Raises FileNotFoundError or ValueError where it has not ended, or a file or the list is no longer whole.
    """
    path = folder / SCENE_LIST
    if not path.is_file():
        raise FileNotFoundError(f"{path}: is missing: the last inference into the folder did not end; "
                                "run inference.sh again")
    try:
        content = json.loads(path.read_bytes())
        texts, phase = sorted(folder / f"{name}.txt" for name in content["scenes"]), content["val_phase"]
        failed = dict(content.get("failed") or {})
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: is damaged; run inference.sh again") from None
    if failed:
        raise ValueError(f"{path}: {len(failed)} of {len(failed) + len(texts)} scenes failed ({', '.join(failed)}): "
                         "mend them and run inference.sh again")
    for text in texts:
        if not text.is_file():
            raise FileNotFoundError(f"{text}: is missing, and {SCENE_LIST} lists its scene; run inference.sh again")
    return texts, phase


def check_predictions(path: Path, label_set: LabelSet) -> int:
    """Number of lines of a prediction file. Raises ValueError naming the line that is no class's id."""
    lines = path.read_bytes().split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ValueError(f"{path}: is empty")
    known = {str(raw).encode() for raw in label_set.ids.tolist()}
    for word in set(lines):
        if word.strip() not in known:
            shown = word.strip()[:40].decode("utf-8", "replace")
            raise ValueError(f"{path}: line {lines.index(word) + 1}: {shown!r} is no id of label set {label_set.name}")
    return len(lines)


def write_zip(out: Path, texts: list[Path]) -> None:
    """Zip of the files, flat, never half of it."""
    with replacing(out, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in texts:
            archive.write(path, path.name)


@command
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Check predictions and keep only the .txt files of a folder.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="visualize/fulleval of a run")
    parser.add_argument("--dry_run", action="store_true", help="name the files that would go, change nothing")
    parser.add_argument("--zip", metavar="OUT.zip", type=Path, help="also write the .txt files of the last "
                        "inference to this archive")
    parser.add_argument("--label_set", metavar="NAME|FILE.csv", help="default: label_set.csv in DIR, else scannet200")
    args = parser.parse_args(arguments)
    texts, scans = upload_files(args.folder)
    if (args.folder / CLASSES_FILE).is_file():
        raise ValueError(f"{args.folder / CLASSES_FILE}: the predictions are in classes of your own, which no "
                         "benchmark takes; run inference.sh without --class_names")
    chosen, label_set = "", find_label_set(args.label_set, args.folder)
    if args.zip:
        texts, phase = listed_files(args.folder)
        chosen = f" of --val_phase {phase}"
    points = sum(check_predictions(path, label_set) for path in texts)  # before anything goes
    if args.zip and not args.dry_run:
        write_zip(args.zip, texts)
    for path in scans:
        print(f"{'would remove' if args.dry_run else 'removing'} {path}")
        if not args.dry_run:
            path.unlink()
    print(f"{len(texts)} prediction files{chosen}, {points} points, all labels known"
          + (f"; {args.zip} {'would be' if args.dry_run else 'is'} written" if args.zip else ""))


if __name__ == "__main__":
    sys.exit(main())
