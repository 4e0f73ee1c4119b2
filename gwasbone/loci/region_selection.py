"""SNPs of bone regions out of many scans (Eriksson & Nakamori 2025, §2.6).

Scans of bone measurements belong to the regions of the images that the measurements are learnt
from. Of each region the blocks of the genome with the smallest p-values count; the best variants
of its scans there are peaks. Over all scans, peaks in strong linkage disequilibrium are one SNP:
that with the smallest p-value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gwasbone.blocks.kernel_progress import Progress
from gwasbone.display import Shown
from gwasbone.errors import UsageError
from gwasbone.images.region_map import REGION_NAMES, RegionMap, read_region_map
from gwasbone.loci.options import SelectionRule
from gwasbone.loci.region_peaks import (
    BLOCK,
    by_block,
    by_ld,
    distinct_variants,
    region_peaks,
    stacked,
    those_with_genotypes,
    variant_names_of,
)
from gwasbone.sumstats.hits import map_hits
from gwasbone.sumstats.leads import lead_blocks
from gwasbone.sumstats.scan import ScanHits
from gwasbone.sumstats.scans import as_scans
from gwasbone.sumstats.table import KEY
from gwasbone.sumstats.variants import sign_of

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort

PAIR_COLUMNS = (
    "region", "variant_id", "chromosome", "base_pair_location", "effect_allele", "other_allele",
    "source_id", "scans", "n_scans", "best_scan", "neg_log_10_p_value", "beta", "standard_error",
    "effect_allele_frequency",
)  # fmt: skip
_KEY = list(KEY)
_EFFECT = ("neg_log_10_p_value", "beta", "standard_error", "effect_allele_frequency")


@dataclass(frozen=True, repr=False)
class RegionSelection(Shown):
    """SNPs selected for each body region, with the lead blocks that they come from.

    Parameters
    ----------
    leads : lead blocks of each scan, at most ``max_blocks``, as ``lead_blocks`` with ``trait`` in
        front; all scans, whether they belong to a region or not.
    pairs : a row per region and SNP, regions in the order of the map, SNPs by place:
        :data:`PAIR_COLUMNS`. ``scans`` are the region's scans whose peak the SNP stands for, by
        comma; ``best_scan`` that in which its p-value is smallest, and ``beta``,
        ``standard_error``, ``neg_log_10_p_value`` and ``effect_allele_frequency`` are the SNP's
        there; NaN where it is below the threshold in none itself. All are of its effect allele;
        a palindrome (A/T, C/G) is taken to be named on one strand in all scans.
    regions : scan -> its regions, () for a scan that no region has.
    scans_without_hits : scans with no p-value below the threshold.
    pruned_by : ``ld``, or ``block`` where there were no genotypes: then peaks are one where they
        lie in one block, whatever their LD.
    n_peaks : distinct variants that lead a chosen block in a scan of a region.
    n_replaced : (scan, block) whose best variant the genotypes lack, the next best stands in.
    n_lost : (scan, block) of whose hits the genotypes have none.
    n_variants : rows read in all scans that counted them.
    rule : the rule.
    """

    leads: pd.DataFrame
    pairs: pd.DataFrame
    regions: Mapping[str, tuple[str, ...]]
    scans_without_hits: tuple[str, ...]
    pruned_by: Literal["ld", "block"]
    n_peaks: int
    n_replaced: int
    n_lost: int
    n_variants: int
    rule: SelectionRule

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Scans that no region has."""
        return tuple(trait for trait, regions in self.regions.items() if not regions)

    @property
    def variants(self) -> pd.DataFrame:
        """The distinct SNPs, by place: ``variant_id``, ``KEY``, ``source_id`` and frequency."""
        names = ["variant_id", *_KEY, "source_id", "effect_allele_frequency"]
        return self.pairs[names].drop_duplicates("variant_id").sort_values(_KEY, ignore_index=True)

    def headline(self) -> str:
        n, k = len(self.variants), self.pairs["region"].nunique()
        return f"RegionSelection: {n:,} variants for {k} regions, pruned by {self.pruned_by}"

    def preview(self) -> pd.DataFrame:
        return self.pairs

    @property
    def facts(self) -> dict[str, Any]:
        """The rule, the counts and the regions of every scan, as JSON takes them."""
        return {
            "rule": asdict(self.rule),
            "pruned_by": self.pruned_by,
            "n_snps": int(self.pairs["variant_id"].nunique()),
            "n_peaks": self.n_peaks,
            "n_replaced": self.n_replaced,
            "n_lost": self.n_lost,
            "n_variants": self.n_variants,
            "scans_without_hits": list(self.scans_without_hits),
            "regions": {trait: list(names) for trait, names in self.regions.items()},
        }


def select_regions(
    scans: Any,
    *,
    cohort: Cohort | None = None,
    region_map: RegionMap | None = None,
    regions: Mapping[str, Sequence[str]] | None = None,
    rule: SelectionRule | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> RegionSelection:
    """Select lead SNPs of each body region from many scans.

    Parameters
    ----------
    scans : results of a run, or trait -> table, file of summary statistics of any known format,
        or :class:`gwasbone.sumstats.scan.Scan`. Files are read a piece at a time.
    cohort : genotypes to take LD from, on the build of the scans. Without them peaks are one
        where they lie in one block, and ``pruned_by`` says so.
    region_map : measurements and their regions; the package's by default. A trait belongs to the
        measurement that its name holds, see :meth:`RegionMap.measurement_in`.
    regions : trait -> names of regions, for traits that the map does not have, or instead of it.
    rule : thresholds; those of the paper by default.
    threads : number of files read at the same time, and of cores for LD.
    progress : function called with the name of a step, the amount done and the total.

    Raises
    ------
    UsageError
        No scan; builds that differ; ``regions`` names a trait that is no scan, or an unknown
        region.
    InputError
        A file is missing, of another format, or cut short.

    Examples
    --------
    >>> cohort = gb.example_cohort()
    >>> results = gb.associate(cohort, ["bmd_spine"], ["age", "sex"])
    >>> scans = {"bmd_spine_l1_l4": results.table("bmd_spine")}  # named as in the region map
    >>> gb.select_regions(scans, cohort=cohort).pairs[["region", "source_id"]]
              region    source_id
    0       ap_spine  rs327365528
    1       ap_spine  rs842045715
    2  lateral_spine  rs327365528
    3  lateral_spine  rs842045715

    References
    ----------
    Eriksson & Nakamori (2025), §2.6: p < 1e-5, blocks of 1 Mb, the 12 best of a region, one
    representative by r² < 0.9 within 10 Mb.
    """
    rule = rule or SelectionRule()
    scans = as_scans(scans)
    scans.common_build()
    if cohort is not None:
        scans.refuse_other_build(cohort.build, "the genotypes are")
    traits = tuple(scans)
    region_map = region_map or read_region_map()
    belongs = _regions_of(traits, region_map, regions or {})
    reduced = map_hits(
        scans,
        _reduction(rule, cohort),
        p_threshold=rule.p_threshold,
        threads=threads,
        progress=progress,
    )
    blocks = {trait: scan.blocks for trait, scan in reduced.items()}
    peaks = region_peaks(blocks, belongs, region_map, rule)
    n_blocks = len(peaks.drop_duplicates(["trait", *BLOCK]))
    n_replaced = 0
    if cohort is not None:
        peaks, n_replaced = those_with_genotypes(
            peaks, {trait: scan.present for trait, scan in reduced.items()}
        )
    found = distinct_variants(peaks)
    if cohort is not None:
        stands_for = by_ld(found, cohort, rule, threads, progress)
    else:
        stands_for = by_block(found, rule)
    pairs = _pairs(peaks, found, stands_for, reduced, list(_region_order(belongs, region_map)))
    every = [
        part.head(rule.max_blocks or len(part)).assign(trait=trait)[["trait", *part.columns]]
        for trait, part in blocks.items()
    ]
    return RegionSelection(
        leads=stacked(every),
        pairs=pairs,
        regions=belongs,
        scans_without_hits=tuple(t for t, part in blocks.items() if part.empty),
        pruned_by="block" if cohort is None else "ld",
        n_peaks=len(found),
        n_replaced=n_replaced,
        n_lost=n_blocks - len(peaks.drop_duplicates(["trait", *BLOCK])),
        n_variants=sum(scan.n_variants or 0 for scan in reduced.values()),
        rule=rule,
    )


@dataclass(frozen=True)
class _Scan:
    """What is kept of a scan.

    Parameters
    ----------
    blocks : every block with a hit, best first, each with its best variant.
    present : the same with the best variant that the genotypes have; None without genotypes.
    hits : key, p-value and effect of every hit, as Arrow, which is small.
    """

    blocks: pd.DataFrame
    present: pd.DataFrame | None
    hits: pa.Table
    n_variants: int | None


def _reduction(rule: SelectionRule, cohort: Cohort | None) -> Callable[[ScanHits], _Scan]:
    def reduce(scan: ScanHits) -> _Scan:
        options = {"p_threshold": rule.p_threshold, "block_bp": rule.block_bp, "max_blocks": None}
        present = None
        if cohort is not None:
            from gwasbone.cohort.chosen_variants import rows_in_cohort

            there = rows_in_cohort(scan.table, cohort) >= 0
            present = lead_blocks(scan.table[there], **options)
        columns = [*_KEY, *_EFFECT]
        return _Scan(
            blocks=lead_blocks(scan.table, **options),
            present=present,
            hits=pa.Table.from_pandas(scan.table[columns], preserve_index=False),
            n_variants=scan.n_variants,
        )

    return reduce


def _regions_of(
    traits: Sequence[str], region_map: RegionMap, given: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    absent = [trait for trait in given if trait not in traits]
    if absent:
        raise UsageError(
            f"regions: {', '.join(absent)} is no scan; there is {', '.join(traits[:8])}"
        )
    unknown = sorted({name for names in given.values() for name in names} - set(REGION_NAMES))
    if unknown:
        raise UsageError(
            f"regions: expected some of {', '.join(REGION_NAMES)}, got {', '.join(unknown)}"
        )
    return {t: tuple(given[t]) if t in given else region_map.regions_of(t) for t in traits}


def _region_order(belongs: Mapping[str, tuple[str, ...]], region_map: RegionMap) -> dict[str, None]:
    """Regions in the order of the map, then those that only flags name."""
    of_map = [r for name in region_map.table["name"].unique() for r in region_map.regions_of(name)]
    used = {region for regions in belongs.values() for region in regions}
    return dict.fromkeys(r for r in [*of_map, *REGION_NAMES] if r in used)


def _pairs(
    peaks: pd.DataFrame,
    found: pd.DataFrame,
    stands_for: npt.NDArray[np.intp],
    reduced: Mapping[str, _Scan],
    order: list[str],
) -> pd.DataFrame:
    if found.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in PAIR_COLUMNS})
    row_of = {name: i for i, name in enumerate(found["_name"])}
    chosen = np.array([stands_for[row_of[name]] for name in variant_names_of(peaks)])
    # (region, SNP) -> its scans with the −log10 p of the peak that the SNP stands for
    scans_of: dict[tuple[int, int], dict[str, float]] = {}
    columns = (peaks[name] for name in ("region", "trait", "neg_log_10_p_value"))
    for region, trait, peak, row in zip(*columns, chosen, strict=True):
        members = scans_of.setdefault((order.index(region), int(row)), {})
        members[trait] = max(peak, members.get(trait, 0.0))
    rank = {trait: i for i, trait in enumerate(reduced)}
    effects = _effects(found, {row for _, row in scans_of}, reduced)
    rows = []
    for (region, row), members in scans_of.items():
        snp = found.iloc[row]
        scans = sorted(members, key=rank.__getitem__)
        own = [(effects[row, t][0], -rank[t], t) for t in scans if (row, t) in effects]
        best = max(own)[2] if own else max(scans, key=lambda t: (members[t], -rank[t]))
        rows.append(
            {
                "region": order[region],
                "variant_id": "_".join(str(snp[name]) for name in _KEY),
                **{name: snp[name] for name in PAIR_COLUMNS[2:7]},
                "scans": ",".join(scans),
                "n_scans": len(scans),
                "best_scan": best,
                **dict(zip(_EFFECT, effects.get((row, best), (np.nan,) * 4), strict=True)),
                "_order": region,
            }
        )
    table = pd.DataFrame(rows).sort_values(["_order", *_KEY], ignore_index=True)
    return table[list(PAIR_COLUMNS)]


def _effects(
    found: pd.DataFrame, chosen: set[int], reduced: Mapping[str, _Scan]
) -> dict[tuple[int, str], tuple[float, float, float, float]]:
    """(SNP, scan) -> ``_EFFECT`` of the SNP where it is a hit, of its effect allele."""
    wanted = {found["_name"].iloc[row]: row for row in chosen}
    places = pd.MultiIndex.from_tuples(sorted({name[:2] for name in wanted}))
    effects = {}
    for trait, scan in reduced.items():
        near = scan.hits.select(_KEY[:2]).to_pandas()
        rows = np.flatnonzero(pd.MultiIndex.from_frame(near).isin(places))
        hits = scan.hits.take(rows).to_pandas()
        for name, hit in zip(variant_names_of(hits), hits.itertuples(index=False), strict=True):
            if name in wanted:
                row = wanted[name]
                sign = sign_of(hit.effect_allele, found["effect_allele"].iloc[row], name)
                f = hit.effect_allele_frequency
                effects[row, trait] = (
                    hit.neg_log_10_p_value, sign * hit.beta, hit.standard_error,
                    f if sign > 0 else 1 - f,
                )  # fmt: skip
    return effects
