"""Effects, errors and p-values that a file does not hold are worked out as by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.sumstats.scans import Positions, open_scans, read_scan

# −log10 p of z = 2 and of z = 40: scipy.stats.norm.logsf, plus log 2
P_OF_2, P_OF_40 = 1.3419860844769556, 349.1359764636819
Z_95 = 1.959963984540054


def scan(folder: Path, name: str = "scan.y.tsv", **columns: object) -> pd.DataFrame:
    """A scan with some columns of GWAS-SSF, read."""
    place = {
        "chromosome": 1, "base_pair_location": [1000, 2000], "effect_allele": "A",
        "other_allele": "G",
    }  # fmt: skip
    path = folder / name
    pd.DataFrame(place | columns).to_csv(path, sep="\t", index=False, na_rep="#NA")
    return read_scan(path)


def test_p_values_that_a_float_cannot_hold_are_read_as_text(tmp_path):
    table = scan(tmp_path, p_value=["1e-400", "2.5E-310"], beta=1.0)
    assert table["neg_log_10_p_value"].tolist() == pytest.approx([400, 310 - np.log10(2.5)])


@pytest.mark.parametrize("zero", ["0", "0.0", "0e0", "0.000"])
def test_a_p_value_of_0_is_that_of_the_effect(tmp_path, zero):
    table = scan(tmp_path, p_value=[zero, "1e-400"], beta=[4.0, 1.0], standard_error=[0.1, 0.0236])
    assert table["neg_log_10_p_value"].tolist() == pytest.approx([P_OF_40, 400])


def test_a_p_value_of_0_without_an_effect_is_set_aside_and_named(tmp_path, caplog):
    table = scan(tmp_path, p_value=["0", "0.5"], beta=[4.0, 1.0])
    assert table["base_pair_location"].tolist() == [2000]
    assert "1 row set aside: p-value of 0 and no effect or standard error" in caplog.text
    assert "first in line 2" in caplog.text


@pytest.mark.parametrize("p", ["-0.1", "1.2"])
def test_a_p_value_outside_0_to_1_is_set_aside(tmp_path, p, caplog):
    assert len(scan(tmp_path, p_value=[p, "0.5"])) == 1
    assert "p-value outside 0 to 1" in caplog.text


def test_an_odds_ratio_with_a_95_percent_interval(tmp_path):
    table = scan(
        tmp_path, odds_ratio=[2.0, 0.5], ci_lower=[1.0, 0.25], ci_upper=[4.0, 1.0], p_value=0.05
    )
    assert table["beta"].tolist() == pytest.approx([np.log(2), -np.log(2)])
    # (ln 4 − ln 1)/(2 · 1.96)
    assert table["standard_error"].tolist() == pytest.approx([2 * np.log(2) / (2 * Z_95)] * 2)


def test_an_interval_of_beta_is_not_logarithmic(tmp_path):
    table = scan(tmp_path, beta=[1.0, -1.0], ci_lower=[0.0, -2.0], ci_upper=[2.0, 0.0])
    assert table["standard_error"].tolist() == pytest.approx([1 / Z_95] * 2)
    # and p is that of β/SE = 1.96
    assert table["neg_log_10_p_value"].tolist() == pytest.approx([-np.log10(0.05)] * 2)


def test_of_two_columns_of_effects_the_one_that_is_filled(tmp_path):
    table = scan(
        tmp_path, beta=[np.nan, 0.3], odds_ratio=[np.e, np.nan], standard_error=[0.5, 0.15],
        p_value=0.0455,
    )  # fmt: skip
    assert table["beta"].tolist() == pytest.approx([1.0, 0.3])


def test_the_error_of_an_effect_comes_from_its_p_value(tmp_path):
    table = scan(tmp_path, beta=[1.0, -0.4], neg_log_10_p_value=P_OF_2)
    assert table["standard_error"].tolist() == pytest.approx([0.5, 0.2])


def test_z_n_and_frequency(tmp_path):
    table = scan(tmp_path, z_score=[3.0, -3.0], n=991, effect_allele_frequency=[0.5, 0.1])
    # 1/√(2 · 0.5 · 0.5 · (991 + 9)), 1/√(2 · 0.1 · 0.9 · 1000)
    error = [1 / np.sqrt(500), 1 / np.sqrt(180)]
    assert table["standard_error"].tolist() == pytest.approx(error)
    assert table["beta"].tolist() == pytest.approx([3 * error[0], -3 * error[1]])


def test_z_and_n_give_effects_per_sd_of_the_genotype(tmp_path):
    table = scan(tmp_path, z_score=[2.0, -2.0], n=996)
    assert table["beta"].tolist() == pytest.approx([2 / np.sqrt(1000), -2 / np.sqrt(1000)])
    assert table["neg_log_10_p_value"].tolist() == pytest.approx([P_OF_2] * 2)


SAIGE = "CHR POS MarkerID Allele1 Allele2 AF_Allele2 MissingRate BETA SE p.value N_case N_ctrl"


def test_n_is_cases_and_controls_and_the_call_rate_is_what_is_not_missing(tmp_path):
    path = tmp_path / "y.saige.txt"
    path.write_text(f"{SAIGE}\n1 1000 rs1 G A 0.2 0.03 0.1 0.05 0.0455 30 70\n")
    row = read_scan(path).iloc[0]
    assert (row["n"], row["call_rate"], row["effect_allele"]) == (100, 0.97, "A")


PLINK = "#CHROM POS ID REF ALT A1 TEST OBS_CT OR LOG(OR)_SE Z_STAT P"


def test_the_standard_error_of_plinks_odds_ratio_is_of_its_logarithm(tmp_path):
    path = tmp_path / "y.glm.logistic"
    path.write_text(
        f"{PLINK}\n1 1000 rs1 G A A ADD 100 2 0.3465735902799726 2 0.0455\n"
        "1 1000 rs1 G A A age 100 9 0.1 9 1e-9\n"
        "1 2000 rs2 G A G ADD 100 1 0.1 0 1\n"
    )
    table = read_scan(path)
    assert table["beta"].tolist() == pytest.approx([np.log(2), 0])
    assert table["standard_error"].tolist() == pytest.approx([np.log(2) / 2, 0.1])
    # A1 is ALT in the first row and REF in the second; the row of the covariate is none
    assert table["effect_allele"].tolist() == ["A", "G"]
    assert table["other_allele"].tolist() == ["G", "A"]


LDSC = "SNP A1 A2 N Z\nrs1 A G 100 1.5\nrs2 A C 100 -2\n"


@pytest.fixture
def ldsc(tmp_path) -> Path:
    path = tmp_path / "y.sumstats"
    path.write_text(LDSC)
    return path


def test_names_without_positions_are_refused_with_what_to_do(ldsc):
    with pytest.raises(InputError, match=r"named as rs1: give --positions FILE") as raised:
        read_scan(ldsc)
    assert str(ldsc) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v.bim", "1 rs2 0 500 A C\n1 rs1 0 300 A G\n"),
        ("v.pvar", "##contig=1\n#CHROM\tPOS\tID\tREF\tALT\n1\t500\trs2\tC\tA\n1\t300\trs1\tG\tA\n"),
        ("v.l2.ldscore", "CHR SNP BP L2\n1 rs1 300 2\n1 rs2 500 3\n"),
    ],
)
def test_positions_come_from_other_files(ldsc, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    [found] = open_scans([ldsc], positions=Positions.read(tmp_path / name)).values()
    table = found.table()
    assert table["base_pair_location"].tolist() == [300, 500]
    assert np.sign(table["beta"]).tolist() == [1, -1]


def test_a_name_at_two_positions_has_none(ldsc, tmp_path, caplog):
    (tmp_path / "v.bim").write_text("1 rs1 0 300 A G\n2 rs1 0 300 A G\n1 rs2 0 500 A C\n")
    [found] = open_scans([ldsc], positions=Positions.read(tmp_path / "v.bim")).values()
    assert found.table()["source_id"].tolist() == ["rs2"]
    assert "first rs1" in caplog.text


def test_names_that_hold_a_position_need_no_others(tmp_path):
    path = tmp_path / "y.tbl"
    path.write_text(
        "MarkerName Allele1 Allele2 Effect StdErr P-value\nchr7:12_a_g a g 1 0.5 0.0455"
    )
    row = read_scan(path).iloc[0]
    assert (row["chromosome"], row["base_pair_location"]) == (7, 12)
    # and the genotypes' names do not take theirs away
    (tmp_path / "v.bim").write_text("1 rs1 0 300 A G\n")
    [found] = open_scans([path], positions=Positions.read(tmp_path / "v.bim")).values()
    assert found.table()["base_pair_location"].tolist() == [12]


def test_regenies_columns_are_called_by_its_list_of_traits(tmp_path):
    head = "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ N TEST BETA.Y1 SE.Y1 CHISQ.Y1 LOG10P.Y1"
    (tmp_path / "fit.regenie").write_text(f"{head}\n1 5 rs1 G A 0.3 90 ADD 1 0.5 4 {P_OF_2}\n")
    assert list(open_scans([tmp_path / "fit.regenie"])) == ["Y1"]
    (tmp_path / "fit.regenie.Ydict").write_text("Y1 bmd_hip\n")
    assert list(open_scans([tmp_path / "fit.regenie"])) == ["bmd_hip"]
