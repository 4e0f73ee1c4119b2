"""Sums over many 0/1 outcomes given their log odds, for many models at once, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Numbers in an array of (models, people) that stays in a core's cache with a few others.
NUMBERS_PER_TILE = 65_536

# Factors between 1 and 2: a product of so many stays far below the largest float64.
_FACTORS = 512


@dataclass(frozen=True)
class BernoulliTerms:
    """Moments of outcomes with log odds η, of m models and n samples.

    Parameters
    ----------
    mean : (m, n) μ. variance : (m, n) μ(1 − μ).
    log_normaliser : (m,) Σ log(1 + e^η) over people.
    """

    mean: FloatArray
    variance: FloatArray
    log_normaliser: FloatArray


def bernoulli_terms(log_odds: FloatArray) -> BernoulliTerms:
    """Moments of outcomes with these (m, n) log odds, of any size."""
    e = np.exp(-np.abs(log_odds))
    one = 1 + e
    rarer = e / one
    mean = np.where(log_odds > 0, 1 / one, rarer)
    # log(1 + e^η) = max(η, 0) + log(1 + e^−|η|); one logarithm serves a product of factors.
    total = np.maximum(log_odds, 0).sum(axis=1) + _log_product(one)
    return BernoulliTerms(mean, rarer / one, total)


def _log_product(factors: FloatArray) -> FloatArray:
    """(m,) Σ log over the columns of (m, n) factors between 1 and 2."""
    m, n = factors.shape
    whole = n - n % _FACTORS
    many = factors[:, :whole].reshape(m, _FACTORS, -1).prod(axis=1)
    total: FloatArray = np.log(many).sum(axis=1) + np.log(factors[:, whole:].prod(axis=1))
    return total
