"""The populations: an out-of-Africa-like history, and one segment's haplotypes from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError

if TYPE_CHECKING:
    import msprime
    import tskit

#: Populations that people can come from (``mixed`` people take one haplotype from each of two).
POPULATIONS = ("british", "white_other", "south_asian", "african", "caribbean", "east_asian")

#: Diploid sizes of the living and the ancestral populations.
_SIZES = {
    "british": 20_000,
    "white_other": 20_000,
    "south_asian": 12_000,
    "african": 16_000,
    "caribbean": 10_000,
    "east_asian": 8_000,
    "european": 6_000,
    "west_eurasian": 4_500,
    "eurasian": 2_500,
    "ancestral": 10_000,
}

_CROSSOVERS_PER_BP = 1.2e-8
#: Beyond this rate most sites mutate more than once, and more mutations make fewer usable sites.
_MOST_MUTATIONS_PER_BP = 1e-5
_HOTSPOT_SPACING_BP = 50_000
_HOTSPOT_WIDTH_BP = 2_000
_HOTSPOT_SHARE = 0.8


def demography(*, is_x: bool = False) -> msprime.Demography:
    """The history of the populations, in generations before now.

    Splits: British and other European 120, European and South Asian 550, West and East Eurasian
    1,200, out of Africa 2,200 (about 60,000 years); a pulse of 13 % British-like ancestry into
    the Caribbean-like population 8. On X all sizes are three quarters.
    The sizes were set so that Hudson's FST is near the values of the 1000 Genomes groups:
    about 0.003 within Europe, 0.03 to South Asia, 0.1 to East Asia, 0.15 to Africa.
    """
    import msprime

    history = msprime.Demography()
    for name, size in _SIZES.items():
        history.add_population(name=name, initial_size=size * (0.75 if is_x else 1.0))
    history.add_admixture(
        time=8, derived="caribbean", ancestral=["african", "british"], proportions=[0.87, 0.13]
    )
    for time, derived, ancestral in (
        (120, ["british", "white_other"], "european"),
        (550, ["european", "south_asian"], "west_eurasian"),
        (1200, ["west_eurasian", "east_asian"], "eurasian"),
        (2200, ["eurasian", "african"], "ancestral"),
    ):
        history.add_population_split(time=time, derived=derived, ancestral=ancestral)
    history.sort_events()
    return history


def haplotypes(
    counts: dict[str, int],
    *,
    length_bp: int,
    n_common: int,
    n_rare: int,
    maf_min: float,
    seed: int,
    is_x: bool = False,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Haplotypes of one segment: sites, and which haplotypes carry the derived allele.

    Mutations are laid on one genealogy, at a rate that is doubled until there are ``n_common``
    sites with a minor allele frequency of 0.01 or more: variants are thinner than in a real
    genome, as on an array, while LD follows the real recombination rate.

    Parameters
    ----------
    counts : population -> number of haplotypes; columns come in this order.
    n_common, n_rare : sites wanted with a minor allele frequency of at least 0.01, and between
        ``maf_min`` and 0.01; of the rare ones there may be fewer.

    Returns
    -------
    offset_bp : (s,) ascending, from 0.
    H : (s, Σ counts) int8, 1 = derived.

    Raises
    ------
    InputError
        When the segment is too short for as many sites.
    """
    import msprime

    samples = [
        msprime.SampleSet(count, population=population, ploidy=1)
        for population, count in counts.items()
        if count
    ]
    genealogy = msprime.sim_ancestry(
        samples=samples,
        demography=demography(is_x=is_x),
        recombination_rate=_recombination_map(length_bp, seed=seed, is_x=is_x),
        ploidy=2,
        random_seed=seed,
    )
    rng = np.random.default_rng([seed, 9])
    rate = 1e-5 * n_common / length_bp
    while True:
        mutated = msprime.sim_mutations(
            genealogy, rate=rate, model=msprime.BinaryMutationModel(), random_seed=seed
        )
        maf = _minor_allele_frequencies(mutated)
        common = np.flatnonzero(maf >= 0.01)
        if len(common) >= n_common:
            break
        rate *= 2
        if rate > _MOST_MUTATIONS_PER_BP:
            raise InputError(
                f"simulate: expected {n_common} variants with a minor-allele frequency of 0.01 or "
                f"more in a segment of {length_bp / 1000:g} kb, got {len(common)}: lower "
                "n_variants, or raise n_segments or segment_kb"
            )
    rare = np.flatnonzero((maf >= maf_min) & (maf < 0.01))
    wanted = np.zeros(mutated.num_sites, dtype=bool)
    wanted[rng.choice(common, size=n_common, replace=False)] = True
    wanted[rng.choice(rare, size=min(n_rare, len(rare)), replace=False)] = True
    # Most sites are too rare to be kept; decoding them would cost most of the time and memory.
    chosen = mutated.delete_sites(np.flatnonzero(~wanted), record_provenance=False)
    offset_bp = chosen.tables.sites.position.astype(np.int64)
    return offset_bp, chosen.genotype_matrix(alleles=("0", "1"))


def _minor_allele_frequencies(mutated: tskit.TreeSequence) -> npt.NDArray[np.float64]:
    """(sites,) From the number of samples below each mutation; 0 where a site mutated twice."""
    derived = np.zeros(mutated.num_sites)
    for tree in mutated.trees():
        for site in tree.sites():
            if len(site.mutations) == 1:
                derived[site.id] = tree.num_samples(site.mutations[0].node)
    frequency = derived / mutated.num_samples
    return np.minimum(frequency, 1 - frequency)


def _recombination_map(length_bp: int, *, seed: int, is_x: bool) -> msprime.RateMap:
    """Hotspots of 2 kb about every 50 kb hold four fifths of the crossovers.

    X recombines in women only: two thirds of the rate.
    """
    import msprime

    rng = np.random.default_rng([seed, 2])
    n_hotspots = max(1, length_bp // _HOTSPOT_SPACING_BP)
    slot = length_bp / n_hotspots
    width = min(_HOTSPOT_WIDTH_BP, slot / 2)
    starts = (np.arange(n_hotspots) + rng.uniform(0.05, 0.95, n_hotspots)) * slot
    starts = np.minimum(starts, (np.arange(n_hotspots) + 1) * slot - width)
    mean_rate = _CROSSOVERS_PER_BP * (2 / 3 if is_x else 1)
    heat = rng.gamma(0.5, 2.0, n_hotspots) * _HOTSPOT_SHARE * mean_rate * slot / width
    cold = (1 - _HOTSPOT_SHARE) * mean_rate
    edges = np.unique(np.concatenate([[0.0], starts, starts + width, [float(length_bp)]]))
    middles = (edges[:-1] + edges[1:]) / 2
    slot_of = np.clip((middles / slot).astype(int), 0, n_hotspots - 1)
    inside = (middles > starts[slot_of]) & (middles < starts[slot_of] + width)
    return msprime.RateMap(position=edges, rate=np.where(inside, cold + heat[slot_of], cold))
