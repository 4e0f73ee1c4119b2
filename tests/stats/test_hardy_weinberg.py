"""The exact test against exact fractions, Wigginton's table, Hail's examples, and PLINK 2."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from math import factorial, log10
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p


def exact_p(hom_ref: int, het: int, hom_alt: int, *, midp: bool = False) -> Fraction:
    """By the definition, over whole numbers."""
    n = hom_ref + het + hom_alt
    a = 2 * min(hom_ref, hom_alt) + het
    b = 2 * n - a
    constant = Fraction(factorial(n) * factorial(a) * factorial(b), factorial(2 * n))
    probability = {
        h: constant
        * Fraction(2**h, factorial((a - h) // 2) * factorial(h) * factorial((b - h) // 2))
        for h in range(a % 2, a + 1, 2)
    }
    assert sum(probability.values()) == 1
    observed = probability[het]
    tied = sum(p for p in probability.values() if p == observed)
    less = sum(p for p in probability.values() if p < observed)
    return less + (tied / 2 if midp else tied)


def minus_log10(p: Fraction) -> float:
    return log10(p.denominator) - log10(p.numerator)


@pytest.mark.parametrize("midp", [False, True])
def test_every_table_of_up_to_twelve_people(midp: bool) -> None:
    tables = [
        (r, h, n - r - h) for n in range(1, 13) for r in range(n + 1) for h in range(n - r + 1)
    ]
    expected = [minus_log10(exact_p(*table, midp=midp)) for table in tables]
    result = hardy_weinberg_neg_log10_p(*np.array(tables).T, midp=midp)
    np.testing.assert_allclose(result, expected, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.integers(0, 250)] * 3).filter(any), st.booleans())
def test_any_table(counts: tuple[int, int, int], midp: bool) -> None:
    result = hardy_weinberg_neg_log10_p(*[[c] for c in counts], midp=midp)[0]
    expected = minus_log10(exact_p(*counts, midp=midp))
    assert result == pytest.approx(expected, rel=1e-10, abs=1e-11)


def test_wigginton_100_people_21_minor_alleles() -> None:
    # Heterozygotes and p, Wigginton et al. 2005, Table 1 (probabilities summed by hand).
    table = {5: "0.000000", 7: "0.000001", 9: "0.000048", 11: "0.000919", 13: "0.010293",
             15: "0.069576", 17: "0.284042", 19: "1.000000", 21: "0.593645"}  # fmt: skip
    het = np.array(list(table))
    rare = (21 - het) // 2
    p = 10 ** -hardy_weinberg_neg_log10_p(100 - het - rare, het, rare)
    assert [f"{value:.6f}" for value in p] == list(table.values())


def test_midp_equals_the_examples_in_hails_documentation() -> None:
    p = 10 ** -hardy_weinberg_neg_log10_p([250, 37], [500, 200], [250, 85], midp=True)
    np.testing.assert_allclose(p, [0.9747844394217698, 1.1337210383168987e-06], rtol=1e-10)


def test_deep_tails_do_not_underflow() -> None:
    # All 500,000 people heterozygous. Only the table without heterozygotes is less likely, by
    # the factor C(n, n/2) / 2^n = √(2/πn); all others are likelier.
    n = 500_000
    log_factorial = np.r_[0.0, np.log(np.arange(1, 2 * n + 1)).cumsum()]
    log_p = n * np.log(2) + 2 * log_factorial[n] - log_factorial[2 * n]
    log_p += np.log1p(np.sqrt(2 / (np.pi * n)))
    result = hardy_weinberg_neg_log10_p([0], [n], [0])
    np.testing.assert_allclose(result, -log_p / np.log(10), rtol=1e-11)


def test_edges() -> None:
    result = hardy_weinberg_neg_log10_p([0, 100, 0, -1], [0, 0, 0, 3], [0, 0, 100, 5])
    np.testing.assert_array_equal(result[:3], 0.0)
    assert np.isnan(result[3])
    assert hardy_weinberg_neg_log10_p([], [], []).shape == (0,)
    # Monomorphic: one possible table, half of which counts.
    assert 10 ** -hardy_weinberg_neg_log10_p([9], [0], [0], midp=True)[0] == pytest.approx(0.5)


def test_calibrated_under_equilibrium() -> None:
    rng = np.random.default_rng(11)
    m, n = 20_000, 3_000
    q = rng.uniform(0.1, 0.5, m)
    hom_alt = rng.binomial(n, q * q)
    het = rng.binomial(n - hom_alt, 2 * q * (1 - q) / (1 - q * q))
    neg_log10_p = hardy_weinberg_neg_log10_p(n - hom_alt - het, het, hom_alt)
    for level in (0.5, 0.05, 0.01):
        rate = (neg_log10_p >= -np.log10(level)).mean()
        error = np.sqrt(level * (1 - level) / m)
        # The plain exact test is conservative by the size of one step, never liberal.
        assert 0.85 * level - 3 * error < rate < level + 3 * error


@pytest.mark.peer
def test_equals_plink2(plink2: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    n, m = 300, 400
    q, inbreeding = rng.uniform(0.005, 0.5, m), rng.choice([0.0, 0.3, -0.1], m)
    het_rate = np.clip(2 * q * (1 - q) * (1 - inbreeding), 0, 1)
    genotypes = np.where(
        rng.random((m, n)) < het_rate[:, None], 1, 2 * (rng.random((m, n)) < q[:, None])
    )
    genotypes[rng.random((m, n)) < 0.02] = -1
    calls = np.array(["./.", "0/0", "0/1", "1/1"])[genotypes + 1]
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="G">']
    lines += ["##contig=<ID=1>"]
    header = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines += ["\t".join(header + [f"s{i}" for i in range(n)])]
    lines += [
        "\t".join(["1", str(i + 1), f"v{i}", "A", "C", ".", ".", ".", "GT", *row])
        for i, row in enumerate(calls)
    ]
    vcf = tmp_path / "small.vcf"
    vcf.write_text("\n".join(lines) + "\n")
    counts = [(genotypes == g).sum(axis=1) for g in (0, 1, 2)]
    for midp in (False, True):
        options = ["--hardy", *(["midp"] if midp else []), "--out", str(tmp_path / "out")]
        subprocess.run([plink2, "--vcf", str(vcf), *options], check=True, capture_output=True)
        table = pd.read_csv(tmp_path / "out.hardy", sep="\t")
        result = hardy_weinberg_neg_log10_p(*counts, midp=midp)
        assert result.max() > 5
        # PLINK prints six digits.
        p = table["MIDP" if midp else "P"]
        np.testing.assert_allclose(result, -np.log10(p), rtol=1e-5, atol=1e-5)
