"""Genotypes of a small biobank: coalescent haplotypes, families, and two imperfect arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import genome
from gwasbone.simulate import assay, demography, families
from gwasbone.simulate.assay import MISSING
from gwasbone.simulate.families import Pedigree
from gwasbone.simulate.places import Segment, place_segments
from gwasbone.simulate.settings import SimulationSettings

__all__ = ["MISSING", "Progress", "SimulatedGenotypes", "simulate_genotypes"]

#: Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]

_DEGREES = {
    families.PARENT_OFFSPRING: ("parent_offspring", 1, 0.25),
    families.SIBLINGS: ("siblings", 1, 0.25),
    families.COUSINS: ("first_cousins", 3, 0.0625),
}
_INBRED_SHARE = 0.3


@dataclass(frozen=True)
class SimulatedGenotypes:
    """Simulated genotype calls, the true genotypes and the planted faults.

    Parameters
    ----------
    G : (m, n) int8 dosage of the ALT allele as called; −127 (``MISSING``) = not called. Men are
        0 or 2 on X.
    variants : m rows, sorted: ``chromosome position_bp other_allele effect_allele source_id
        fault``; ``effect_allele`` is ALT, the counted one.
    people : n rows: ``fid iid ancestry is_male reported_is_male array fault``; ``is_male`` is
        what the genotypes say, ``reported_is_male`` what the records say.
    relatives : ``iid_1 iid_2 relation degree expected_kinship``.
    altered_index, altered_dosage : flat indices into ``G`` where the call is not the truth
        (ascending), and the true dosage there.
    """

    G: npt.NDArray[np.int8]
    variants: pd.DataFrame
    people: pd.DataFrame
    relatives: pd.DataFrame
    altered_index: npt.NDArray[np.int64]
    altered_dosage: npt.NDArray[np.int8]

    def true_dosages(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
        """(len(rows), n) True dosages of ALT, without errors and missing calls."""
        n = self.G.shape[1]
        truth = self.G[rows]
        for out, row in zip(truth, np.asarray(rows, dtype=np.int64), strict=True):
            low, high = np.searchsorted(self.altered_index, [row * n, (row + 1) * n])
            out[self.altered_index[low:high] - row * n] = self.altered_dosage[low:high]
        return truth


@dataclass(frozen=True)
class _SegmentGenotypes:
    observed: npt.NDArray[np.int8]
    position_bp: npt.NDArray[np.int64]
    alt_is_ancestral: npt.NDArray[np.bool_]
    fault: npt.NDArray[np.str_]
    altered_index: npt.NDArray[np.int64]
    altered_dosage: npt.NDArray[np.int8]


def simulate_genotypes(
    settings: SimulationSettings, *, progress: Progress | None = None
) -> SimulatedGenotypes:
    """Simulate genotypes of a cohort.

    Each segment has a coalescent history of its own (msprime) in the populations of
    :func:`gwasbone.simulate.demography.demography`; families are made by gene-dropping, and two
    arrays call the result with errors, biases and missing calls. Segments run on all cores; the
    result depends on the settings alone.

    Raises
    ------
    InputError
        When a segment is too short to hold as many variants as asked.

    References
    ----------
    Baumdicker et al. 2022, Genetics 220:iyab229 (msprime 1.0).
    """
    segments = place_segments(settings)
    pedigree = families.draw_pedigree(settings)
    is_autosome = np.array([segment.chromosome != genome.X for segment in segments])
    plan = assay.plan_assay(settings, pedigree, is_autosome=is_autosome)

    m, n = settings.n_variants, settings.n_people
    G = np.empty((m, n), dtype=np.int8)
    parts: list[_SegmentGenotypes] = []
    start = 0
    for part in _in_threads(settings, segments, pedigree, plan):
        G[start : start + len(part.observed)] = part.observed
        start += len(part.observed)
        # The calls are in G now; holding them twice would double the memory.
        parts.append(_without_calls(part, offset=(start - len(part.observed)) * n))
        if progress is not None:
            progress("genotypes", len(parts), len(segments))

    return SimulatedGenotypes(
        G=G,
        variants=_variant_table(settings, segments, parts),
        people=(people := _people_table(settings, pedigree, plan)),
        relatives=_relatives_table(pedigree, people),
        altered_index=np.concatenate([part.altered_index for part in parts]),
        altered_dosage=np.concatenate([part.altered_dosage for part in parts]),
    )


def _in_threads(
    settings: SimulationSettings, segments: list[Segment], pedigree: Pedigree, plan: assay.AssayPlan
) -> Iterator[_SegmentGenotypes]:
    # msprime and most of NumPy leave the interpreter lock; threads need no copies of G. At most
    # two segments per thread wait, so memory does not grow with their number.
    workers = min(os.cpu_count() or 1, len(segments))
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for segment in segments:
            waiting.append(pool.submit(_simulate_segment, settings, segment, pedigree, plan))
            if len(waiting) > 2 * workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()


def _simulate_segment(
    settings: SimulationSettings, segment: Segment, pedigree: Pedigree, plan: assay.AssayPlan
) -> _SegmentGenotypes:
    rng = np.random.default_rng([settings.seed, 6, segment.number])
    # Drift in families can lose what is common among the founders, the more the fewer people.
    surplus = 1.1
    while True:
        G, position_bp = _true_genotypes(settings, segment, pedigree, plan, surplus=surplus)
        kept = _choose_variants(G, segment, settings, rng)
        if len(kept) == segment.n_variants:
            break
        surplus *= 2
    G = G[kept]
    alt_is_ancestral = rng.random(len(G)) < settings.alt_is_ancestral_share
    G[alt_is_ancestral] = 2 - G[alt_is_ancestral]
    observed, fault = assay.observe(
        G,
        plan,
        settings,
        segment=segment.number,
        chromosome=segment.chromosome,
        is_male=pedigree.is_male[pedigree.cohort],
        rng=rng,
    )
    altered = np.flatnonzero(observed != G)
    return _SegmentGenotypes(
        observed=observed,
        position_bp=position_bp[kept],
        alt_is_ancestral=alt_is_ancestral,
        fault=fault,
        altered_index=altered,
        altered_dosage=G.ravel()[altered],
    )


def _true_genotypes(
    settings: SimulationSettings,
    segment: Segment,
    pedigree: Pedigree,
    plan: assay.AssayPlan,
    *,
    surplus: float,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """(s, n) Dosages of the derived allele, more rows than wanted, and their positions."""
    rng = np.random.default_rng([settings.seed, 10, segment.number])
    n_rare = settings.rare_share * segment.n_variants
    offset_bp, founders = demography.haplotypes(
        pedigree.haplotype_counts,
        length_bp=segment.length_bp,
        n_common=int(np.ceil(surplus * segment.n_variants)) + 10,
        n_rare=int(np.ceil(1.5 * n_rare)),
        maf_min=settings.maf_min,
        seed=int(rng.integers(1, 2**31)),
        is_x=segment.chromosome == genome.X,
    )
    position_bp = offset_bp + segment.start_bp
    H = families.inherit(
        founders,
        pedigree,
        chromosome=segment.chromosome,
        position_bp=position_bp,
        build=settings.build,
        seed=settings.seed,
    )
    for person in np.flatnonzero(plan.fault == "inbred"):
        if rng.random() < _INBRED_SHARE:
            H[:, 1, person] = H[:, 0, person]
    return H[:, 0] + H[:, 1], position_bp


def _choose_variants(
    G: npt.NDArray[np.int8],
    segment: Segment,
    settings: SimulationSettings,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Rows to keep: ``rare_share`` of them rare where there are enough, the others common."""
    frequency = G.mean(axis=1, dtype=np.float64) / 2
    maf = np.minimum(frequency, 1 - frequency)
    rare = np.flatnonzero((maf >= settings.maf_min) & (maf < 0.01))
    common = np.flatnonzero(maf >= 0.01)
    n_rare = min(len(rare), round(settings.rare_share * segment.n_variants))
    n_common = min(len(common), segment.n_variants - n_rare)
    chosen = [
        rng.choice(rare, size=n_rare, replace=False),
        rng.choice(common, size=n_common, replace=False),
    ]
    return np.sort(np.concatenate(chosen))


def _without_calls(part: _SegmentGenotypes, *, offset: int) -> _SegmentGenotypes:
    return _SegmentGenotypes(
        observed=np.empty((0, 0), dtype=np.int8),  # a slice would keep the whole array alive
        position_bp=part.position_bp,
        alt_is_ancestral=part.alt_is_ancestral,
        fault=part.fault,
        altered_index=part.altered_index + offset,
        altered_dosage=part.altered_dosage,
    )


def _variant_table(
    settings: SimulationSettings, segments: list[Segment], parts: list[_SegmentGenotypes]
) -> pd.DataFrame:
    rng = np.random.default_rng([settings.seed, 7])
    sizes = [len(part.position_bp) for part in parts]
    chromosome = np.repeat([segment.chromosome for segment in segments], sizes)
    position = np.concatenate([part.position_bp for part in parts])
    m = len(position)
    # Two transitions for each transversion, as between human alleles.
    bases = np.array(list("ACGT"))
    ancestral = rng.integers(0, 4, m)
    step = rng.choice([2, 1, 3], size=m, p=[2 / 3, 1 / 6, 1 / 6])
    derived = (ancestral + step) % 4
    flipped = np.concatenate([part.alt_is_ancestral for part in parts])
    other = bases[np.where(flipped, derived, ancestral)]
    effect = bases[np.where(flipped, ancestral, derived)]

    rs = rng.permutation(np.cumsum(rng.integers(1, 2_000_000_000 // max(m, 1), m)) + 1000)
    source_id = np.char.add("rs", rs.astype(str)).astype(object)
    for row in np.flatnonzero(rng.random(m) < 0.1):
        label = genome.chromosome_label(int(chromosome[row]))
        source_id[row] = f"{label}:{position[row]}:{other[row]}:{effect[row]}"
    return pd.DataFrame(
        {
            "chromosome": chromosome.astype(np.int16),
            "base_pair_location": position.astype(np.int32),
            "other_allele": other.astype(object),
            "effect_allele": effect.astype(object),
            "source_id": source_id,
            "fault": np.concatenate([part.fault for part in parts]).astype(object),
        }
    )


def _people_table(
    settings: SimulationSettings, pedigree: Pedigree, plan: assay.AssayPlan
) -> pd.DataFrame:
    rng = np.random.default_rng([settings.seed, 8])
    n = settings.n_people
    # Seven digits, ascending, as UK Biobank's; FID repeats IID.
    gaps = rng.integers(1, max(2, 5_000_000 // n), n)
    iid = (1_000_000 + np.cumsum(gaps)).astype(str).astype(object)
    is_male = pedigree.is_male[pedigree.cohort]
    return pd.DataFrame(
        {
            "fid": iid,
            "iid": iid,
            "ancestry": pedigree.group[pedigree.cohort].astype(object),
            "is_male": is_male,
            "reported_is_male": assay.reported_is_male(plan, is_male),
            "array": np.array(assay.ARRAYS, dtype=object)[plan.on_second_array.astype(int)],
            "fault": plan.fault.astype(object),
        }
    )


def _relatives_table(pedigree: Pedigree, people: pd.DataFrame) -> pd.DataFrame:
    iid = people["iid"].to_numpy()
    names = [_DEGREES[kind] for kind in pedigree.relatives[:, 2].tolist()]
    return pd.DataFrame(
        {
            "iid_1": iid[pedigree.relatives[:, 0]],
            "iid_2": iid[pedigree.relatives[:, 1]],
            "relation": [name for name, _, _ in names],
            "degree": np.array([degree for _, degree, _ in names], dtype=np.int8),
            "expected_kinship": np.array([kinship for _, _, kinship in names], dtype=float),
        }
    )
