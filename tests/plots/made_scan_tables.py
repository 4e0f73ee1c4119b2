"""Small scans for the figures of several scans, and what is drawn of them."""

import numpy as np
import pandas as pd


def made_scan(seed, *, m=3_000, chromosomes=(1, 2, 7, 23), peaks=()):
    """A scan without signal but for ``peaks``: (row, −log₁₀ p)."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "chromosome": np.sort(rng.choice(chromosomes, m)).astype(np.int16),
            "base_pair_location": rng.integers(1, 50_000_000, m).astype(np.int32),
            "other_allele": "A",
            "effect_allele": "G",
            "source_id": [f"rs{i}" for i in range(m)],
            "effect_allele_frequency": rng.uniform(0.002, 0.998, m),
            "neg_log_10_p_value": rng.exponential(1 / np.log(10), m),
        }
    ).sort_values(["chromosome", "base_pair_location"], ignore_index=True)
    for row, height in peaks:
        table.loc[row, "neg_log_10_p_value"] = height
    frequency = table["effect_allele_frequency"]
    table["standard_error"] = 0.01 / np.sqrt(frequency * (1 - frequency))
    sign = np.where(rng.random(m) < 0.5, -1, 1)
    table["beta"] = (
        table["standard_error"] * np.sqrt(2 * np.log(10) * table["neg_log_10_p_value"]) * sign
    )
    return table


def marks(plot):
    """(x, y) of all scatter marks of a figure."""
    data = [one.data_source.data for one in plot.renderers if type(one.glyph).__name__ == "Scatter"]
    return tuple(np.concatenate([np.asarray(d[axis], float) for d in data]) for axis in "xy")


def texts(plot):
    """What is written on the plotting area."""
    written = [one.data_source.data.get("text", []) for one in plot.renderers]
    return [str(text) for some in written for text in some]


def panels(layout):
    """The figures of a grid, from top to bottom."""
    return [figure for figure, *_ in sorted(layout.children, key=lambda child: child[1])]
