"""Long-range LD regions: shape, borders, and overlap with another list."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.cohort.prune import in_long_range_ld, long_range_ld
from gwasbone.errors import UsageError
from gwasbone.genome import BUILDS, LENGTHS_BP


@pytest.mark.parametrize("build", BUILDS)
def test_regions_are_sorted_disjoint_and_on_the_chromosome(build):
    regions = long_range_ld(build)
    assert len(regions) == 25
    assert (regions["start_bp"] < regions["end_bp"]).all()
    assert (regions["end_bp"] <= regions["chromosome"].map(LENGTHS_BP[build])).all()
    same = regions["chromosome"].diff() == 0
    assert (regions["start_bp"] > regions["end_bp"].shift())[same].all()
    assert (regions["source"].str.len() > 10).all()


def test_both_builds_list_the_same_regions_at_about_the_same_length():
    a, b = (long_range_ld(build) for build in BUILDS)
    assert a["chromosome"].tolist() == b["chromosome"].tolist()
    assert a["note"].tolist() == b["note"].tolist()
    length = (b["end_bp"] - b["start_bp"]) / (a["end_bp"] - a["start_bp"])
    assert length.between(0.85, 1.25).all()


def test_borders_are_inside():
    position = np.array([24_999_999, 25_000_000, 33_500_000, 33_500_001, 30_000_000])
    chromosome = np.array([6, 6, 6, 6, 7])
    assert in_long_range_ld(chromosome, position, "GRCh37").tolist() == [0, 1, 1, 0, 0]


def test_another_build_is_refused():
    with pytest.raises(UsageError, match="hg18"):
        long_range_ld("hg18")


@pytest.mark.real
@pytest.mark.parametrize(
    ("build", "name"),
    [("GRCh37", "high-LD-regions-hg19-GRCh37.txt"), ("GRCh38", "high-LD-regions-hg38-GRCh38.txt")],
)
def test_large_regions_of_another_list_are_covered(shared_data, build, name):
    path = shared_data / "reference" / "long_range_ld" / name
    other = pd.read_csv(path, sep=" ", header=None, names=["chr", "start", "end", "id"])
    large = other[other["end"] - other["start"] > 1_000_000]
    assert len(large) >= 17
    for row in large.itertuples():
        inside = np.linspace(row.start, row.end, 201).astype(int)
        codes = np.full(201, int(row.chr.removeprefix("chr")))
        assert in_long_range_ld(codes, inside, build).mean() > 0.9, row
