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
    """Rule for clumping variants; see :mod:`gwasbone.blocks.clump`.

    Parameters
    ----------
    p1 : maximum p-value of the index variant of a clump.
    p2 : p-value below which a variant can be a member of a clump; members define its span.
    r2 : squared correlation (r²) with the index variant above which a variant is a member of its
        clump.
    kb : distance from the index variant, in kilobases, within which variants can be members of its
        clump.
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
    """Loci of scans: merged clumps, the genes near them and their regional plots.

    Parameters
    ----------
    merge_kb : maximum distance between clumps that are merged into one locus, in kilobases.
    genes : GTF file, NCBI .gene.loc file or table of genes, on the genome build of the scans; no
        genes are listed without it.
    genes_build : genome build of the file of genes, GRCh37 or GRCh38, where the file does not
        state it.
    all_genes : also list genes that are not protein-coding, where the file states the biotype.
    window_kb : maximum distance from a lead variant, in kilobases, of genes that are listed and
        drawn.
    genetic_map : table of recombination rates to draw behind regional plots.
    regional_plots : number of loci to draw, strongest first.
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
    """Rule for selecting lead variants; the defaults are those of the paper.

    Parameters
    ----------
    p_threshold : p-value below which a block is selected, by its strongest variant.
    block_bp : length of a block in base pairs.
    max_blocks : maximum number of blocks to select, those with the smallest p-values first; it
        holds for each scan and, for body regions, for each group of scans (see best_of).
    best_of : scans among which the blocks of a body region are ranked: region (all scans of the
        region together), measurement (the scans of one bone measurement) or scan (each by itself).
    window_bp : maximum distance of peaks that are merged into one SNP, in base pairs.
    r2 : minimum squared correlation (r²) of peaks that are merged into one SNP.
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
    """Return the clumping rule of a name.

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
    """Parse ``trait=region,region`` into a mapping of traits to regions.

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
