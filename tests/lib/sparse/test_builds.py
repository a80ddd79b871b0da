"""The compiled library under every instruction set the machine has, what its place in the cache depends on, and how a
build fails."""
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from lib.sparse import chooser
from lib.sparse.paths.cpu import build

ROOT = Path(__file__).resolve().parents[3]
X86 = platform.machine() in ("x86_64", "AMD64")
needs_compiler = pytest.mark.skipif(chooser.cpu_problem() is not None, reason=f"{chooser.cpu_problem()}")

CONVOLVE_TWICE = """
import torch, lib.sparse as ME
x = ME.SparseTensor(torch.randn(3, 4), torch.tensor([[0, 0, 0, i] for i in range(3)], dtype=torch.int32))
for _ in range(2):
    x = ME.MinkowskiConvolution(4, 4, kernel_size=3)(x)
print(tuple(x.F.shape))
"""


def lacks(isa):
    """Whether the machine lacks an instruction set."""
    return isa in build.NEEDS and any(flag not in build.cpu_flags().split() for flag in build.NEEDS[isa])


def other_builds():
    """Instruction sets that the machine has beside those of the build that all other tests use."""
    native = "avx512" if not lacks("avx512") else "avx2" if not lacks("avx2") else "generic"
    return [isa for isa in ("generic", "avx2") if X86 and isa != native and not lacks(isa)]


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("isa", other_builds())
def test_every_build_that_the_machine_has_agrees_with_the_reference(isa):
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/lib/sparse/test_sparse_cpu.py", "-k",
         "adversarial or kernel_shape or channel_count or kernel_maps or same_sums or fused_batch_norm"],
        cwd=ROOT, env=os.environ | {"LIB_SPARSE_ISA": isa}, capture_output=True, text=True)
    assert result.returncode == 0 and " passed" in result.stdout and "skipped" not in result.stdout, result.stdout


def run(code=CONVOLVE_TWICE, **environment):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ | environment, capture_output=True,
                          text=True)


@pytest.mark.parametrize("isa,words", [
    ("sse9", "LIB_SPARSE_ISA=sse9: no such instructions; there are avx512, avx2, generic"),
    pytest.param("avx512", "LIB_SPARSE_ISA=avx512: this processor lacks avx512f", marks=pytest.mark.skipif(
        not lacks("avx512"), reason="it has AVX-512"))])
def test_instructions_that_cannot_be_had_are_named(isa, words, monkeypatch):
    monkeypatch.setenv("LIB_SPARSE_ISA", isa)
    with pytest.raises(build.BuildError, match=words):
        build.isa_flags()


def test_each_instruction_set_has_its_own_flags(monkeypatch):
    monkeypatch.setattr(build, "cpu_flags", lambda: "avx2 fma avx512f avx512bw avx512vl avx512dq")
    flags = {}
    for isa in ("", "avx512", "avx2", "generic"):
        monkeypatch.setenv("LIB_SPARSE_ISA", isa)
        flags[isa] = build.isa_flags()
    assert flags[""] == flags["avx512"] == ["-march=native"]
    assert "-mavx2" in flags["avx2"] and "-march=native" not in flags["avx2"] and flags["generic"] == []


def test_the_place_in_the_cache_depends_on_compiler_flags_and_processor(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setattr(build, "cpu_flags", lambda: "avx avx2")
    compilers = [("/usr/bin/c++", "g++ 12.2.0"), ("/usr/bin/c++", "g++ 13.1.0"), ("/opt/bin/c++", "g++ 12.2.0")]
    paths = [build.library_path(compiler, flags) for compiler in compilers for flags in (["-O2"], ["-O3"])]
    monkeypatch.setattr(build, "cpu_flags", lambda: "avx avx2 avx512f")  # the next machine, the same home
    paths.append(build.library_path(compilers[0], ["-O2"]))
    assert len(set(paths)) == len(paths) == 7
    assert build.library_path(compilers[0], ["-O2"]) == paths[-1]


def compiler_of_another_age(folder):
    """A compiler that says its version and knows no C++17."""
    path = folder / "old-c++"
    path.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "g++ 4.8.5" && exit 0\n'
                    "echo \"c++: error: unrecognized command line option '-std=c++17'\" >&2\nexit 1\n")
    path.chmod(0o755)
    return str(path)


def test_a_compiler_that_is_too_old_is_named_once_with_the_remedy(tmp_path):
    result = run(CXX=compiler_of_another_age(tmp_path), TORCH_EXTENSIONS_DIR=str(tmp_path))
    assert result.returncode == 0 and result.stdout.strip() == "(3, 4)"
    warning, = [line for line in result.stderr.splitlines() if "reference path" in line]
    assert "(g++ 4.8.5) failed" in warning and "-std=c++17" in warning and "set CXX to a newer compiler" in warning
    assert not list(tmp_path.rglob("*.so"))


@needs_compiler
def test_a_cache_that_cannot_be_written_is_named_once_with_the_remedy(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    result = run(TORCH_EXTENSIONS_DIR=str(tmp_path / "taken"))
    assert result.returncode == 0 and result.stdout.strip() == "(3, 4)"
    warning, = [line for line in result.stderr.splitlines() if "reference path" in line]
    assert f"cannot write {tmp_path / 'taken'}" in warning and "set TORCH_EXTENSIONS_DIR" in warning
