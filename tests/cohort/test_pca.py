"""Principal components against NumPy's SVD, and projection."""

import numpy as np
import pandas as pd
import pytest
from made_cohorts import bed_cohort, genotypes

from gwasbone.cohort.pca import principal_components, project
from gwasbone.errors import InputError, UsageError

M, N = 600, 60


@pytest.fixture(scope="module")
def made(hail_session, tmp_path_factory):
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


def standardised(G):
    p = np.array([g[g >= 0].mean() / 2 for g in G])
    return np.where(G < 0, 0, (G - 2 * p[:, None]) / np.sqrt(2 * p * (1 - p))[:, None]), p


@pytest.mark.hail
def test_components_equal_the_singular_vectors(made):
    G, _, pcs = made
    Z, p = standardised(G[: M - 30])
    U, s, Vt = np.linalg.svd(Z / np.sqrt(len(Z)), full_matrices=False)
    np.testing.assert_allclose(pcs.eigenvalues, s[:3] ** 2, rtol=1e-8)
    signs = np.sign(np.einsum("ij,ij->j", U[:, :3], pcs.loadings[pcs.names].to_numpy()))
    np.testing.assert_allclose(pcs.loadings[pcs.names], U[:, :3] * signs, atol=1e-7)
    np.testing.assert_allclose(pcs.scores, (Vt[:3].T * s[:3]) * signs, atol=1e-7)
    np.testing.assert_allclose(pcs.loadings["frequency"], p)
    assert pcs.names == ["PC1", "PC2", "PC3"]
    assert pcs.scores.index.tolist() == [f"p{i}" for i in range(N)]
    assert pcs.loadings.index.tolist() == list(range(M - 30))  # autosomes only
    largest = pcs.loadings[pcs.names].abs().to_numpy().argmax(axis=0)
    assert (pcs.loadings[pcs.names].to_numpy()[largest, range(3)] > 0).all()


@pytest.mark.hail
def test_groups_separate(made):
    _, _, pcs = made
    group = np.repeat([0, 1, 2], 20)
    centres = pcs.scores.groupby(group)[["PC1", "PC2"]].mean().to_numpy()
    spread = pcs.scores.groupby(group)[["PC1", "PC2"]].std().to_numpy().max()
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(3, dtype=bool)]
    assert distances.min() > 4 * spread


@pytest.mark.hail
def test_projection_gives_back_own_scores_and_places_others(made):
    _, cohort, pcs = made
    np.testing.assert_allclose(project(cohort, pcs), pcs.scores, atol=1e-8)
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
    np.testing.assert_allclose(project(out, pcs), pcs.scores, atol=1e-8)


@pytest.mark.hail
def test_projection_turns_swapped_alleles_and_refuses_strangers(made):
    _, cohort, pcs = made
    swapped = pcs.loadings.rename(columns={"ref": "alt", "alt": "ref"})
    swapped["frequency"] = 1 - swapped["frequency"]
    swapped[pcs.names] *= -1
    turned = type(pcs)(pcs.scores, swapped, pcs.eigenvalues)
    np.testing.assert_allclose(project(cohort, turned), pcs.scores, atol=1e-8)
    moved = pcs.loadings.assign(position_bp=pcs.loadings["position_bp"] + 1)
    with pytest.raises(InputError, match="same build"):
        project(cohort, type(pcs)(pcs.scores, moved, pcs.eigenvalues))


@pytest.mark.hail
def test_too_few_people_and_unknown_variants_are_refused(made):
    _, cohort, _ = made
    with pytest.raises(UsageError, match="60 people"):
        principal_components(cohort, np.ones(M, dtype=bool), k=60)
    with pytest.raises(UsageError, match="no rows"):
        principal_components(cohort, pd.Index([5, 99_999]))
    with pytest.raises(UsageError, match="mask"):
        principal_components(cohort, np.ones(5, dtype=bool))
