"""Statistics of dosages by blocks: Hail's numbers, and by hand."""

import numpy as np
import pandas as pd
import pytest
from made_bgen import MadeVariant, dosages_of, random_probabilities, write_bgen

from gwasbone.cohort.read import read_genotypes
from gwasbone.cohort.sources import dosage_reader
from gwasbone.cohort.statistics import people_statistics, variant_statistics
from gwasbone.cohort.subsets import apply_filters

N, M = 90, 80


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Autosome, X (with some of its pseudo-autosomal region), Y and mitochondria; all diploid."""
    rng = np.random.default_rng(41)
    sex = rng.integers(0, 3, N)
    P = random_probabilities(rng, M, N)
    missing = rng.random((M, N)) < 0.05
    missing[3], P[4], P[5] = True, [255, 0], [10, 200]
    chromosome = ["5"] * 40 + ["X"] * 30 + ["Y"] * 5 + ["MT"] * 5
    position = [*range(1000, 1040), *(2_600_000 + 10_000 * np.arange(30)), *range(3000, 3010)]
    variants = [
        MadeVariant(p, c, int(at), missing=gone, source_id=f"v{i}")
        for i, (p, c, at, gone) in enumerate(zip(P, chromosome, position, missing, strict=True))
    ]
    path = write_bgen(tmp_path_factory.mktemp("statistics") / "a.bgen", variants, sex=sex)
    return path, np.where(missing, np.nan, dosages_of(P)), P


def cohort_of(made):
    path = made[0]
    cohort = read_genotypes(bgen=str(path), sample=path.with_suffix(".sample"), build="GRCh37")
    cohort = cohort.exclude_people("t", "some", np.arange(N) % 9 == 0, description="")
    return cohort.exclude_variants("t", "some", np.arange(M) % 17 == 0, description="")


@pytest.mark.hail
def test_equal_hails(made, hail_session, monkeypatch):
    monkeypatch.setattr(dosage_reader, "DOSAGES_PER_BLOCK", 7 * N)
    cohort = cohort_of(made)
    for statistics in (variant_statistics, people_statistics):
        ours, theirs = statistics(cohort, engine="blocks"), statistics(cohort, engine="hail")
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, atol=1e-11, check_dtype=False)
        assert ours.notna().any().all()


def test_by_definition(made):
    _, G, P = made
    cohort = cohort_of(made)
    kept = cohort.people.kept
    found = variant_statistics(cohort).iloc[1:17]  # of the autosome
    g = G[1:17, kept]
    frequency = np.nanmean(np.where(np.isnan(g).all(axis=1, keepdims=True), 9, g), axis=1) / 2
    frequency[2] = np.nan
    np.testing.assert_allclose(found["alt_frequency"], frequency, rtol=1e-12)
    np.testing.assert_allclose(found["call_rate"], (~np.isnan(g)).mean(axis=1), rtol=1e-12)
    three = np.concatenate([P, 255 - P.sum(axis=2, keepdims=True)], axis=2)[1:17][:, kept]
    best = np.argmax(three, axis=2)
    unique = (three == three.max(axis=2, keepdims=True)).sum(axis=2) == 1
    for copies, name in enumerate(["hom_ref", "het", "hom_alt"]):
        wanted = ((best == copies) & unique & ~np.isnan(g)).sum(axis=1)
        np.testing.assert_array_equal(found[name], wanted)
    info = np.nanvar(g[0]) / (2 * frequency[0] * (1 - frequency[0]))
    assert found["info"].iloc[0] == pytest.approx(info, rel=1e-9)


def test_filters_need_no_hail(made, monkeypatch):
    from gwasbone import session

    monkeypatch.setattr(session, "hail", lambda: pytest.fail("Hail was asked for"))
    _, G, _ = made
    cohort = apply_filters(cohort_of(made), maf=0.2, geno=0.5, hwe=1e-30, info=0.05, mind=0.5)
    kept = cohort.variants.kept[:40]
    p = np.nanmean(np.nan_to_num(G[:40][:, cohort.people.kept]), axis=1) / 2
    assert kept.sum() > 5
    assert (np.minimum(p, 1 - p)[kept] > 0.18).all()
    assert not kept[3]
    assert cohort.people.n_kept == 80
