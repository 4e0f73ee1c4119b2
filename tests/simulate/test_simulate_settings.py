"""Settings: all faults at once; segments: where they may and may not lie."""

import itertools

import numpy as np
import pytest

from gwasbone import genome
from gwasbone.errors import ConfigError
from gwasbone.simulate import SimulationSettings
from gwasbone.simulate.families import draw_pedigree, group_counts
from gwasbone.simulate.places import place_segments


def test_all_faults_are_named_at_once_and_on_one_line():
    with pytest.raises(ConfigError) as caught:
        SimulationSettings(build="hg19", prevalence=1.2, fraction_british=0.5, traits=("bmd",))
    text = str(caught.value)
    for expected in ("build must be", "prevalence must lie", "sum to 1, got 0.65", "traits must"):
        assert expected in text
    assert "\n" not in text


def test_types_are_checked_before_values():
    with pytest.raises(ConfigError, match=r"n_people must be a whole number, got 20\.5"):
        SimulationSettings(n_people=20.5)  # type: ignore[arg-type]


def test_roles_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="relatives and planted faults need 136 British-like"):
        SimulationSettings(n_people=150)


def test_lists_from_toml_make_equal_hashable_settings():
    from_lists = SimulationSettings(chromosomes=[2, 1], traits=["bmd_hip"], n_segments=4)  # type: ignore[arg-type]
    same = SimulationSettings(chromosomes=(1, 2), traits=("bmd_hip",), n_segments=4)
    assert from_lists == same
    assert hash(from_lists) == hash(same)


@pytest.mark.parametrize("build", genome.BUILDS)
def test_segments_avoid_centromeres_long_range_ld_and_par(build):
    segments = place_segments(SimulationSettings(build=build, n_segments=200))
    assert sum(segment.n_variants for segment in segments) == 25_000
    assert {segment.chromosome for segment in segments} == set(range(1, 24))
    order = [(segment.chromosome, segment.start_bp) for segment in segments]
    assert order == sorted(order)
    for one, following in itertools.pairwise(segments):
        if one.chromosome == following.chromosome:
            assert following.start_bp >= one.start_bp + one.length_bp

    # Known places, spelled apart from the module: MHC, LCT, 8p23 inversion, centromeres of 1 and X.
    for chromosome, low, high in (
        (6, 25_000_000, 34_000_000),
        (2, 134_500_000, 138_000_000),
        (8, 8_000_000, 12_000_000),
        (1, 121_500_000, 125_000_000),
        (23, 58_200_000, 62_000_000),
    ):
        for segment in segments:
            if segment.chromosome == chromosome:
                end = segment.start_bp + segment.length_bp
                assert end < low or segment.start_bp > high

    on_x = np.array(
        [s.start_bp + np.array([0, s.length_bp - 1]) for s in segments if s.chromosome == 23]
    )
    assert genome.in_x_non_par(np.full(on_x.size, 23), on_x.ravel(), build).all()
    for segment in segments:
        assert segment.start_bp + segment.length_bp <= genome.LENGTHS_BP[build][segment.chromosome]


def test_segments_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match=r"at most .* segments of 1000 kb fit"):
        place_segments(SimulationSettings(chromosomes=(22,), n_segments=80))


def test_groups_sum_to_everyone_and_pairs_are_disjoint():
    settings = SimulationSettings(n_people=1003)
    counts = group_counts(settings)
    assert sum(counts.values()) == 1003
    assert counts["british"] in (852, 853)

    pedigree = draw_pedigree(settings)
    people = pedigree.relatives[:, :2].ravel()
    assert len(people) == len(set(people)) == 2 * settings.n_pairs
    assert (pedigree.group[pedigree.cohort][people] == "british").all()
    assert not pedigree.is_male[pedigree.mother[pedigree.mother >= 0]].any()
    assert pedigree.is_male[pedigree.father[pedigree.father >= 0]].all()
