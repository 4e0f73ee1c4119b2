"""Settings of a simulated cohort, validated as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from gwasbone import genome
from gwasbone.errors import ConfigError

#: Ancestry groups in the order of the ``fraction_*`` fields.
GROUPS = (
    "british",
    "white_other",
    "south_asian",
    "african",
    "caribbean",
    "east_asian",
    "mixed",
)

#: Columns that ``phenotypes.tsv`` can have after FID and IID.
TRAITS = ("bmd_spine", "bmd_hip", "bmd_femur", "osteoporosis", "null_trait")


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """Settings of a simulated cohort; the defaults are those of the demo.

    Parameters
    ----------
    n_people, n_variants : numbers of participants and variants.
    seed : random seed; equal settings give equal files.
    build : ``GRCh37`` or ``GRCh38``: where on each chromosome the segments are placed.
    chromosomes : codes of the chromosomes that carry variants (1-22, 23 = X).
    n_segments, segment_kb : number of simulated segments, spread over the chromosomes in
        proportion to their length, and the length of each in kilobases. Linkage disequilibrium is
        realistic within a segment and absent between segments.
    maf_min : minimum minor allele frequency over all participants.
    rare_share : proportion of the variants with a minor allele frequency between ``maf_min`` and
        0.01; all others are more common.
    alt_is_ancestral_share : proportion of the variants whose counted (ALT) allele is the ancestral
        one, which is mostly the major one.
    fraction_british, ..., fraction_mixed : shares of the ancestry groups; they sum to 1.
        ``caribbean`` is a west-African-like population with a British-like pulse eight
        generations ago; ``mixed`` people have one British-like parent and one from another
        continent.
    n_parent_offspring, n_siblings, n_third_degree : pairs of relatives (third degree: first
        cousins), all British-like, no person in two pairs.
    missing_rate, error_rate : mean proportion of genotypes that are missing, or called
        incorrectly.
    second_array_share : proportion of the participants genotyped on the second array.
    n_batch_variants : number of variants that the second array calls with a bias.
    n_hwe_variants : number of variants whose heterozygotes are called incorrectly, so that they
        deviate from Hardy-Weinberg equilibrium.
    n_low_call_variants : number of variants with 6-25 % missing calls.
    n_low_call_people : number of participants with 6-15 % missing calls.
    n_sex_mismatches : number of participants whose reported sex differs from their genetic sex.
    n_heterozygosity_outliers : number of participants with too low (inbred) or too high
        (contaminated) heterozygosity, half of each.
    traits : traits that are written, of ``bmd_spine bmd_hip bmd_femur osteoporosis null_trait``.
    n_causal : number of causal variants, including the planted ones.
    n_planted : number of causal variants with a large effect, on different chromosomes where
        possible.
    planted_share : mean proportion of the variance of a bone density, adjusted for covariates,
        that a planted variant explains.
    h2_bmd, h2_osteoporosis : share of the variance, covariates removed, that the causal variants
        explain in the British-like group (of the liability for ``osteoporosis``); exact.
    effect_alpha : an effect is drawn with variance proportional to [2p(1-p)]^alpha.
    bmd_genetic_correlation, bmd_residual_correlation : between the polygenic parts and between
        the residuals of the three bone densities.
    osteoporosis_genetic_correlation : of the liability with the mean genetic value of the three
        densities in the British-like group; exact.
    prevalence : proportion of cases of ``osteoporosis`` among all participants.
    trait_missing_rate : proportion of participants without a value, independently for each trait;
        half as many again have no bone density at all.
    mislabelled_rate, unlabelled_rate : proportion of participants whose reported ethnic background
        is drawn at random, or is missing.

    Raises
    ------
    ConfigError
        With all faults at once.
    """

    n_people: int = 2000
    n_variants: int = 25_000
    seed: int = 1
    build: str = "GRCh37"
    chromosomes: tuple[int, ...] = tuple(range(1, 24))
    n_segments: int = 92
    segment_kb: int = 1000
    maf_min: float = 0.001
    rare_share: float = 0.15
    alt_is_ancestral_share: float = 0.2

    fraction_british: float = 0.85
    fraction_white_other: float = 0.05
    fraction_south_asian: float = 0.035
    fraction_african: float = 0.02
    fraction_caribbean: float = 0.015
    fraction_east_asian: float = 0.015
    fraction_mixed: float = 0.015

    n_parent_offspring: int = 10
    n_siblings: int = 20
    n_third_degree: int = 30

    missing_rate: float = 0.004
    error_rate: float = 0.0003
    second_array_share: float = 0.2
    n_batch_variants: int = 25
    n_hwe_variants: int = 25
    n_low_call_variants: int = 25
    n_low_call_people: int = 6
    n_sex_mismatches: int = 4
    n_heterozygosity_outliers: int = 6

    traits: tuple[str, ...] = TRAITS
    n_causal: int = 200
    n_planted: int = 6
    planted_share: float = 0.03
    h2_bmd: float = 0.45
    h2_osteoporosis: float = 0.35
    effect_alpha: float = -0.4
    bmd_genetic_correlation: float = 0.8
    bmd_residual_correlation: float = 0.6
    osteoporosis_genetic_correlation: float = -0.7
    prevalence: float = 0.1
    trait_missing_rate: float = 0.04
    mislabelled_rate: float = 0.01
    unlabelled_rate: float = 0.01

    def __post_init__(self) -> None:
        # TOML and JSON have lists only; equality and hashing want tuples.
        object.__setattr__(self, "chromosomes", tuple(sorted(self.chromosomes)))
        object.__setattr__(self, "traits", tuple(self.traits))
        faults = list(_faults(self))
        if faults:
            raise ConfigError("simulation settings: " + "; ".join(faults))

    @classmethod
    def light(
        cls,
        *,
        n_people: int = 10_000,
        n_variants: int = 100_000,
        seed: int = 1,
        **others: object,
    ) -> SimulationSettings:
        """One British-like population without relatives or planted faults, for benchmarks.

        ``others`` are any further fields; they win over what this path sets.
        """
        plain: dict[str, object] = {
            **{f"fraction_{group}": float(group == "british") for group in GROUPS},
            **{name: 0 for name in _COUNTS if name not in ("n_causal", "n_planted")},
            "error_rate": 0.0,
            "missing_rate": 0.001,
        }
        return cls(n_people=n_people, n_variants=n_variants, seed=seed, **(plain | others))  # type: ignore[arg-type]

    @property
    def fractions(self) -> dict[str, float]:
        """Ancestry group -> share of the participants."""
        return {group: getattr(self, f"fraction_{group}") for group in GROUPS}

    @property
    def n_pairs(self) -> int:
        """Pairs of relatives of all degrees."""
        return self.n_parent_offspring + self.n_siblings + self.n_third_degree


_COUNTS = (
    "n_parent_offspring",
    "n_siblings",
    "n_third_degree",
    "n_batch_variants",
    "n_hwe_variants",
    "n_low_call_variants",
    "n_low_call_people",
    "n_sex_mismatches",
    "n_heterozygosity_outliers",
    "n_causal",
    "n_planted",
)
_SHARES = (
    "rare_share",
    "alt_is_ancestral_share",
    "missing_rate",
    "error_rate",
    "second_array_share",
    "trait_missing_rate",
    "mislabelled_rate",
    "unlabelled_rate",
    "planted_share",
    *(f"fraction_{group}" for group in GROUPS),
)
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
}
_CORRELATIONS = ("bmd_genetic_correlation", "bmd_residual_correlation")


def _faults(s: SimulationSettings) -> Iterator[str]:
    mistyped = [
        f"{field.name} must be {_KINDS[str(field.type)][1]}, got {getattr(s, field.name)!r}"
        for field in fields(s)
        if str(field.type) in _KINDS
        and (
            isinstance(getattr(s, field.name), bool)
            or not isinstance(getattr(s, field.name), _KINDS[str(field.type)][0])
        )
    ]
    if mistyped:
        yield from mistyped
        return
    for name in ("n_people", "n_variants", "n_segments", "segment_kb"):
        if getattr(s, name) < 1:
            yield f"{name} must be at least 1, got {getattr(s, name)}"
    for name in (*_COUNTS, "seed"):
        if getattr(s, name) < 0:
            yield f"{name} must not be negative, got {getattr(s, name)}"
    for name in _SHARES:
        if not 0 <= getattr(s, name) <= 1:
            yield f"{name} must lie between 0 and 1, got {getattr(s, name)}"
    for name in (*_CORRELATIONS, "h2_bmd", "h2_osteoporosis"):
        if not 0 <= getattr(s, name) < 1:
            yield f"{name} must lie in [0, 1), got {getattr(s, name)}"
    if not -1 < s.osteoporosis_genetic_correlation < 1:
        got = s.osteoporosis_genetic_correlation
        yield f"osteoporosis_genetic_correlation must lie in (-1, 1), got {got}"
    if not 0 < s.prevalence < 1:
        yield f"prevalence must lie in (0, 1), got {s.prevalence}"
    if not 0 < s.maf_min < 0.01:
        yield f"maf_min must lie in (0, 0.01), got {s.maf_min}"
    if not -2 <= s.effect_alpha <= 2:
        yield f"effect_alpha must lie in [-2, 2], got {s.effect_alpha}"
    yield from _faults_between_fields(s)


def _faults_between_fields(s: SimulationSettings) -> Iterator[str]:
    if s.build not in genome.BUILDS:
        yield f"build must be one of {', '.join(genome.BUILDS)}, got {s.build!r}"
    if not s.chromosomes or not set(s.chromosomes) <= {*genome.AUTOSOMES, genome.X}:
        yield f"chromosomes must be codes 1-22 or 23 (X), got {list(s.chromosomes)}"
    if s.n_segments < len(s.chromosomes):
        yield (
            f"n_segments must be at least one per chromosome ({len(s.chromosomes)}), "
            f"got {s.n_segments}"
        )
    if s.n_variants < s.n_segments:
        yield f"n_variants must be at least n_segments ({s.n_segments}), got {s.n_variants}"
    if abs(sum(s.fractions.values()) - 1) > 1e-6:
        yield f"the fraction_ fields must sum to 1, got {sum(s.fractions.values()):.6g}"
    in_roles = (
        2 * s.n_pairs + s.n_low_call_people + s.n_sex_mismatches + s.n_heterozygosity_outliers
    )
    if in_roles > int(s.fraction_british * s.n_people):
        yield (
            f"relatives and planted faults need {in_roles} British-like participants, "
            f"got {int(s.fraction_british * s.n_people)}: lower their numbers or raise n_people"
        )
    if s.n_planted > s.n_causal:
        yield f"n_planted must not exceed n_causal ({s.n_causal}), got {s.n_planted}"
    # Planted shares vary by 40 % around their mean and LD may add to them.
    if s.n_planted * s.planted_share > 0.6 * s.h2_bmd:
        yield (
            f"n_planted × planted_share must not exceed 0.6 × h2_bmd ({0.6 * s.h2_bmd:.3g}), "
            f"got {s.n_planted * s.planted_share:.3g}"
        )
    unknown = [trait for trait in s.traits if trait not in TRAITS]
    if unknown or not s.traits:
        yield f"traits must be some of {', '.join(TRAITS)}, got {list(s.traits)}"
