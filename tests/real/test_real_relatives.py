"""Relatedness of the cases of public bug reports, read in place."""

import pandas as pd
import pytest

from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.relatedness import relatedness

pytestmark = pytest.mark.real


@pytest.mark.parametrize("method", ["king", "pc_relate"])
def test_a_sample_of_families_has_its_45_first_degree_pairs_and_no_others(shared_data, method):
    """75 people of one population: 30 unrelated, 10 pairs of copies, 5 families of 5."""
    case = shared_data / "cases/cohort-and-questionnaires/04-pcrelate-families"
    truth = pd.read_csv(case / "truth.tsv", sep="\t")
    wanted = {
        frozenset((row.id1, row.id2)): 0 if row.kinship == 0.5 else 1 for row in truth.itertuples()
    }
    assert sorted(wanted.values()) == [0] * 10 + [1] * 45
    cohort = read_genotypes(bfile=str(case / "fam"), build="GRCh37")
    pairs = relatedness(cohort, method=method)
    found = {frozenset((row.id1, row.id2)): row.degree for row in pairs.itertuples()}
    assert found == wanted
    print(f"\n{method}: mean kinship of first degree", pairs.query("degree == 1").kinship.mean())
    assert pairs.query("degree == 1").kinship.mean() == pytest.approx(0.25, abs=0.015)
