"""The kept output of lme4 is what lme4 says: runs the script again where R is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.peer

ORACLES = Path(__file__).resolve().parent / "oracles"


@pytest.fixture(scope="module")
def rscript() -> str:
    path = shutil.which("Rscript")
    if path is None:
        pytest.skip("Rscript is not installed (apt-get install r-base-core r-cran-lme4)")
    has = subprocess.run([path, "-e", "library(lme4)"], capture_output=True, check=False)
    if has.returncode:
        pytest.skip("R has no lme4 (apt-get install r-cran-lme4)")
    return path


def test_lme4_says_again_what_was_kept(rscript, tmp_path):
    script, table = ORACLES / "random_intercept.R", ORACLES / "random_intercept_input.tsv"
    subprocess.run([rscript, str(script), str(table), str(tmp_path)], check=True)
    for name, keys in (("fits", ["design", "what"]), ("residuals", ["design", "person"])):
        file = f"random_intercept_{name}.tsv"
        kept, again = (
            pd.read_csv(folder / file, sep="\t", comment="#").set_index(keys)
            for folder in (ORACLES, tmp_path)
        )
        assert list(kept.index) == list(again.index)
        numbers = kept.select_dtypes("number").columns
        assert len(numbers) > 0
        # versions of lme4 stop their search at slightly different variances
        np.testing.assert_allclose(again[numbers], kept[numbers], rtol=1e-3, atol=1e-6)
