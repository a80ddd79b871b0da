"""Imports go one way, those inside functions included. A new module finds its room in LAYERS, or the room a layer."""
import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("*.py", "benchmarks", "config", "datasets", "lib", "models")

# From the bottom. A room, by the longest name that a module begins with, imports itself and rooms of lower layers.
LAYERS = (
    ("lib.distributed",),
    ("lib.sparse", "lib.memory", "lib.launch", "config.command", "config.types", "config.retired", "datasets.files",
     "datasets.weighting"),
    ("datasets.label_sets",),
    ("lib.network_folder", "lib.checkpoint_files"),
    ("lib.checkpoint",),
    ("config",),
    ("datasets",),
    ("models", "lib.view"),
    ("lib.execution", "lib.losses", "lib.metrics", "lib.prefetch"),
    ("lib.language",),
    ("lib.stages",),
    ("lib.language.queries", "lib.inference", "lib.model_card"),
    ("lib.training", "lib.predictor", "lib.evaluate", "lib.export", "lib.live"),
    ("main", "query", "visualize", "get_upload_txt", "val_split"),
    ("benchmarks",),
)
ROOMS = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}
ONE = ("lib.sparse",)  # rooms whose inside has a test of its own


@functools.cache
def import_graph(root: Path) -> dict[str, set[str]]:
    """Module -> modules of the project that it imports, anywhere in its source."""
    files = [path for pattern in SOURCES for found in root.glob(pattern)
             for path in (found.rglob("*.py") if found.is_dir() else [found])]
    files = [path for path in files if path.name != "conftest.py"]
    modules = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}
    graph = {}
    for module, path in modules.items():
        named = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                for _ in range(node.level - 1):
                    package = package.rpartition(".")[0]
                source = ".".join(filter(None, (package if node.level else "", node.module)))
                named |= {f"{source}.{alias.name}" for alias in node.names}
        graph[module] = {found for name in named if (found := _module(name, modules)) and found != module}
    return graph


def _module(name: str, modules) -> str:
    """The module that `name`, perhaps of something in it, stands for; "" where it is none of the project's."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def room_of(module: str) -> str | None:
    """The room of LAYERS that a module is in."""
    while module and module not in ROOMS:
        module = module.rpartition(".")[0]
    return module or None


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one cycle, in order; empty where there is none."""
    done, path = set(), []

    def visit(module: str) -> list[str]:
        if module in path:
            return path[path.index(module):]
        if module in done:
            return []
        path.append(module)
        for other in sorted(graph[module]):
            if cycle := visit(other):
                return cycle
        path.pop()
        done.add(module)
        return []
    return next((cycle for module in sorted(graph) if (cycle := visit(module))), [])


def joined(graph: dict[str, set[str]], rooms=ONE) -> dict[str, set[str]]:
    """The graph with all modules of a room in `rooms` as one."""
    def name(module):
        return next((room for room in rooms if f"{module}.".startswith(f"{room}.")), module)
    result = {}
    for module, imports in graph.items():
        result.setdefault(name(module), set()).update({name(other) for other in imports} - {name(module)})
    return result


def wrong_ways(graph: dict[str, set[str]]) -> list[str]:
    """A line for every import that does not lead down, and for every module without a room."""
    lines = [f"{module}: has no room in LAYERS" for module in graph if not room_of(module) and module != "lib"]
    for module, imports in graph.items():
        for other in imports:
            room, below = room_of(module), room_of(other)
            if room and below and room != below and ROOMS[room] <= ROOMS[below]:
                lines.append(f"{module} imports {other}: {room} stands no higher than {below}")
    return sorted(lines)


def test_no_two_modules_import_each_other_by_any_way():
    assert find_cycle(joined(import_graph(ROOT))) == []


def test_imports_lead_down_the_layers_only():
    graph = import_graph(ROOT)
    assert len(graph) > 100 and "lib.stages" in graph["lib.training.trainer"]
    assert wrong_ways(graph) == []


def test_every_room_is_there():
    modules = import_graph(ROOT)
    assert [room for room in ROOMS if not any(f"{module}.".startswith(f"{room}.") for module in modules)] == []


@pytest.mark.parametrize("source,found", [
    ("from models import build", True), ("def late():\n    import models.net as net", True),
    ("from datasets import ply, loader", False), ("from . import ply", False),
    ("import numpy", False),
])
def test_an_import_the_wrong_way_is_found_wherever_it_stands(tmp_path, source, found):
    for name in ("datasets/__init__.py", "datasets/ply.py", "datasets/loader.py", "models/net.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "models/__init__.py").write_text("import datasets.deep")
    (tmp_path / "datasets/deep.py").write_text(source)
    graph = import_graph(tmp_path)
    assert bool(wrong_ways(graph)) == found
    assert bool(find_cycle(graph)) == (source == "from models import build")
