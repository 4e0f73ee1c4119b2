"""Made-up genes on the simulated segments, for what asks for a table of genes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gwasbone.simulate.places import place_segments
from gwasbone.simulate.settings import SimulationSettings

#: Of real genes: some ten in a megabase, half of them longer than 25 kb.
_SPACING_BP, _MEDIAN_BP, _LOG_SD = 100_000, 25_000, 1.0


def simulate_genes(settings: SimulationSettings) -> pd.DataFrame:
    """Genes that do not exist, where the simulated variants lie.

    Their names, ``MADEUP1`` and so on, are nobody's: nothing that is said about one of them can be
    taken for a finding. Equal settings give equal genes.

    Returns
    -------
    ``gene chromosome start_bp end_bp strand``, sorted by place; 1-based, both ends included.
    """
    rng = np.random.default_rng([settings.seed, 7])
    parts = []
    for segment in place_segments(settings):
        n = max(1, segment.length_bp // _SPACING_BP)
        start = np.sort(rng.integers(0, segment.length_bp, n)) + segment.start_bp
        length = np.exp(rng.normal(np.log(_MEDIAN_BP), _LOG_SD, n)).astype(np.int64)
        end = np.minimum(start + length, segment.start_bp + segment.length_bp - 1)
        strand = rng.choice(["+", "-"], n)
        parts.append(
            pd.DataFrame(
                {"chromosome": segment.chromosome, "start_bp": start, "end_bp": end,
                 "strand": strand}
            )
        )  # fmt: skip
    genes = pd.concat(parts, ignore_index=True)
    genes = genes.sort_values(["chromosome", "start_bp"], kind="stable", ignore_index=True)
    genes.insert(0, "gene", [f"MADEUP{number}" for number in range(1, len(genes) + 1)])
    return genes
