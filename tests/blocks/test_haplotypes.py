"""Maximum-likelihood haplotype r² against EM from many starts and a fine grid."""

import math

import numpy as np
import pytest

from gwasbone.blocks.haplotypes import r2_of_counts


def log_likelihood(x, k11, k12, k21, k22, h):
    f = np.array([k11 + x, k12 + h - x, k21 + h - x, k22 + x]) / (k11 + k12 + k21 + k22 + 2 * h)
    known = sum(k * math.log(v) for k, v in zip((k11, k12, k21, k22), f, strict=True) if k)
    unknown = f[0] * f[3] + f[1] * f[2]
    return known + (h * math.log(unknown) if unknown > 0 else -math.inf)


def em(k11, k12, k21, k22, h, start):
    x = start * h
    for _ in range(3000):
        f11, f12, f21, f22 = k11 + x, k12 + h - x, k21 + h - x, k22 + x
        total = f11 * f22 + f12 * f21
        x = h * f11 * f22 / total if total else x
    return x


def r2_at(x, k11, k12, k21, k22, h):
    n = k11 + k12 + k21 + k22 + 2 * h
    f11, p, q = (k11 + x) / n, (k11 + k12 + h) / n, (k11 + k21 + h) / n
    return (f11 - p * q) ** 2 / (p * (1 - p) * q * (1 - q))


def test_known_phase_by_hand():
    # f11 3/8, p and q 1/2: D 1/8, r² (1/8)² / (1/4)²
    assert r2_of_counts(3.0, 1.0, 1.0, 3.0, 0.0) == 0.25
    assert r2_of_counts(4.0, 0.0, 0.0, 4.0, 0.0) == 1.0
    assert math.isnan(r2_of_counts(4.0, 4.0, 0.0, 0.0, 0.0))
    # phase is resolved by the others: no 12 or 21 is ever seen
    assert r2_of_counts(4.0, 0.0, 0.0, 4.0, 3.0) == pytest.approx(1.0, abs=1e-12)
    assert r2_of_counts(0.0, 0.0, 0.0, 0.0, 3.0) == 1.0


@pytest.mark.parametrize("seed", range(150))
def test_equals_the_best_of_many_runs_of_em(seed):
    rng = np.random.default_rng(seed)
    k = rng.integers(0, rng.choice([3, 30, 300]), 4) * (rng.random(4) < 0.8)
    counts = (*k.astype(float) / 2, float(rng.integers(1, rng.choice([4, 60]))))
    n, first = sum(counts) + counts[4], counts[0] + counts[1] + counts[4]
    second = counts[0] + counts[2] + counts[4]
    if first in (0, n) or second in (0, n):
        assert math.isnan(r2_of_counts(*counts))
        return
    ends = [em(*counts, start) for start in (0.001, 0.25, 0.5, 0.75, 0.999)]
    best = max(log_likelihood(x, *counts) for x in [*ends, 0.0, counts[4]])
    likely = [x for x in [*ends, 0.0, counts[4]] if log_likelihood(x, *counts) > best - 1e-9]
    got = r2_of_counts(*counts)
    assert min(abs(got - r2_at(x, *counts)) for x in likely) < 1e-6


def test_naming_the_other_allele_changes_nothing():
    k11, k12, k21, k22, h = 10.0, 3.0, 4.0, 20.0, 7.0
    want = r2_of_counts(k11, k12, k21, k22, h)
    assert r2_of_counts(k21, k22, k11, k12, h) == pytest.approx(want, rel=1e-12)
    assert r2_of_counts(k12, k11, k22, k21, h) == pytest.approx(want, rel=1e-12)
    assert r2_of_counts(k11, k21, k12, k22, h) == pytest.approx(want, rel=1e-12)
    assert r2_of_counts(3 * k11, 3 * k12, 3 * k21, 3 * k22, 3 * h) == pytest.approx(want)
