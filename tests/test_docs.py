"""What README, CONTRIBUTING and docs/ name exists: links, files, modules, flags, and the recipe of the paper."""
import functools
import re
from pathlib import Path

import pytest

from config.config import get_config, get_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
FOLDERS = ("benchmarks", "config", "datasets", "docs", "lib", "models", "tests", "training_scripts")
FOREIGN = {"--no-deps", "--logdir", "--samples_per_plugin", "--nproc_per_node"}  # of pip, TensorBoard, torchrun
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def named_paths(text: str) -> set[str]:
    """Paths into the project's own folders, and scripts and modules by their bare name, that a text names."""
    words = re.findall(r"(?<![\w./<-])[\w./-]+(?![\w{*<])", text)
    paths = {word.rstrip(".") for word in words if word.split("/")[0] in FOLDERS and "/" in word.rstrip("/")}
    return paths | {word for word in words if re.fullmatch(r"\w+\.(py|sh)", word)}


def named_modules(text: str) -> set[str]:
    return {name for name in re.findall(r"python -m ([\w.]+)", text) if name.split(".")[0] in FOLDERS}


def named_flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z]\w*(?:-\w+)*", text)) - FOREIGN


@functools.cache
def all_flags() -> frozenset[str]:
    """Of main.py, and whatever another command of the project adds or reads."""
    flags = {option for action in get_parser()._actions for option in action.option_strings}
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in (*FOLDERS, path.name) and "tests" not in path.parts:
            flags |= set(re.findall(r"add_argument\(\s*\"(--\w+)\"", path.read_text(encoding="utf-8")))
    for path in ROOT.glob("*.sh"):
        flags |= set(re.findall(r"^ *(--\w+)\)", path.read_text(), re.MULTILINE))
    return frozenset(flags)


@each_page
def test_links_lead_to_a_page_and_a_heading_that_are_there(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            path, _, heading = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.is_file(), f"{page.name}: {target}"
            assert not heading or heading in headings(found), f"{page.name}: {target}"


@each_page
def test_paths_and_modules_that_are_named_exist(page):
    text = re.sub(r"\]\([^)]*\)|https?://\S+", "", page.read_text())
    missing = [name for name in named_paths(text) if not (ROOT / name).exists() and not (
        "/" not in name and any((ROOT / folder / name).is_file() for folder in FOLDERS))]
    missing += [name for name in named_modules(text) if not (
        (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()
        or (ROOT / name.replace(".", "/") / "__main__.py").is_file())]
    assert missing == []


@each_page
def test_flags_that_are_named_are_flags(page):
    assert sorted(named_flags(page.read_text()) - all_flags()) == []


def test_what_does_not_exist_is_found():
    text = "`lib/nowhere.py`, `python -m lib.stages_of_old`, `--no_such_flag`, `demo2.sh`, `lib/stages.py`, `data/mine`"
    assert named_paths(text) == {"lib/nowhere.py", "demo2.sh", "lib/stages.py"}
    assert named_modules(text) == {"lib.stages_of_old"}
    assert named_flags(text) - all_flags() == {"--no_such_flag"}
    assert {"--center_anchors", "--check", "--classes", "--raw_scannet", "--dry_run"} <= all_flags()


def test_every_page_is_reached_from_the_readme():
    text = (ROOT / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in text] == []


def test_the_faithful_recipe_is_the_papers():
    text = (ROOT / "docs" / "training.md").read_text()
    config = get_config(re.search(r'PAPER="([^"]+)"', text)[1].split())
    assert (config.text_encoder, config.text_prompt, config.center_anchors) == ("clip:ViT-B/32", "name", False)
    assert (config.embedding_loss_type, config.contrast_form, config.negative_sampling) == (
        "contrast", "published", "uniform")
    assert (config.num_negative_samples, config.contrast_pos_thresh, config.contrast_neg_thresh,
            config.contrast_neg_weight, config.max_epoch) == (3, 0, 0.6, 1, 200)
    assert (config.optimizer, config.lr, config.multi_step_milestones, config.step_gamma, config.bn_momentum) == (
        "SGD", 0.05, [120, 150], 0.3, 0.02)
    stage_3 = re.search(r"fine_tune_classifier.sh 8 focal True paper (.+)", text)[1]
    assert get_config(stage_3.split()).category_weighting == "log"
