"""Rows with values that no scan can have are set aside and named, or refuse the file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.checks import SetAside, impossible_values
from gwasbone.sumstats.scan import FrameScan
from gwasbone.sumstats.scans import open_scans, read_scan


def table(m: int = 60) -> pd.DataFrame:
    z = np.linspace(-3, 3, m)
    return pd.DataFrame(
        {
            "chromosome": "1", "base_pair_location": [str(at) for at in range(1000, 1000 + m)],
            "effect_allele": "A", "other_allele": "G", "beta": [f"{x:.6g}" for x in z * 0.1],
            "standard_error": "0.1", "effect_allele_frequency": "0.3",
            "neg_log_10_p_value": [f"{p:.8g}" for p in neg_log10_p_normal(z)], "n": "1000",
        }
    )  # fmt: skip


WRONG = [
    ("chromosome", "77", "chromosome is none of 1-22, X, Y, MT"),
    ("chromosome", "#NA", "chromosome is none of"),
    ("base_pair_location", "-5", "position outside 1 to"),
    ("base_pair_location", "0", "position outside 1 to"),
    ("base_pair_location", "1e12", "position outside 1 to"),
    ("base_pair_location", "#NA", "no position"),
    ("effect_allele", "<b>A</b>", "alleles are not spelled"),
    ("other_allele", "#NA", "alleles are not spelled"),
    ("beta", "inf", "effect infinite"),
    ("beta", "-inf", "effect infinite"),
    ("standard_error", "0", "standard error not above 0"),
    ("standard_error", "-0.1", "standard error not above 0"),
    ("standard_error", "inf", "standard error not above 0"),
    ("effect_allele_frequency", "1.7", "effect allele frequency outside 0 to 1"),
    ("effect_allele_frequency", "-0.1", "effect allele frequency outside 0 to 1"),
    ("neg_log_10_p_value", "inf", "p-value outside 0 to 1"),
    ("neg_log_10_p_value", "-1", "p-value outside 0 to 1"),
    ("neg_log_10_p_value", "50", "p-value contradicts effect and standard error"),
    ("n", "0", "sample size below 1"),
    ("n", "-369", "sample size below 1"),
]


@pytest.mark.parametrize(("column", "value", "reason"), WRONG)
def test_one_row_is_set_aside_counted_and_named(tmp_path, caplog, column, value, reason):
    given = table()
    given.loc[9, column] = value
    path = tmp_path / "scan.y.tsv"
    given.to_csv(path, sep="\t", index=False)
    found = read_scan(path)
    assert len(found) == 59
    assert 1009 not in found["base_pair_location"].tolist()
    assert f"{path}: 1 row set aside: {reason}" in caplog.text
    assert "first in line 11" in caplog.text


@pytest.mark.parametrize(("column", "value"), [("standard_error", "-0.1"), ("n", "0")])
def test_a_file_of_such_rows_is_refused(tmp_path, column, value):
    given = table()
    given.loc[:9, column] = value
    path = tmp_path / "scan.y.tsv"
    given.to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=r"10 of 60 rows hold values .*\(first in line 2\)"):
        read_scan(path)
    # hits are read apart: all of them that are wrong refuse the file too
    given["neg_log_10_p_value"], given["beta"] = "9", "0.612"
    given.to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match="rows hold values"):
        next(iter(open_scans([path]).values())).hits(5.0)


def test_contigs_and_symbolic_alleles_refuse_no_file(tmp_path, caplog):
    given = table()
    given.loc[:40, "chromosome"] = "GL000191.1"
    path = tmp_path / "scan.y.tsv"
    given.to_csv(path, sep="\t", index=False)
    assert len(read_scan(path)) == 19
    assert "41 rows set aside" in caplog.text


def test_a_missing_number_is_no_fault():
    nan = np.array([np.nan])
    names = ("beta", "standard_error", "neg_log_10_p_value", "n", "effect_allele_frequency")
    assert not any(wrong.any() for _, wrong in impossible_values(dict.fromkeys(names, nan)))


def test_an_untested_row_is_judged_by_its_place_and_frequency():
    columns = {
        "standard_error": np.array([0.0]), "n": np.array([0.0]),
        "neg_log_10_p_value": np.array([np.nan]), "effect_allele_frequency": np.array([1.2]),
    }  # fmt: skip
    wrong = [reason for reason, mask in impossible_values(columns) if mask.any()]
    assert wrong == ["effect allele frequency outside 0 to 1"]


@pytest.mark.parametrize(
    ("z", "z_of_p", "contradicts"),
    [
        (6.0, 5.0, False),  # a score test beside a Wald effect
        (6.0, 2.0, False),  # rare variants of Firth's regression beside a likelihood-ratio test
        (0.5, 3.0, False),
        (0.5, 8.0, True),
        (12.0, 2.0, True),
        (2.0, 12.0, True),
        (40.0, 38.0, False),  # six digits of a p-value
    ],
)
def test_p_and_effect_of_one_row_must_agree_roughly(z, z_of_p, contradicts):
    columns = {
        "beta": np.array([z]), "standard_error": np.array([1.0]),
        "neg_log_10_p_value": np.asarray(neg_log10_p_normal(np.array([z_of_p]))),
    }  # fmt: skip
    wrong = dict(impossible_values(columns))["p-value contradicts effect and standard error"]
    assert wrong.tolist() == [contradicts]
    assert "p-value contradicts effect and standard error" not in dict(
        impossible_values(columns, one_test=False)
    )


def test_of_a_variant_in_two_rows_the_more_significant_stays(tmp_path, caplog):
    given = table()
    given = pd.concat([given, given.iloc[[0]].assign(beta="-0.5", neg_log_10_p_value="6.2416")])
    path = tmp_path / "scan.y.tsv"
    given.to_csv(path, sep="\t", index=False)
    found = read_scan(path)
    assert len(found) == 60
    assert found["beta"].iloc[0] == -0.5
    assert "1 row set aside: the same variant again, less significant" in caplog.text


def test_a_table_in_memory_is_checked_too(caplog):
    given = table().astype({"n": float, "standard_error": float}).assign(chromosome=1)
    numbers = ["base_pair_location", "beta", "effect_allele_frequency", "neg_log_10_p_value"]
    given = given.astype(dict.fromkeys(numbers, float))
    given.loc[4, "standard_error"] = -1.0
    assert len(FrameScan("y", given).table()) == 59
    assert "scan y: 1 row set aside: standard error not above 0, or infinite (row 4)" in caplog.text


def test_a_few_impossible_rows_do_not_refuse_a_short_file():
    for n, refused in ((5, False), (6, True)):
        aside = SetAside("scan.tsv", examined=20)
        aside.add("sample size below 1", n, lambda: "line 2")
        if refused:
            with pytest.raises(InputError, match="6 of 20 rows hold values that no scan can"):
                aside.refuse_many()
        else:
            aside.refuse_many()
