"""Principal components of both engines agree with ``plink2 --pca``."""

import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import subspace_angles

N_COMPONENTS = 6


@pytest.mark.peer
@pytest.mark.real
@pytest.mark.hail
@pytest.mark.slow
def test_components_of_1000_genomes_europeans(
    plink2, hail_session, shared_data, tmp_path, monkeypatch
):
    """The same pruned variants; PLINK's exact algorithm (not ``approx``), from a .bed."""
    from gwasbone.cohort.pca import principal_components
    from gwasbone.cohort.prune import prune
    from gwasbone.cohort.read import read_genotypes

    prefix = shared_data / "genotypes" / "1kg_eur_planted" / "human"
    cohort = read_genotypes(bfile=str(prefix), build="GRCh37", id_rule="fid_iid")
    pruned = prune(cohort, maf=0.05, r2=0.3)
    (tmp_path / "snps").write_text("\n".join(pruned["source_id"]))
    subprocess.run(
        [plink2, "--bfile", prefix, "--extract", tmp_path / "snps", "--pca", str(N_COMPONENTS),
         "--out", tmp_path / "pca", "--threads", "1", "--memory", "1000"],
        check=True, capture_output=True,
    )  # fmt: skip
    theirs = pd.read_csv(tmp_path / "pca.eigenvec", sep="\t")
    theirs.index = theirs["#FID"] + "_" + theirs["IID"]
    values = np.loadtxt(tmp_path / "pca.eigenval")
    by_blocks, by_hail = (
        principal_components(cohort, pruned.index, k=N_COMPONENTS, engine=engine)
        for engine in ("blocks", "hail")
    )
    monkeypatch.setattr("gwasbone.blocks.pca.MOST_EXACT", 0)
    iterative = principal_components(cohort, pruned.index, k=N_COMPONENTS)
    for way, ours in (("blocks", by_blocks), ("hail", by_hail), ("iterative", iterative)):
        of_plink = theirs.reindex(ours.scores.index)[ours.names]
        r = correlations(of_plink, ours.scores)
        angle = np.degrees(subspace_angles(of_plink.to_numpy(), ours.scores.to_numpy()).max())
        print(f"{way}: |r| of PC1-PC{N_COMPONENTS}: {np.round(r, 6)}; angle {angle:.4f} degrees")
        assert min(r) > 0.999
        assert angle < 1
        np.testing.assert_allclose(ours.eigenvalues, values, rtol=1e-3)
        # among ourselves far closer, signs and all
        np.testing.assert_allclose(ours.eigenvalues, by_hail.eigenvalues, rtol=1e-5)
        assert min(correlations(by_hail.scores, ours.scores)) > 1 - 1e-8
        np.testing.assert_allclose(ours.scores, by_hail.scores, atol=1e-3)


def correlations(a, b):
    return [abs(np.corrcoef(a[c], b[c])[0, 1]) for c in a]
