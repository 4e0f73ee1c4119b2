"""Principal components of both engines against NumPy's SVD, and projection."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_cohorts import bed_cohort, genotypes
from scipy.linalg import subspace_angles

from gwasbone.cohort.pca import principal_components, project
from gwasbone.cohort.read import cohort_from_mt
from gwasbone.errors import InputError, UsageError

M, N = 600, 60


def with_engine(engine):
    return pytest.param(engine, marks=pytest.mark.hail) if engine == "hail" else engine


ENGINES = [with_engine("blocks"), with_engine("hail")]


def components(request, cohort, *args, engine, **options):
    if engine == "hail":
        request.getfixturevalue("hail_session")
    return principal_components(cohort, *args, engine=engine, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three groups of 20 people; the last 30 variants lie on X."""
    rng = np.random.default_rng(41)
    p = rng.uniform(0.2, 0.8, M)
    parts = [np.clip(p + rng.normal(0, 0.12, M), 0.05, 0.95) for _ in range(3)]
    G = np.hstack([genotypes(rng, q, 20) for q in parts])
    G[rng.random(G.shape) < 0.02] = -1
    chromosome = np.r_[np.repeat([1, 2], (M - 30) // 2), np.full(30, 23)]
    position = np.arange(M) * 10_000 + 3_000_000
    cohort = bed_cohort(
        tmp_path_factory.mktemp("pca"), G, chromosome=chromosome, position=position,
        sex=np.full(N, 2),
    )  # fmt: skip
    return G, cohort, principal_components(cohort, np.ones(M, dtype=bool), k=3)


@pytest.fixture(scope="module", params=ENGINES)
def computed(made, request):
    """The same by each engine, and how close float32 or float64 products come."""
    _, cohort, _ = made
    pcs = components(request, cohort, np.ones(M, dtype=bool), k=3, engine=request.param)
    return pcs, 1e-7 if request.param == "hail" else 1e-6


def standardised(G):
    p = np.array([g[g >= 0].mean() / 2 for g in G])
    return np.where(G < 0, 0, (G - 2 * p[:, None]) / np.sqrt(2 * p * (1 - p))[:, None]), p


def test_components_equal_the_singular_vectors(made, computed):
    G, _, _ = made
    pcs, atol = computed
    Z, p = standardised(G[: M - 30])
    U, s, Vt = np.linalg.svd(Z / np.sqrt(len(Z)), full_matrices=False)
    np.testing.assert_allclose(pcs.eigenvalues, s[:3] ** 2, rtol=1e-8)
    signs = np.sign(np.einsum("ij,ij->j", U[:, :3], pcs.loadings[pcs.names].to_numpy()))
    np.testing.assert_allclose(pcs.loadings[pcs.names], U[:, :3] * signs, atol=atol)
    np.testing.assert_allclose(pcs.scores, (Vt[:3].T * s[:3]) * signs, atol=atol)
    np.testing.assert_allclose(pcs.loadings["frequency"], p)
    assert pcs.names == ["PC1", "PC2", "PC3"]
    assert pcs.scores.index.tolist() == [f"p{i}" for i in range(N)]
    assert pcs.loadings.index.tolist() == list(range(M - 30))  # autosomes only
    largest = pcs.loadings[pcs.names].abs().to_numpy().argmax(axis=0)
    assert (pcs.loadings[pcs.names].to_numpy()[largest, range(3)] > 0).all()


@pytest.mark.hail
def test_the_engines_give_the_same_tables(made, hail_session):
    """Some people and variants excluded; frequencies are those of the kept people."""
    _, cohort, _ = made
    out = cohort.exclude_people("test", "out", np.arange(N) % 7 == 3, description="")
    out = out.exclude_variants("test", "gone", np.arange(M) % 5 == 2, description="")
    chosen = cohort.variants.table.index[100:520]
    ours, theirs = (principal_components(out, chosen, k=4, engine=e) for e in ("blocks", "hail"))
    pd.testing.assert_frame_equal(ours.scores, theirs.scores, atol=1e-5, check_names=False)
    pd.testing.assert_frame_equal(ours.loadings, theirs.loadings, atol=1e-5, check_dtype=False)
    np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, rtol=1e-8)


@pytest.mark.hail
def test_variants_that_do_not_vary_are_left_out_by_both(tmp_path, hail_session):
    G = genotypes(np.random.default_rng(43), np.full(80, 0.4), 30)
    G[3], G[7], G[11] = 0, 2, -1
    cohort = bed_cohort(
        tmp_path, G, chromosome=np.repeat([1, 2], 40), position=np.arange(80) * 1000 + 1
    )
    everything = np.ones(80, dtype=bool)
    ours, theirs = (
        principal_components(cohort, everything, k=2, engine=e) for e in ("blocks", "hail")
    )
    assert ours.loadings.index.tolist() == [i for i in range(80) if i not in (3, 7, 11)]
    pd.testing.assert_frame_equal(ours.loadings, theirs.loadings, atol=1e-5, check_dtype=False)
    np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, rtol=1e-8)


def test_the_iterative_method_gives_the_same(made, monkeypatch):
    """As in cohorts whose relationship matrix is too large."""
    _, cohort, pcs = made
    monkeypatch.setattr("gwasbone.blocks.pca.MOST_EXACT", 50)
    monkeypatch.setattr("gwasbone.cohort.pca._MIN_ROWS", 64)
    monkeypatch.setattr("gwasbone.cohort.pca.CALLS_PER_BLOCK", 1)
    again = principal_components(cohort, np.ones(M, dtype=bool), k=3, seed=5)
    np.testing.assert_allclose(again.eigenvalues, pcs.eigenvalues, rtol=1e-8)
    assert subspace_angles(again.scores.to_numpy(), pcs.scores.to_numpy()).max() < 1e-4
    np.testing.assert_allclose(again.scores, pcs.scores, atol=1e-4)


def test_engines_that_cannot_be_are_refused(made):
    _, cohort, _ = made
    with pytest.raises(UsageError, match="blocks or hail, got 'spark'"):
        principal_components(cohort, engine="spark")


@pytest.mark.hail
def test_another_source_is_exported_and_gives_the_same(made, hail_session):
    _, cohort, _ = made
    cohort = cohort.exclude_people("test", "out", np.arange(N) % 7 == 3, description="")
    elsewhere = cohort_from_mt(cohort.mt)
    chosen = cohort.variants.table.index[100:520]
    ours, theirs = (principal_components(c, chosen, k=4) for c in (cohort, elsewhere))
    pd.testing.assert_frame_equal(ours.scores, theirs.scores, atol=1e-8, check_names=False)
    np.testing.assert_allclose(project(elsewhere, ours), ours.scores, atol=1e-6)


def test_groups_separate(made):
    _, _, pcs = made
    group = np.repeat([0, 1, 2], 20)
    centres = pcs.scores.groupby(group)[["PC1", "PC2"]].mean().to_numpy()
    spread = pcs.scores.groupby(group)[["PC1", "PC2"]].std().to_numpy().max()
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(3, dtype=bool)]
    assert distances.min() > 4 * spread


def test_projection_gives_back_own_scores_and_places_others(made):
    _, cohort, pcs = made
    np.testing.assert_allclose(project(cohort, pcs), pcs.scores, atol=1e-6)
    some = np.isin(np.arange(N) % 4, [1, 2, 3])
    training = cohort.exclude_people("test", "out", ~some, description="")
    smaller = principal_components(training, cohort.variants.table.index[:500], k=2)
    others = project(cohort.exclude_people("test", "in", some, description=""), smaller)
    assert len(smaller.scores) == 45
    assert others.index.tolist() == [f"p{i}" for i in np.flatnonzero(~some)]
    group = np.repeat([0, 1, 2], 20)
    centres = smaller.scores.groupby(group[some]).mean()
    nearest = [((centres - row) ** 2).sum(axis=1).idxmin() for row in others.to_numpy()]
    assert nearest == group[~some].tolist()
    # excluded variants still serve
    out = cohort.exclude_variants("test", "out", np.arange(M) < 300, description="")
    np.testing.assert_allclose(project(out, pcs), pcs.scores, atol=1e-6)


def test_projection_by_blocks_is_the_sum_over_variants(made, monkeypatch):
    """Some missing variants, missing calls, kept people of an odd number."""
    from gwasbone.cohort import pca

    G, cohort, pcs = made
    out = np.arange(N) % 7 == 3
    some = cohort.exclude_people("test", "out", out, description="")
    fewer = replace(pcs, loadings=pcs.loadings.drop(index=[5, 100]))
    rows = fewer.loadings.index.to_numpy()
    p, w = fewer.loadings["frequency"].to_numpy()[:, None], fewer.loadings[pcs.names].to_numpy()
    g = G[rows][:, ~out]
    Z = np.where(g < 0, 0, (g - 2 * p) / np.sqrt(2 * p * (1 - p) * len(rows)))
    monkeypatch.setattr(pca, "_MIN_ROWS", 64)
    monkeypatch.setattr(pca, "CALLS_PER_BLOCK", 1)
    np.testing.assert_allclose(project(some, fewer), Z.T @ w, atol=1e-12)


def test_projection_turns_swapped_alleles_and_refuses_strangers(made):
    _, cohort, pcs = made
    swapped = pcs.loadings.rename(columns={"ref": "alt", "alt": "ref"})
    swapped["frequency"] = 1 - swapped["frequency"]
    swapped[pcs.names] *= -1
    turned = type(pcs)(pcs.scores, swapped, pcs.eigenvalues)
    np.testing.assert_allclose(project(cohort, turned), project(cohort, pcs), atol=1e-12)
    moved = pcs.loadings.assign(base_pair_location=pcs.loadings["base_pair_location"] + 1)
    with pytest.raises(InputError, match="same build"):
        project(cohort, type(pcs)(pcs.scores, moved, pcs.eigenvalues))


def test_too_few_people_and_unknown_variants_are_refused(made):
    _, cohort, _ = made
    with pytest.raises(UsageError, match="60 samples"):
        principal_components(cohort, np.ones(M, dtype=bool), k=60)
    with pytest.raises(UsageError, match="no rows"):
        principal_components(cohort, pd.Index([5, 99_999]))
    with pytest.raises(UsageError, match="mask"):
        principal_components(cohort, np.ones(5, dtype=bool))
