"""Scans brought to their common variants: alleles, strands, palindromes, what is dropped."""

import numpy as np
import pandas as pd
import pytest

from gwasbone.errors import InputError
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p, neg_log10_p_normal
from gwasbone.sumstats.align import align_scans
from gwasbone.sumstats.checks import NO_EFFECT
from gwasbone.sumstats.variants import AMBIGUOUS, DUPLICATE, OTHER_ALLELES

_COLUMNS = [
    *("chromosome", "base_pair_location", "effect_allele", "other_allele", "beta"),
    *("standard_error", "effect_allele_frequency", "neg_log_10_p_value", "n"),
]


def _write(path, rows):
    pd.DataFrame(rows, columns=_COLUMNS).to_csv(path, sep="\t", index=False, na_rep="#NA")
    return path


def _row(chromosome, position, effect, other, beta=0.1, frequency=0.3, p=None):
    p = neg_log10_p_normal((beta or 0.1) / 0.05) if p is None else p
    return (chromosome, position, effect, other, beta, 0.05, frequency, p, 100)


def _aligned(tmp_path, one, other):
    return align_scans(
        {"a": _write(tmp_path / "a.tsv", one), "b": _write(tmp_path / "b.tsv.gz", other)}
    )


def _dropped(scans, name):
    rows = scans.dropped[scans.dropped["scan"] == name]
    return dict(zip(rows["reason"], rows["n_variants"], strict=True))


def test_alleles_are_swapped_and_strands_flipped_with_the_sign(tmp_path):
    one = [_row(1, 10, "A", "G"), _row(1, 20, "AT", "A"), _row(2, 5, "C", "T", beta=0.7)]
    other = [
        _row(2, 5, "A", "G", beta=0.6, frequency=0.7),  # the other strand, the other allele
        _row(1, 20, "A", "AT", beta=0.3, frequency=0.7),
        _row(1, 10, "a", "g", beta=0.2),
    ]
    scans = _aligned(tmp_path, one, other)
    tables = [scans.table(i, np.arange(3)) for i in (0, 1)]
    assert tables[0]["source_id"].tolist() == ["1_10_A_G", "1_20_A_AT", "2_5_C_T"]
    # of the allele named second
    np.testing.assert_allclose(tables[0]["beta"], [-0.1, 0.1, -0.7], rtol=1e-6)
    np.testing.assert_allclose(tables[1]["beta"], [-0.2, -0.3, 0.6], rtol=1e-6)
    np.testing.assert_allclose(tables[1]["effect_allele_frequency"], [0.7, 0.3, 0.7], rtol=1e-6)
    assert scans.dropped.empty
    assert scans.single_bases.tolist() == [True, False, True]


def test_a_palindrome_stays_only_where_frequencies_tell_its_strand(tmp_path):
    frequencies = [(0.2, 0.25), (0.2, 0.75), (0.45, 0.45), (0.3, np.nan)]
    one = [_row(1, 10 * i, "A", "T", frequency=f) for i, (f, _) in enumerate(frequencies, 1)]
    other = [_row(1, 10 * i, "A", "T", frequency=f) for i, (_, f) in enumerate(frequencies, 1)]
    scans = _aligned(tmp_path, one, other)
    assert scans.position_bp.tolist() == [10]
    assert _dropped(scans, "b") == {AMBIGUOUS: 3}
    assert _dropped(scans, "a") == {"not in every scan": 3}


def test_every_dropped_row_has_a_reason(tmp_path):
    one = [_row(1, 10, "A", "G"), _row(1, 20, "A", "G"), _row(1, 30, "A", "G")]
    other = [
        _row(1, 10, "A", "G"),
        _row(1, 20, "A", "C"),
        _row(1, 40, "A", "G"),
        _row(1, 50, "A", "G", beta=None),
        _row(1, 30, "A", "G"),
        _row(1, 30, "G", "A", beta=-0.3),
    ]
    scans = _aligned(tmp_path, one, other)
    # of the variant that stands twice the more significant row is kept
    assert scans.position_bp.tolist() == [10, 30]
    np.testing.assert_allclose(scans.columns["beta"][1][1], -0.3, rtol=1e-6)  # of G
    assert _dropped(scans, "b") == {
        NO_EFFECT: 1,
        DUPLICATE: 1,
        OTHER_ALLELES: 1,
        "not in every scan": 1,
    }
    assert _dropped(scans, "a") == {"not in every scan": 1}
    for name, n_rows in zip(scans.names, scans.n_rows, strict=True):
        assert sum(_dropped(scans, name).values()) + len(scans) == n_rows


def test_chi2_is_that_of_the_p_value_and_z_has_the_sign_of_the_effect(tmp_path):
    rows = [_row(1, 10, "A", "G", beta=1.9, p=320.0), _row(1, 20, "G", "A", beta=0.1, p=0.3)]
    scans = _aligned(tmp_path, rows, rows)
    np.testing.assert_allclose(scans.chi2(0), chi2_1_from_neg_log10_p([320.0, 0.3]), rtol=1e-6)
    assert np.sign(scans.z(0)).tolist() == [-1, 1]


def test_three_scans_keep_what_all_have_in_the_order_of_the_genome(tmp_path):
    rows = [_row(1, 10 * i, "A", "G", beta=i / 10) for i in range(1, 8)]
    paths = {
        name: _write(tmp_path / f"{name}.tsv", kept)
        for name, kept in (("a", rows[::-1]), ("b", rows[2:]), ("c", rows[:5]))
    }
    scans = align_scans(paths)
    assert scans.position_bp.tolist() == [30, 40, 50]
    for scan in range(3):
        np.testing.assert_allclose(scans.columns["beta"][scan], [-0.3, -0.4, -0.5], rtol=1e-6)


def test_what_is_no_scan_is_refused(tmp_path):
    good = _write(tmp_path / "a.tsv", [_row(1, 10, "A", "G")])
    (tmp_path / "b.tsv").write_text("SNP\tP\nrs1\t0.1\n")
    with pytest.raises(InputError, match=r"b\.tsv: its columns"):
        align_scans({"a": good, "b": tmp_path / "b.tsv"})
    _write(tmp_path / "c.tsv", [_row(1, 11, "A", "G")])
    with pytest.raises(InputError, match="on one build"):
        align_scans({"a": good, "c": tmp_path / "c.tsv"})
    _write(tmp_path / "d.tsv", [])
    with pytest.raises(InputError, match="none of its 0 variants"):
        align_scans({"a": good, "d": tmp_path / "d.tsv"})


def _precise(path, rows):
    text = "\n".join("\t".join(map(repr, row)) for row in rows).replace("'", "")
    path.write_text("\t".join(_COLUMNS) + "\n" + text + "\n")
    return path


@pytest.mark.parametrize("se", [1e-3, 1e-6, 1e-12])
def test_single_precision_is_enough_for_effects_whatever_their_size(tmp_path, se):
    """|z| up to 100, N of five million: effects move by less than 1e-5 of a standard error."""
    rng = np.random.default_rng(6)
    z = np.append(rng.normal(0, 5, 500), [100, -100])
    beta, p = z * se, neg_log10_p_normal(z)
    rows = [
        (1, 10 + i, "G", "A", float(b), float(se * 1.1), 0.3, float(q), 5_000_001)
        for i, (b, q) in enumerate(zip(beta, p, strict=True))
    ]
    _precise(tmp_path / "a.tsv", rows)
    _precise(tmp_path / "b.tsv", [(*r[:4], r[4] + 0.01 * se, *r[5:]) for r in rows])
    scans = align_scans({"a": tmp_path / "a.tsv", "b": tmp_path / "b.tsv"})
    one, other = (scans.table(i, np.arange(len(z))) for i in (0, 1))
    assert np.abs(one["beta"] - beta).max() < 1e-5 * se
    np.testing.assert_allclose(other["beta"] - one["beta"], 0.01 * se, atol=2e-5 * se)
    np.testing.assert_allclose(one["standard_error"], 1.1 * se, rtol=1e-7)
    assert (one["n"] == 5_000_001).all()
    np.testing.assert_allclose(scans.chi2(0), z**2, rtol=2e-6, atol=1e-6)


def test_the_frequency_of_a_rare_allele_survives_being_turned(tmp_path):
    """Single precision would hold 1 - 5e-7 to 6e-8: the rare allele's frequency to 12 %."""
    rare = _precise(tmp_path / "a.tsv", [(1, 10, "A", "G", 0.1, 0.05, 1 - 5e-7, 2.0, 100)])
    same = _precise(tmp_path / "b.tsv", [(1, 10, "G", "A", -0.1, 0.05, 5e-7, 2.0, 100)])
    scans = align_scans({"a": rare, "b": same})
    for scan in (0, 1):
        found = scans.table(scan, np.arange(1)).iloc[0]
        assert found["effect_allele_frequency"] == pytest.approx(5e-7, rel=1e-9)
