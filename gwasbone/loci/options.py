"""Options of clumping, of loci and of the selection of lead variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from gwasbone.errors import UsageError
from gwasbone.options import (
    Count,
    InputPath,
    LinkedAbove,
    NonNegative,
    Options,
    PositiveNumber,
    PositiveShare,
    Range,
)

BestOf = Literal["region", "measurement", "scan"]


@dataclass(frozen=True, kw_only=True)
class ClumpRule(Options):
    """What makes a clump; see :mod:`gwasbone.blocks.clump`.

    Parameters
    ----------
    p1 : maximum p-value of a clump's index variant.
    p2 : p-value that members of a clump are below; members give a clump its span.
    r2 : members have a squared correlation above this with the index variant.
    kb : members are nearer to the index variant than so many kilobases.
    """

    p1: PositiveShare = 5e-8
    p2: PositiveShare = 1e-2
    r2: LinkedAbove = 0.1
    kb: PositiveNumber = 250.0

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.p1 > self.p2:
            faults.append(f"p1 = {self.p1:g} (expected at most p2 = {self.p2:g})")
        return faults


@dataclass(frozen=True, kw_only=True)
class LociOptions(ClumpRule):
    """Loci of scans: clumps, merged, with the genes near them, and their regional plots.

    Parameters
    ----------
    merge_kb : clumps that are at most so many kilobases apart make one locus.
    genes : GTF file, NCBI .gene.loc or table of genes on the scans' build; no gene columns where
        not set.
    genes_build : GRCh37 or GRCh38, where the file of genes does not tell.
    all_genes : also list genes that are not protein-coding, where the file tells.
    window_kb : genes within so many kilobases of a lead are listed and drawn.
    genetic_map : table of recombination rates to draw behind regional plots.
    regional_plots : number of loci drawn, the strongest first.
    """

    merge_kb: NonNegative = 250.0
    genes: InputPath | None = None
    genes_build: Literal["GRCh37", "GRCh38"] | None = None
    all_genes: bool = False
    window_kb: NonNegative = 500.0
    genetic_map: InputPath | None = None
    regional_plots: Annotated[int, Range(0)] = 6


@dataclass(frozen=True)
class SelectionRule(Options):
    """How variants are selected; the defaults are those of the paper.

    Parameters
    ----------
    p_threshold : a block needs a p-value below this.
    block_bp : length of a block in bp.
    max_blocks : maximum number of blocks, the smallest p-values first: of each scan, and of each
        region.
    best_of : within what the best blocks are selected for the regions: region (over all its
        scans), measurement (over the scans of one bone density) or scan.
    window_bp : peaks at most this many bp apart can be one SNP.
    r2 : peaks with at least this squared correlation are one SNP.
    """

    p_threshold: PositiveShare = 1e-5
    block_bp: Count = 1_000_000
    max_blocks: Count | None = 12
    best_of: BestOf = "region"
    window_bp: Annotated[int, Range(0)] = 10_000_000
    r2: PositiveShare = 0.9


#: ``plink``: the defaults of PLINK 1.9's --clump. ``loci``: genome-wide significant signals.
#: ``instruments``: nearly uncorrelated ones, for Mendelian randomisation.
CLUMP_RULES = {
    "loci": ClumpRule(),
    "instruments": ClumpRule(r2=0.001, kb=10_000),
    "plink": ClumpRule(p1=1e-4, r2=0.5),
}


def clump_rule(name: str) -> ClumpRule:
    """A rule by its name.

    >>> clump_rule("instruments").kb
    10000

    Raises
    ------
    UsageError
        There is no such rule.
    """
    if name not in CLUMP_RULES:
        raise UsageError(f"clump rule: expected one of {', '.join(CLUMP_RULES)}, got {name!r}")
    return CLUMP_RULES[name]


def regions_of_scans(flags: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``trait=region,region`` as trait -> regions.

    >>> regions_of_scans(["bmd_hip=left_hip,right_hip"])
    {'bmd_hip': ('left_hip', 'right_hip')}

    Raises
    ------
    UsageError
        A flag of another form.
    """
    given: dict[str, tuple[str, ...]] = {}
    for flag in flags:
        trait, _, regions = flag.partition("=")
        names = tuple(name.strip() for name in regions.split(",") if name.strip())
        if not trait or not names:
            raise UsageError(f"--region {flag}: expected TRAIT=REGION, such as bmd_hip=left_hip")
        given[trait.strip()] = names
    return given
