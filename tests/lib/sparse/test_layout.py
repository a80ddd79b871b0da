"""Imports inside lib/sparse go one way, and every module can be the first one imported."""
import ast
import graphlib
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "lib.sparse"
# from the bottom: a module imports those below it, and of its own layer what is no circle
LAYERS = [
    {"cache", "keys", "quantize", "schedules", "sync_norm"},
    {"kernel_maps"},
    {"paths", "paths.reference", "paths.cpu", "paths.cpu.build", "paths.gpu", "paths.gpu.maps", "paths.gpu.kernels",
     "paths.gpu.tuning"},
    {"selfcheck"},
    {"chooser"},
    {"convolution", "coordinates", "norm"},
    {"tensor"},
    {"modules"},
    {""},  # the package itself: what it offers
]
PATHS = ("reference", "cpu", "gpu")


def modules():
    """{name within the package: file}"""
    folder = ROOT / "lib" / "sparse"
    return {".".join(file.relative_to(folder).with_suffix("").parts).removesuffix("__init__").removesuffix("."): file
            for file in folder.rglob("*.py")}


def imports(name, file, known):
    """Names within the package that a file imports anywhere: in functions, under TYPE_CHECKING, by importlib, too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports are not followed"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # the argument of importlib.import_module
    inside = {target for target in found if target == PACKAGE or target.startswith(f"{PACKAGE}.")}
    targets = {target.removeprefix(PACKAGE).removeprefix(".") for target in inside}
    # `from module import function` is an import of the module
    targets = {target if target in known else target.rpartition(".")[0] for target in targets}
    return (targets & set(known)) - {name}


GRAPH = {name: imports(name, file, modules()) for name, file in modules().items()}


def test_no_module_imports_itself_in_a_circle():
    graphlib.TopologicalSorter(GRAPH).prepare()  # raises CycleError, which names the circle


def test_every_module_imports_only_its_own_layer_and_those_below():
    level = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    assert set(level) == set(GRAPH)
    upwards = [(name, target) for name, targets in GRAPH.items() for target in targets if level[target] > level[name]]
    assert upwards == []


def test_paths_do_not_know_each_other():
    inside = {name: name.split(".")[1] for name in GRAPH if name.startswith("paths.")}
    assert set(inside.values()) == set(PATHS)
    assert [(name, target) for name in inside for target in GRAPH[name] if inside.get(target) != inside[name]
            and target.startswith("paths")] == []


@pytest.mark.parametrize("path", PATHS)
def test_every_path_has_the_four_functions(path):
    module = importlib.import_module(f"{PACKAGE}.paths.{path}")
    for function in ("neighbour_table", "reverse_table", "convolve", "weight_gradient"):
        assert callable(getattr(module, function)), function


def test_every_module_may_be_the_first_that_is_imported():
    names = [f"{PACKAGE}.{name}".removesuffix(".") for name in modules()]
    if importlib.util.find_spec("triton") is None:
        names = [name for name in names if name not in (f"{PACKAGE}.paths.gpu.kernels", f"{PACKAGE}.paths.gpu.tuning")]
    # the package's own file imports all in one order, so that it is left out: an empty one takes its place
    code = """
import importlib, sys, types
failed = []
for name in sys.argv[1:]:
    for known in [known for known in sys.modules if known == "lib.sparse" or known.startswith("lib.sparse.")]:
        del sys.modules[known]
    if name != "lib.sparse":
        package = sys.modules["lib.sparse"] = types.ModuleType("lib.sparse")
        package.__path__ = ["lib/sparse"]
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed.append(f"{name}: {error}")
if failed:
    sys.exit("\\n".join(failed))
"""
    result = subprocess.run([sys.executable, "-c", code, *names], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
