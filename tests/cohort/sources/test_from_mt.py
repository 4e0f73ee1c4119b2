"""A user's own MatrixTable as a cohort: people in its order, whatever their names."""

import pytest

import gwasbone as gb
from gwasbone.cohort.sources.matrix_table import column_values
from gwasbone.errors import InputError

pytestmark = pytest.mark.hail

NAMES = ["p10", "p2", "a", "z", "p1"]


@pytest.fixture
def mt(hail_session):
    hl = hail_session
    mt = hl.balding_nichols_model(1, 5, 8, n_partitions=2)
    names = hl.literal(NAMES)
    mt = mt.key_cols_by(s=names[hl.int32(mt.sample_idx)])
    return mt.annotate_cols(
        fam_id="f" + hl.str(mt.sample_idx),
        is_female=mt.sample_idx % 2 == 0,
        bmd=hl.float64(mt.sample_idx),
    )


def test_people_keep_their_family_and_sex(mt):
    people = gb.cohort_from_mt(mt).people.table
    assert people.index.tolist() == NAMES
    assert people["fid"].tolist() == ["f0", "f1", "f2", "f3", "f4"]
    assert people["sex"].tolist() == [2, 1, 2, 1, 2]
    values = column_values(mt, {"y": mt.bmd})
    assert values["y"].tolist() == [0, 1, 2, 3, 4]


def test_genotypes_stay_with_their_people(mt):
    cohort = gb.cohort_from_mt(mt)
    ours = cohort.mt.key_cols_by().localize_entries("e", "c").e.dosage.collect()
    theirs = mt.key_cols_by().localize_entries("e", "c").e.GT.collect()
    assert ours == [[float(call.n_alt_alleles()) for call in row] for row in theirs]


def test_multiallelic_variants_are_refused(mt):
    mt = mt.key_rows_by(locus=mt.locus, alleles=mt.alleles.append("T"))
    with pytest.raises(InputError, match="split them first"):
        gb.cohort_from_mt(mt)


def test_association_of_a_plain_matrix_table(hail_session):
    hl = hail_session
    mt = hl.balding_nichols_model(1, 40, 12, n_partitions=2)
    mt = mt.key_cols_by(s="q" + hl.str(100 - mt.sample_idx))
    mt = mt.annotate_cols(bmd=hl.rand_norm(seed=1), age=hl.rand_norm(seed=2)).checkpoint(
        hl.utils.new_temp_file("plain", "mt")
    )
    results = gb.associate(mt, y=mt.bmd, covariates=[mt.age])
    table = results.table("bmd")
    ht = hl.linear_regression_rows(y=mt.bmd, x=mt.GT.n_alt_alleles(), covariates=[1.0, mt.age])
    assert table["beta"].tolist() == pytest.approx(ht.beta.collect(), rel=1e-6, nan_ok=True)
