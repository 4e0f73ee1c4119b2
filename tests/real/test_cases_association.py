"""Scans of the situations of public bug reports, made anew: right values by peers and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.cli import main

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    folder = shared_data / "cases" / "genotypes"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}")
    return folder


@pytest.fixture
def assoc(cases, tmp_path):
    """Scan a case; its exit code, and a function that reads a trait's rows."""

    def run(case, traits, *options, table="p.tsv", genotypes=("--bfile", "g")):
        folder = cases / case
        flag, name = genotypes
        code = main(
            ["assoc", flag, f"{folder / name}", "--build", "GRCh37", "--no-plots",
             "--pheno-file", f"{folder / table}", "--pheno", traits, "--out", f"{tmp_path}/o",
             *options]
        )  # fmt: skip

        def rows(trait, kind=""):
            return pd.read_csv(tmp_path / f"o.{trait}{kind}.tsv.gz", sep="\t")

        return code, rows

    return run


def test_traits_computed_from_their_covariates_are_refused(assoc, capsys):
    assert assoc("01-trait-in-covariates", "height_cm", "--covar", "age,height_m")[0] == 1
    assert "explain it wholly" in capsys.readouterr().err
    assert assoc("01-trait-in-covariates", "cc2", "--covar", "cc", table="p2.tsv")[0] == 1
    assert "predicts cases perfectly" in capsys.readouterr().err


def test_a_trait_nearly_equal_to_a_snp_has_the_numbers_of_plink2(assoc):
    """PLINK 2 in float64: 1.5, 7.96e-7, 1981; of the trait that is the SNP no p can be given."""
    code, rows = assoc("03-trait-is-genotype", "exact,e5")
    assert code == 0
    top = rows("e5").iloc[0]
    np.testing.assert_allclose(top["beta"], 1.5, rtol=1e-6)
    np.testing.assert_allclose(top["standard_error"], 7.96e-7, rtol=1e-3)
    np.testing.assert_allclose(top["neg_log_10_p_value"], 1981, atol=0.6)
    assert rows("exact", ".untested")["status"].tolist() == ["perfect_fit"]
    assert len(rows("exact")) == 3


def test_y_is_tested_in_men_as_plink2_does(assoc):
    code, rows = assoc("09-y-women", "bmd", "--covar", "age")
    assert code == 0
    first = rows("bmd").query("chromosome == 24").iloc[0]
    assert first["n"] == 200
    np.testing.assert_allclose(first["beta"] / first["standard_error"], 1.185, atol=6e-4)
    np.testing.assert_allclose(10 ** -first["neg_log_10_p_value"], 0.237, atol=6e-4)


def test_x_and_y_of_a_mixed_file_have_the_numbers_of_plink2(assoc, capsys):
    """PLINK 2 on Y (haploid 0 to 1) and on XY: β/SE and p; sex is unknown of ten people."""
    code, rows = assoc("05-x-y-mt", "y")
    assert code == 0
    table = rows("y").set_index("source_id")
    assert table.loc["rs6", "n"] == 151
    t = table["beta"] / table["standard_error"]
    np.testing.assert_allclose(t[["rs6", "rs5", "rs8"]], [1.06761, -0.0326274, 1.09008], rtol=1e-4)
    p = 10 ** -table["neg_log_10_p_value"]
    np.testing.assert_allclose(p[["rs6", "rs5", "rs8"]], [0.287422, 0.973994, 0.27656], rtol=1e-4)
    assert "10 participants of unknown sex" in capsys.readouterr().err


def test_sex_among_women_is_dropped_for_their_trait_only(assoc, capsys):
    code, rows = assoc("10-covariates", "menopause_bmd,y", "--covar", "age,sex")
    assert code == 0
    assert "sex left out for menopause_bmd" in capsys.readouterr().err
    assert set(rows("menopause_bmd")["n"]) == {64}
    assert set(rows("y")["n"]) == {120}


@pytest.mark.parametrize("file", ["emptychr.bgen", "nachr.bgen"])
def test_a_file_without_a_known_chromosome_is_refused_with_its_reason(assoc, cases, capsys, file):
    sample = str(cases / "12-bgen" / "g.sample")
    code, _ = assoc("12-bgen", "y", "--sample", sample, genotypes=("--bgen", file))
    assert code == 1
    assert "all 3 are set aside: 3 unknown_chromosome" in capsys.readouterr().err


@pytest.mark.parametrize("test", ["score", "firth", "spa"])
def test_batches_without_cases_do_not_end_the_scan(assoc, capsys, test):
    """Beside PLINK 2's Firth regression, which shrinks the coefficients of all batches."""
    code, rows = assoc("19-batch-without-cases", "cc", "--cat-covar", "batch", "--test", test)
    assert code == 0
    assert "batch=b3 (71 participants, none a case)" in capsys.readouterr().err
    table = rows("cc")
    assert set(table["n"]) == {2000 - 71 - 76 - 52}
    plink2 = [0.155068, 0.605318, -0.709286, -0.634589, 0.282798, -0.697216]
    np.testing.assert_allclose(table["beta"] / table["standard_error"], plink2, atol=0.12)
