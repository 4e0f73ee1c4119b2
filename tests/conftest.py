"""Fixtures shared by all tests: one Hail session, the real data, the peers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Beside the project; of a worktree further up.
SHARED_DATA = next(
    (p / "shared" / "data" for p in ROOT.parents if (p / "shared" / "data").is_dir()),
    ROOT.parent / "shared" / "data",
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real and simulated data of others, read in place."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no test data at {SHARED_DATA}")
    return SHARED_DATA


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (apt-get install {name})")
    return path


@pytest.fixture(scope="session")
def plink2() -> str:
    return _program("plink2")


@pytest.fixture(scope="session")
def bcftools() -> str:
    return _program("bcftools")


@pytest.fixture(scope="session")
def chromium() -> str:
    return _program("chromium")


@pytest.fixture
def small_counts_shown():
    """Figures show single participants, as the analyst may ask for."""
    from gwasbone.plots.disclosure import small_counts

    with small_counts():
        yield
