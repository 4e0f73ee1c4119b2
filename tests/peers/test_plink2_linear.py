"""Linear and Firth scans of real genotypes beside PLINK 2."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from gwasbone.association.design import build_design
from gwasbone.association.hail import scan_hail
from gwasbone.association.options import AssociationOptions, AssociationRequest
from gwasbone.phenotypes.table import pick_columns, read_people_table
from gwasbone.stats.logistic import firth_lrt

pytestmark = [pytest.mark.hail, pytest.mark.real, pytest.mark.peer]

KEY = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]
CHROMOSOMES = range(1, 23)


def plink_prefix(shared_data, chromosome):
    return str(shared_data / "genotypes" / "1kg_eur_82k" / f"1000G.subset.{chromosome}")


@pytest.fixture(scope="module")
def phenotypes(shared_data):
    """The data's own trait, two covariates drawn here, and a case-control trait of the top 40 %."""
    path = shared_data / "genotypes" / "1kg_eur_82k" / "1000G.pheno.txt"
    table = pick_columns({str(path): read_people_table(path)}, ["PHENO"])
    rng = np.random.default_rng(20)
    table["age"] = rng.normal(60, 8, len(table)).round(3)
    table["sex"] = rng.integers(1, 3, len(table))
    liability = table["PHENO"] + 0.03 * table["age"] + rng.normal(size=len(table))
    table["case"] = (liability > liability.quantile(0.6)).astype(int) + 1
    return table


def import_plink(hl, prefixes):
    parts = [
        hl.import_plink(
            f"{p}.bed", f"{p}.bim", f"{p}.fam", a2_reference=True, reference_genome="GRCh37"
        )
        for p in prefixes
    ]
    mt = hl.MatrixTable.union_rows(*parts)
    mt = mt.annotate_rows(source_id=mt.rsid)
    return mt.select_entries(dosage=mt.GT.n_alt_alleles())


def run_plink(plink2, prefix, phenotypes, out, *, trait, glm, extra=()):
    """PLINK 2's results of one file set as a table in our column names."""
    columns = out / f"{trait}.pheno"
    # In these files FID = IID.
    named = phenotypes.rename_axis("IID").reset_index()
    named.insert(0, "#FID", named["IID"])
    named.to_csv(columns, sep="\t", index=False)
    subprocess.run(
        [
            plink2, "--bfile", prefix, "--pheno", str(columns), "--pheno-name", trait,
            "--covar", str(columns), "--covar-name", "age,sex", "--covar-variance-standardize",
            "--glm", *glm, "omit-ref", "hide-covar", "log10", "cols=+a1freq,+nobs",
            "--threads", "1", "--memory", "1000", "--out", str(out / "plink"), *extra,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (path,) = out.glob("plink.*.glm.*[!d]")
    table = pd.read_csv(path, sep="\t", na_values="NA")
    path.unlink()
    return table.rename(
        columns={
            "#CHROM": "chromosome",
            "POS": "base_pair_location",
            "REF": "other_allele",
            "A1": "effect_allele",
            "BETA": "beta_plink",
            "LOG(OR)_SE": "se_plink",
            "SE": "se_plink",
            "A1_FREQ": "frequency_plink",
            "LOG10_P": "p_plink",
        }
    )


def largest_difference(ours, theirs):
    return float(np.max(np.abs(ours - theirs) / np.abs(theirs)))


@pytest.mark.slow
def test_linear_scan_of_22_files_agrees_with_plink(
    hail_session, shared_data, plink2, phenotypes, tmp_path
):
    prefixes = [plink_prefix(shared_data, c) for c in CHROMOSOMES]
    mt = import_plink(hail_session, prefixes)
    design = build_design(
        phenotypes.index.tolist(),
        phenotypes,
        AssociationRequest(traits=("PHENO",), covariates=("age", "sex"), method="linear"),
    )
    ours = scan_hail(mt, design)["PHENO"]
    theirs = pd.concat(
        run_plink(plink2, p, phenotypes, tmp_path, trait="PHENO", glm=()) for p in prefixes
    )
    assert len(ours) == len(theirs) == 82_448
    both = ours.merge(theirs, on=KEY, validate="one_to_one")
    # Every variant pairs up with the same effect allele.
    assert len(both) == len(ours)
    np.testing.assert_allclose(
        both["effect_allele_frequency"], both["frequency_plink"], rtol=1e-5, atol=1e-9
    )
    both = both[(both["call_rate"] == 1) & (both["status"] == "")]
    assert len(both) > 80_000
    assert both["beta_plink"].notna().all()
    figures = {
        name: largest_difference(both[name], both[f"{other}_plink"])
        for name, other in (("beta", "beta"), ("standard_error", "se"))
    }
    # A variant without any effect: the p-value, not its logarithm, has the six digits.
    tested = both[both["p_plink"] > 1e-3]
    figures["neg_log_10_p_value"] = largest_difference(
        tested["neg_log_10_p_value"], tested["p_plink"]
    )
    same_sign = np.sign(both["beta"]) == np.sign(both["beta_plink"])
    print(f"\n{len(both):,} variants, largest relative differences from PLINK 2: {figures}")
    assert same_sign.all()
    assert max(figures.values()) < 1e-4


def test_firth_scan_agrees_with_plink_and_the_penalised_likelihood_ratio(
    hail_session, shared_data, plink2, phenotypes, tmp_path
):
    prefix = plink_prefix(shared_data, 22)
    mt = import_plink(hail_session, [prefix])
    mt = mt.filter_rows(mt.locus.position < 20_250_000).checkpoint(str(tmp_path / "part.mt"))
    design = build_design(
        phenotypes.index.tolist(),
        phenotypes,
        AssociationRequest(traits=("case",), covariates=("age", "sex"), method="logistic"),
    )
    ours = scan_hail(mt, design, AssociationOptions(test="firth"))["case"]
    theirs = run_plink(
        plink2, prefix, phenotypes, tmp_path, trait="case", glm=("firth",),
        extra=("--to-bp", "20249999", "--chr", "22"),
    )  # fmt: skip
    theirs["beta_plink"] = np.log(theirs["OR"])
    both = ours.merge(theirs, on=KEY, validate="one_to_one")
    assert len(both) == len(ours) > 500
    assert (ours["status"] == "").all()
    both = both[both["call_rate"] == 1]
    # PLINK stops Firth's iterations early (its β is up to 1e-3 from the maximum); ours is held to
    # the maximum itself below.
    difference = ((both["beta"] - both["beta_plink"]).abs() / both["se_plink"]).max()
    print(
        f"\n{len(both):,} variants, largest difference of Firth beta from PLINK 2: "
        f"{(both['beta'] - both['beta_plink']).abs().max():.2g}, {difference:.2g} of its SE"
    )
    assert difference < 2e-3

    dosage = mt.annotate_rows(x=hail_session.agg.collect(mt.dosage)).x.collect()
    ids = mt.s.collect()
    table = phenotypes.loc[ids]
    X = np.column_stack([np.ones(len(table)), table[["age", "sex"]]])
    worst = 0.0
    for i in range(0, len(ours), 5):
        own = firth_lrt(X, dosage[i], table["case"] - 1)
        worst = max(worst, abs(ours["neg_log_10_p_value"][i] - own.neg_log10_p))
        np.testing.assert_allclose(ours["beta"][i], own.log_odds, rtol=1e-5, atol=1e-7)
    print(f"largest difference of -log10 p from the float64 penalised LRT: {worst:.2g}")
    assert worst < 1e-6
