"""Both engines on real genotypes: one table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gwasbone as gb

pytestmark = [pytest.mark.real, pytest.mark.hail]


def test_blocks_and_hail_give_one_table_of_real_genotypes(shared_data, hail_session, capsys):
    """Chromosomes 21 and 22 of 489 Europeans, two traits of which one lacks people."""
    beds = sorted((shared_data / "genotypes" / "1kg_eur_82k").glob("*2[12].bed"))
    assert len(beds) == 2
    cohort = gb.read_genotypes(
        bfile=",".join(str(bed.with_suffix("")) for bed in beds), build="GRCh37"
    )
    people = cohort.people.kept_table().index
    rng = np.random.default_rng(6)
    table = pd.DataFrame(
        rng.standard_normal((len(people), 3)), index=people, columns=["y", "z", "age"]
    )
    table.loc[people[:60], "z"] = np.nan
    blocks, hail = (
        gb.associate(cohort, ["y", "z"], ["age"], phenotypes=table, engine=engine)
        for engine in ("blocks", "hail")
    )
    for trait in ("y", "z"):
        ours, theirs = blocks.table(trait), hail.table(trait)
        pd.testing.assert_frame_equal(
            ours[["chromosome", "base_pair_location", "effect_allele", "n", "status"]],
            theirs[["chromosome", "base_pair_location", "effect_allele", "n", "status"]],
        )
        fine = (ours["status"] == "").to_numpy()
        assert fine.sum() > 1000
        in_se = (np.abs(ours["beta"] - theirs["beta"]) / theirs["standard_error"])[fine]
        of_p = np.abs(ours["neg_log_10_p_value"] - theirs["neg_log_10_p_value"])[fine]
        with capsys.disabled():
            print(
                f"\n{trait}: {fine.sum()} variants, beta differs by {in_se.max():.1e} SE, "
                f"of −log10 p {of_p.max():.1e}"
            )
        assert in_se.max() < 1e-4
        assert of_p.max() < 1e-3
        np.testing.assert_allclose(
            ours["standard_error"][fine], theirs["standard_error"][fine], rtol=1e-4
        )
