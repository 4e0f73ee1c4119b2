"""Options of a comparison of scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from gwasbone.options import Count, Options, Range

#: A rate or a p-value that is neither 0 nor 1.
_Inside = Annotated[float, Range(0, 1, open_low=True, open_high=True)]


@dataclass(frozen=True, kw_only=True)
class ComparisonRule(Options):
    """Rule for comparing scans.

    Parameters
    ----------
    fdr : false discovery rate at which loci are counted.
    lead_p : p-value below which lead variants are looked up in the other scans.
    block_bp : length of the blocks in which loci are counted, and minimum distance of lead
        variants, in base pairs.
    n_blocks : number of jackknife blocks over the genome.
    """

    fdr: _Inside = 0.05
    lead_p: _Inside = 5e-8
    block_bp: Count = 1_000_000
    n_blocks: Annotated[int, Range(2)] = 200
