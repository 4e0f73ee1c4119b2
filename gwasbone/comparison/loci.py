"""What scans find at loci known from outside: strength of the signal, and size of the effects."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.comparison.known_loci import DISTANCE_BP, KnownLoci
from gwasbone.comparison.measures import Measures, OfScans
from gwasbone.comparison.options import ComparisonRule
from gwasbone.genome import locus_key
from gwasbone.stats.deming import DemingLine, deming_line
from gwasbone.stats.jackknife import block_edges, jackknife_interval, means_without
from gwasbone.stats.pvalues import neg_log10_p_chi2
from gwasbone.stats.sample_size_ratio import sample_size_ratio
from gwasbone.sumstats.align import AlignedScans
from gwasbone.sumstats.ldsc import GeneticCorrelation

FloatArray = npt.NDArray[np.float64]

_FEWEST_LOCI = 3
#: With fewer loci the jackknife's intervals were seen to be too short (see benchmarks).
FEW_LOCI = 15
#: −log₁₀ p of the test that one slope fits all loci, above which it is said not to.
_ONE_SLOPE = 2.0
#: Errors of scans of the same people and nearly the same phenotype: as near to 1 as is computed.
_MOST_CORRELATED = 0.999


@dataclass(frozen=True)
class Relation:
    """How the statistics of two scans go together.

    Parameters
    ----------
    error_correlation : of their errors, from people in common.
    same_sense : 1, or −1 where the same allele acts in opposite directions.
    signal_ratio : effective sample size of the first over the second at known loci; NaN where
        undefined.
    """

    error_correlation: float
    same_sense: int
    signal_ratio: float


def locus_measures(
    scans: AlignedScans,
    measures: Measures,
    loci: KnownLoci | None,
    rg: dict[tuple[int, int], GeneticCorrelation],
    rule: ComparisonRule,
) -> dict[tuple[int, int], Relation]:
    """Mean χ², effective sample size and slopes at known loci; the relation of each pair."""
    if loci is not None and len(loci) >= 2:
        _mean_chi2(scans, measures, loci, rule)
    relations: dict[tuple[int, int], Relation] = {}
    for a, b in combinations(range(len(scans.names)), 2):
        names = (scans.names[a], scans.names[b])
        rho = _error_correlation(scans, measures, (a, b), loci, rg.get((a, b)))
        line, ratio = None, np.nan
        if loci is None:
            pass
        elif len(loci) < _FEWEST_LOCI:
            why = f"{len(loci)} independent loci, at least {_FEWEST_LOCI} are needed"
            for quantity in ("effective_sample_size_ratio", "deming_slope"):
                measures.undefined(names, quantity, why, n=len(loci))
        else:
            line = _slopes(scans, measures, (a, b), loci, rho)
            ratio = _sample_sizes(scans, measures, (a, b), loci, line, rho, rule)
        sense = _sense(line, rg.get((a, b)))
        relations[a, b] = Relation(rho, sense, ratio)
        relations[b, a] = Relation(rho, sense, 1 / ratio if ratio > 0 else np.nan)
    return relations


def _mean_chi2(
    scans: AlignedScans, measures: Measures, loci: KnownLoci, rule: ComparisonRule
) -> None:
    edges = block_edges(len(loci), rule.n_blocks)
    chi2 = [scans.chi2(i, loci.rows) for i in range(len(scans.names))]
    OfScans(
        "mean_chi2_at_loci",
        f"jackknife over {len(edges) - 1} loci of {loci.source}",
        [float(c.mean()) for c in chi2],
        [means_without(c, edges) for c in chi2],
        len(loci),
    ).write(scans.names, measures)


def _error_correlation(
    scans: AlignedScans,
    measures: Measures,
    pair: tuple[int, int],
    loci: KnownLoci | None,
    rg: GeneticCorrelation | None,
) -> float:
    """Correlation of the errors of two scans: LD-score intercept, else signs of z elsewhere."""
    names = (scans.names[pair[0]], scans.names[pair[1]])
    if rg is not None and rg.first.intercept > 0 and rg.second.intercept > 0:
        scale = np.sqrt(rg.first.intercept * rg.second.intercept)
        value, half = rg.intercept / scale, 1.96 * rg.intercept_se / scale
        method = "intercept of the LD-score covariance over √ of both intercepts"
        note, n = "", rg.n_variants
        low, high = value - half, value + half
    else:
        rows = _away(scans, loci)
        signs = [np.sign(scans.columns["beta"][i][rows]) for i in pair]
        same = (signs[0] * signs[1]).astype(np.float64)
        edges = block_edges(len(same), 200)
        found = jackknife_interval(float(same.mean()), means_without(same, edges))
        value, low, high = (
            float(np.sin(np.pi / 2 * np.clip(v, -1, 1)))
            for v in (found.estimate, found.lower, found.upper)
        )
        method = "sin(π/2 · mean of sign(z_a z_b)) away from the loci"
        note, n = "holds polygenic correlation too, having no LD scores", len(same)
    measures.add(names, "error_correlation", value, low, high, method=method, n=n, note=note)
    return float(np.clip(value, -_MOST_CORRELATED, _MOST_CORRELATED))


def _away(scans: AlignedScans, loci: KnownLoci | None) -> npt.NDArray[np.intp]:
    """Rows that lie away from all known loci; all where none would be left."""
    near = np.zeros(len(scans), dtype=bool)
    place = locus_key(scans.chromosome, scans.position_bp)
    for row in loci.rows if loci is not None else ():
        first = np.searchsorted(place, place[row] - DISTANCE_BP)
        last = np.searchsorted(place, place[row] + DISTANCE_BP)
        near[first:last] = True
    return np.flatnonzero(~near) if (~near).sum() > len(near) // 10 else np.arange(len(near))


def _sample_sizes(
    scans: AlignedScans,
    measures: Measures,
    pair: tuple[int, int],
    loci: KnownLoci,
    line: DemingLine,
    rho: float,
    rule: ComparisonRule,
) -> float:
    """Both intervals of the ratio; the score interval says where one slope does not fit."""
    names = (scans.names[pair[0]], scans.names[pair[1]])
    one, other = (scans.chi2(i, loci.rows) for i in pair)
    found = sample_size_ratio(one, other, error_correlation=rho, n_blocks=rule.n_blocks)
    note = found.status.replace("scan B", names[1])
    if not note and np.isnan(found.jackknife.lower):
        note = "the sum of χ² − 1 is not positive without one of the loci"
    elif not note and len(loci) < FEW_LOCI:
        note = f"{len(loci)} loci: the jackknife's interval is too short, see the score interval"
    measures.add(
        names, "effective_sample_size_ratio", found.ratio, found.jackknife.lower,
        found.jackknife.upper, n=len(loci), note=note,
        method=f"Σ(χ²_a − 1)/Σ(χ²_b − 1), jackknife over loci of {loci.source}, log scale",
    )  # fmt: skip
    note = found.status.replace("scan B", names[1])
    if not note and neg_log10_p_chi2(line.heterogeneity, line.dof) > _ONE_SLOPE:
        note = "effects are not proportional (see deming_heterogeneity): too short here"
    measures.add(
        names, "effective_sample_size_ratio", found.ratio, found.lower, found.upper, n=len(loci),
        method="the same, score interval for proportional effects", note=note,
    )  # fmt: skip
    return found.ratio


def _slopes(
    scans: AlignedScans,
    measures: Measures,
    pair: tuple[int, int],
    loci: KnownLoci,
    rho: float,
) -> DemingLine:
    """Deming's slope of scan b on scan a, in their own units and per standard deviation.

    Gives the latter, or without sample sizes the former.
    """
    names = (scans.names[pair[0]], scans.names[pair[1]])
    method = f"Deming line through 0, errors correlate by {rho:.2f}, jackknife over loci"
    own = deming_line(
        *(scans.columns["beta"][i][loci.rows] for i in pair),
        *(scans.columns["standard_error"][i][loci.rows] for i in pair),
        error_correlation=rho,
    )
    _write_slope(measures, names, "deming_slope", own, method)
    per_sd = _slope_per_sd(scans, pair, loci.rows, rho)
    if per_sd is None:
        why = "sample sizes (n) are missing at the loci"
        measures.undefined(names, "deming_slope_per_sd", why, n=len(loci))
        measures.undefined(names, "deming_heterogeneity", why, n=len(loci))
        return own
    _write_slope(measures, names, "deming_slope_per_sd", per_sd, method)
    p = float(neg_log10_p_chi2(per_sd.heterogeneity, per_sd.dof))
    measures.add(
        names, "deming_heterogeneity", p, np.nan, np.nan, n=per_sd.n,
        method="−log₁₀ p that one slope per SD fits all loci",
    )  # fmt: skip
    return per_sd


def _write_slope(
    measures: Measures, names: tuple[str, str], quantity: str, line: DemingLine, method: str
) -> None:
    note = "" if line.bounded else "the interval holds the vertical: the slope cannot be estimated"
    value = line.slope if line.bounded else np.nan
    measures.add(names, quantity, value, line.lower, line.upper, method=method, n=line.n, note=note)


def _slope_per_sd(
    scans: AlignedScans, pair: tuple[int, int], rows: npt.NDArray[np.intp], rho: float
) -> DemingLine | None:
    """Deming's slope per standard deviation at the loci whose n both scans say; None without."""
    known = np.isfinite([scans.columns["n"][i][rows] for i in pair]).all(axis=0)
    if known.sum() < _FEWEST_LOCI:
        return None
    standard = [standardised(scans, i, rows[known]) for i in pair]
    return deming_line(
        *(effect for effect, _ in standard), *(se for _, se in standard), error_correlation=rho
    )


def standardised(
    scans: AlignedScans, scan: int, rows: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Effects of one SD of the genotype in SD of the phenotype, z/√(n + z²), and their errors."""
    z = scans.z(scan, rows)
    n = scans.columns["n"][scan][rows].astype(np.float64)
    effect = z / np.sqrt(n + z**2)
    return effect, np.sqrt((1 - effect**2) / n)


def locus_effects(scans: AlignedScans, loci: KnownLoci | None) -> pd.DataFrame:
    """A row per known locus and scan, for the figures."""
    parts = []
    for number, name in enumerate(scans.names if loci is not None else ()):
        table = scans.table(number, loci.rows)
        effect, se = standardised(scans, number, loci.rows)
        table = table.assign(standardised=effect, standardised_se=se)
        table.insert(0, "scan", name)
        parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"scan": []})


def _sense(line: DemingLine | None, rg: GeneticCorrelation | None) -> int:
    if line is not None and line.bounded and line.lower * line.upper > 0:
        return int(np.sign(line.slope))
    if rg is not None and np.isfinite(rg.rg):
        return -1 if rg.rg < 0 else 1
    return 1
