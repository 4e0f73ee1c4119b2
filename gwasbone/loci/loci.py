"""Loci of scans: clumps that lie close together, their lead variants, and the genes near them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.display import Shown
from gwasbone.errors import UsageError
from gwasbone.genes.bone import known_bone_genes
from gwasbone.genes.nearest import genes_in_windows, nearest_genes
from gwasbone.genes.table import Genes
from gwasbone.genome import BUILDS
from gwasbone.loci.clump import clump
from gwasbone.loci.clump_tables import VARIANT, Clumps, clump_by_distance
from gwasbone.loci.options import ClumpRule, clump_rule
from gwasbone.sumstats.scan import Scans
from gwasbone.sumstats.scans import as_scans
from gwasbone.tables import labelled, write_table

log = logging.getLogger(__name__)

#: Columns of the table of loci, in order.
LOCUS_COLUMNS = (
    "trait", "locus", "chromosome", "start_bp", "end_bp", "n_clumps", "lead_variant_id",
    "base_pair_location", "effect_allele", "other_allele", "source_id", "beta", "standard_error",
    "neg_log_10_p_value", "n", "nearest_gene", "distance_to_gene_bp", "distance_to_tss_bp",
    "strand", "genes_in_window", "known_bone_genes",
)  # fmt: skip
_OF_SCAN = ["source_id", "beta", "standard_error", "n"]


@dataclass(frozen=True, repr=False)
class Loci(Shown):
    """Independent loci of one or more scans.

    Parameters
    ----------
    table : a row per locus and scan, scans in their order, loci along the genome. ``trait``;
        ``locus``, the number of the place, the same in all scans; ``chromosome`` (code);
        ``start_bp`` and ``end_bp`` of this scan's clumps and ``n_clumps``, how many; the lead,
        which is the index with the smallest p: ``lead_variant_id`` (chr_pos_other_effect),
        ``base_pair_location``, alleles, ``source_id``, ``beta``, ``standard_error``,
        ``neg_log_10_p_value``, ``n``; and, around the lead, ``nearest_gene``,
        ``distance_to_gene_bp`` (0 inside), ``distance_to_tss_bp`` (negative upstream),
        ``strand``, ``genes_in_window`` (nearest first, joined by commas) and
        ``known_bone_genes`` (the same, of the package's list). Missing where no genes were given,
        or the chromosome has none.
    clumps : trait -> its clumps.
    build : genome build of the positions.
    by_distance : whether clumping was by distance alone, without LD.
    """

    table: pd.DataFrame
    clumps: Mapping[str, Clumps] = field(repr=False)
    build: str
    by_distance: bool

    def headline(self) -> str:
        n = self.table["locus"].nunique()
        how = "by distance" if self.by_distance else "by LD"
        return f"Loci: {n:,} loci of {len(self.clumps)} scans, {self.build}, {how}"

    def preview(self) -> pd.DataFrame:
        return self.table


def find_loci(
    results: Any,
    cohort: Cohort | None = None,
    *,
    genes: Genes | None = None,
    rule: str | ClumpRule = "loci",
    merge_kb: float = 250,
    gene_window_kb: float = 500,
    distance_only: bool = False,
    build: str | None = None,
    threads: int | None = None,
) -> Loci:
    """Find independent loci of scans, with their lead variants and the genes near them.

    Each scan is clumped by linkage disequilibrium in the cohort. A clump spans from the first to
    the last of its index and members. Clumps of all scans whose spans overlap, or are no more
    than ``merge_kb`` apart (start of the next − end of the one before), make one locus; each scan
    that has a clump in it gives a row.

    Parameters
    ----------
    results : scans (:func:`gwasbone.sumstats.scans.as_scans`): results of a run (all its traits),
        tables or files by trait, or one table of a trait called ``scan``.
    cohort : genotypes to compute LD from.
    genes : from :func:`gwasbone.genes.files.read_genes`; without them gene columns are missing,
        but for the genes known for bone.
    rule : ``loci`` (p 5e-8, r² 0.1, 250 kb), ``instruments`` (5e-8, 0.001, 10,000 kb),
        ``plink`` (PLINK's own defaults), or a :class:`ClumpRule`.
    merge_kb : maximum distance between clumps that are merged into one locus, in kilobases.
    gene_window_kb : maximum distance of listed genes from the lead variant, in kilobases.
    distance_only : clump by distance alone, without a cohort; r² of the rule is not used.
    build : genome build of the scans, where neither results nor cohort state it.
    threads : number of cores to use; all by default.

    Raises
    ------
    UsageError
        No cohort without ``distance_only``; builds that differ, or none known.
    InputError
        As of :func:`gwasbone.loci.clump.clump`.

    Examples
    --------
    >>> cohort = gb.example_cohort()
    >>> results = gb.associate(cohort, ["bmd_spine"], ["age", "sex"])
    >>> gb.find_loci(results, cohort).table[["trait", "lead_variant_id", "n_clumps"]]
           trait  lead_variant_id  n_clumps
    0  bmd_spine  1_221606154_G_A         1
    """
    scans = as_scans(results)
    if cohort is None and not distance_only:
        raise UsageError(
            "loci: no genotypes to take the LD from: give a cohort, or distance_only to clump by "
            "distance alone"
        )
    if merge_kb < 0 or gene_window_kb < 0:
        raise UsageError(f"loci: expected 0 kb or more, got {merge_kb:g} and {gene_window_kb:g}")
    build = _one_build(scans, cohort, genes, build)
    chosen = clump_rule(rule) if isinstance(rule, str) else rule
    clumps: dict[str, Clumps] = {}
    leads = []
    for trait in scans:
        scan = scans[trait].table()
        clumps[trait] = _clumps_of(scan, cohort, chosen, distance_only, threads)
        log.info("%s: %d clumps", trait, len(clumps[trait].table))
        leads.append(_with_scan(clumps[trait].table, scan).assign(trait=trait))
    filled = [part for part in leads if len(part)]
    index = pd.concat(filled, ignore_index=True) if filled else leads[0]
    table = _rows(index, list(scans), merge_kb * 1000)
    table = _with_genes(table, genes, known_bone_genes(build), gene_window_kb * 1000)
    return Loci(table[list(LOCUS_COLUMNS)], clumps, build, distance_only)


def merge_spans(
    chromosome: npt.ArrayLike, start_bp: npt.ArrayLike, end_bp: npt.ArrayLike, *, gap_bp: float
) -> npt.NDArray[np.int64]:
    """(k,) number of the merged span of each span, from 1 along the genome.

    Spans of a chromosome are merged where they overlap, or where the next starts no more than
    ``gap_bp`` after the farthest end so far.

    >>> merge_spans([1, 1, 1, 2], [10, 60, 300, 10], [50, 90, 310, 20], gap_bp=10).tolist()
    [1, 1, 2, 3]
    """
    codes, start, end = (np.asarray(v, dtype=np.int64) for v in (chromosome, start_bp, end_bp))
    number = np.zeros(len(codes), dtype=np.int64)
    last, code, reach = 0, -1, 0
    for i in np.lexsort((end, start, codes)):
        if codes[i] != code or start[i] - reach > gap_bp:
            last, code, reach = last + 1, codes[i], end[i]
        reach = max(reach, end[i])
        number[i] = last
    return number


def _one_build(scans: Scans, cohort: Cohort | None, genes: Genes | None, given: str | None) -> str:
    """The build that all agree on."""
    said = {
        "given": given,
        "scans": scans.common_build(),
        "genotypes": cohort.build if cohort is not None else None,
        "genes": genes.build if genes is not None else None,
    }
    known = {name: build for name, build in said.items() if build is not None}
    if len(set(known.values())) > 1:
        words = ", ".join(f"{name} {build}" for name, build in known.items())
        raise UsageError(f"loci: expected one build, got {words}: take all on the scan's build")
    if not known or next(iter(known.values())) not in BUILDS:
        raise UsageError(
            f"loci: expected the build of the scans, {' or '.join(BUILDS)}, got {given}: give "
            "build (--build)"
        )
    return next(iter(known.values()))


def _clumps_of(
    scan: pd.DataFrame,
    cohort: Cohort | None,
    rule: ClumpRule,
    distance_only: bool,
    threads: int | None,
) -> Clumps:
    if distance_only or cohort is None:
        return clump_by_distance(scan, p1=rule.p1, p2=rule.p2, kb=rule.kb)
    return clump(
        scan, cohort, p1=rule.p1, p2=rule.p2, r2=rule.r2, kb=rule.kb, threads=threads
    )  # fmt: skip


def _with_scan(clumps: pd.DataFrame, scan: pd.DataFrame) -> pd.DataFrame:
    """Clumps with what the scan says of their index variants."""
    places = scan["base_pair_location"].isin(clumps["base_pair_location"])
    return clumps.merge(scan.loc[places, [*VARIANT, *_OF_SCAN]], on=VARIANT, how="left")


def _rows(index: pd.DataFrame, traits: list[str], gap_bp: float) -> pd.DataFrame:
    """One row per locus and scan, without genes."""
    number = merge_spans(index["chromosome"], index["start_bp"], index["end_bp"], gap_bp=gap_bp)
    index = index.assign(locus=number, _scan=index["trait"].map(traits.index))
    # within a scan clumps are the strongest first, ties by place
    ordered = index.sort_values(
        ["_scan", "locus", "neg_log_10_p_value"], ascending=[True, True, False], kind="stable"
    )
    groups = ordered.groupby(["_scan", "locus"], sort=False)
    spans = groups.agg(
        start_bp=("start_bp", "min"), end_bp=("end_bp", "max"), n_clumps=("locus", "size")
    )
    first = ordered.drop_duplicates(["_scan", "locus"]).drop(columns=["start_bp", "end_bp"])
    rows = first.merge(spans.reset_index(), on=["_scan", "locus"]).reset_index(drop=True)
    names = ["_".join(map(str, name)) for name in rows[VARIANT].itertuples(index=False)]
    return rows.assign(lead_variant_id=names, n=rows["n"].astype(float).round().astype("Int64"))


def _with_genes(
    rows: pd.DataFrame, genes: Genes | None, bone: Genes, window_bp: float
) -> pd.DataFrame:
    at = rows["chromosome"], rows["base_pair_location"]
    known = _joined_names(genes_in_windows(bone, *at, window_bp=int(window_bp)), len(rows))
    if genes is None:
        blank = dict.fromkeys(("nearest_gene", "strand", "genes_in_window"), None)
        missing = pd.array([pd.NA] * len(rows), dtype="Int64")
        return rows.assign(
            **blank, distance_to_gene_bp=missing, distance_to_tss_bp=missing,
            known_bone_genes=known,
        )  # fmt: skip
    near = nearest_genes(genes, *at)
    return rows.assign(
        nearest_gene=near["name"].replace("", None),
        strand=near["strand"].replace("", None),
        distance_to_gene_bp=near["distance_to_gene_bp"].astype("Int64"),
        distance_to_tss_bp=near["distance_to_tss_bp"].astype("Int64"),
        genes_in_window=_joined_names(
            genes_in_windows(genes, *at, window_bp=int(window_bp)), len(rows)
        ),
        known_bone_genes=known,
    )


def _joined_names(found: pd.DataFrame, n_rows: int) -> pd.Series:
    """Names of the genes of each row, nearest first; None where there is none."""
    joined = found.groupby("query")["name"].agg(lambda names: ",".join(dict.fromkeys(names)))
    texts = joined.reindex(range(n_rows)).astype(object)
    return texts.where(texts.notna(), None)


def write_loci(found: Loci, path: Path) -> None:
    """Write the table of loci, chromosomes by their usual names."""
    write_table(labelled(found.table), path, index=False)


def write_clumps(found: Loci, path: Path) -> None:
    """Write one clump a line; ``members`` is NA where there is none, ``by`` is ld or distance."""
    parts = []
    for trait, clumps in found.clumps.items():
        part = labelled(clumps.table).assign(
            members=clumps.table["members"].where(clumps.table["n_members"] > 0, "NA"),
            by="distance" if found.by_distance else "ld",
        )
        part.insert(0, "trait", trait)
        parts.append(part)
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else parts[0]
    write_table(table, path, index=False)
