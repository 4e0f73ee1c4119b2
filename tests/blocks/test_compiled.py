"""Compiled kernels are kept where there is a place, and the user hears of the first time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gwasbone

MODULE = """
import logging, sys
from gwasbone.blocks.compiled import announce_compiling, compiled

@compiled
def doubled(x):
    return 2 * x

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    announce_compiling(doubled, progress=lambda *step: print("progress", *step))
    print(doubled(21))
    announce_compiling(doubled, progress=lambda *step: print("again", *step))
"""


@pytest.fixture
def said(tmp_path):
    """Run the module in a process of its own; what it prints."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.py").write_text(MODULE)

    def run():
        done = subprocess.run(
            [sys.executable, tmp_path / "tiny" / "tiny.py"],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NUMBA_CACHE_DIR": ""},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    return run


def test_the_first_time_is_announced_and_kept_beside_the_source(said, tmp_path):
    first = said()
    assert first[0].startswith("compiling kernels, once on this machine")
    assert first[1:] == ["progress compiling kernels (once) 0 1", "42"]
    assert list((tmp_path / "tiny" / "__pycache__").glob("tiny.doubled-*.nbi"))
    assert said() == ["42"]
    source = tmp_path / "tiny" / "tiny.py"
    source.write_text(MODULE + "# changed")
    assert said()[0].startswith("compiling kernels, once")


def test_where_the_source_cannot_be_written_to_the_users_cache_folder_is_taken(said, tmp_path):
    (tmp_path / "tiny" / "__pycache__").write_text("in the way of a folder")
    assert str(tmp_path / "cache") in said()[0]
    assert said() == ["42"]


def test_without_any_folder_kernels_work_and_say_so(said, tmp_path):
    for name in ("tiny/__pycache__", "cache"):
        (tmp_path / name).write_text("in the way of a folder")
    lines = said()
    assert "no folder to keep them in" in lines[0]
    assert lines[-1] == "42"


def test_a_change_of_another_module_of_the_package_compiles_anew(tmp_path):
    # of a copy of the package
    package = Path(gwasbone.__file__).parent
    shutil.copytree(package, tmp_path / "gwasbone", ignore=shutil.ignore_patterns("__pycache__"))
    code = """
import sys
from gwasbone.blocks.compiled import announce_compiling
from gwasbone.blocks.prune import windows_by_distance as kernel
import numpy as np
announce_compiling(kernel, progress=lambda *step: print("compiled"))
kernel(np.arange(9), 3)
"""

    def compiled_anew():
        env = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": ""}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return "compiled" in ran.stdout

    assert compiled_anew()
    assert not compiled_anew()
    with open(tmp_path / "gwasbone" / "blocks" / "bit_counts.py", "a") as other:
        other.write("# changed\n")
    assert compiled_anew()
    assert not compiled_anew()


def test_kernels_start_without_scipys_linear_algebra_and_those_of_others_have_it():
    code = """
import sys
import numpy as np
from gwasbone.blocks.prune import windows_by_distance
windows_by_distance(np.arange(9), 3)
print("scipy.linalg" in sys.modules)
from numba import njit
print(njit(lambda a: np.linalg.inv(a) @ a)(2 * np.eye(2)).tolist())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["False", "[[1.0, 0.0], [0.0, 1.0]]"]
