"""Effects, errors and p-values of a scan worked out from what a format gives.

Fields are the canonical columns of a scan and what they may be worked out from (see
:class:`gwasbone.sumstats.formats.text_format.TextFormat`); all are (m,) with NaN where missing.

- β is a column, the logarithm of an odds ratio, or of z and n: z/√(2f(1 − f)(n + z²)), which is
  z/√(n + z²) per standard deviation of the genotype where the frequency f is not known.
- SE is a column (of the log odds for an odds ratio), (upper − lower)/(2 · 1.96) of a 95 %
  interval, |β|/|z|, or of z and n: 1/√(2f(1 − f)(n + z²)).
- −log₁₀ p is a column, of a p-value, of |z| or of |β|/SE, two-sided and normal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p, neg_log10_p_normal

FloatArray = npt.NDArray[np.float64]
Numbers = Mapping[str, FloatArray]

#: Field with −log10 of the p-values that are too small for a float, read from their text.
NEG_LOG10_OF_TEXT = "neg_log10_of_text"
#: p-values below this lose digits as floats.
SMALLEST_P = float(np.finfo(np.float64).tiny)
_HALF_OF_95 = 1.959963984540054
_EFFECTS = ("beta", "odds_ratio")
_ERRORS = ("standard_error", "odds_ratio_se", "ci_lower", "ci_upper")
_P_VALUES = ("neg_log_10_p_value", "p_value")
_Z_AND_N = ("z_score", "n", "effect_allele_frequency")
_AS_IT_IS = frozenset(
    {
        "chromosome", "base_pair_location", "effect_allele", "other_allele", "source_id",
        "effect_allele_frequency", "test",
    }
)  # fmt: skip


def derivable(fields: Collection[str]) -> Iterator[str]:
    """Canonical columns that are among a file's fields or can be worked out from them."""
    there = set(fields)
    yield from there & _AS_IT_IS
    if {"ref", "alt", "effect_allele"} <= there:
        yield "other_allele"
    has_effect, has_p = bool(there & set(_EFFECTS)), bool(there & set(_P_VALUES))
    has_se = bool(there & {"standard_error", "odds_ratio_se"}) or set(_ERRORS[2:]) <= there
    has_z = "z_score" in there
    if has_effect or (has_z and "n" in there):
        yield "beta"
    if has_se or (has_effect and (has_z or has_p)) or (has_z and "n" in there):
        yield "standard_error"
    if has_p or has_z or (has_effect and has_se):
        yield "neg_log_10_p_value"
    if there & {"n", "n_cases"}:
        yield "n"
    if there & {"call_rate", "missing_rate"}:
        yield "call_rate"


def needed_for(columns: Iterable[str], fields: Collection[str]) -> list[str]:
    """The fields that are read for some canonical columns; no more than needed."""
    needed: dict[str, None] = {}
    for column in columns:
        needed |= dict.fromkeys(_needed_for_one(column, fields))
    return [name for name in needed if name in fields]


def _needed_for_one(column: str, fields: Collection[str]) -> Iterable[str]:
    if column == "beta":
        return _EFFECTS if set(_EFFECTS) & set(fields) else _Z_AND_N
    if column == "standard_error":
        if "standard_error" in fields and "odds_ratio" not in fields:
            return (column,)
        if {"standard_error", "odds_ratio_se"} & set(fields) or set(_ERRORS[2:]) <= set(fields):
            return (*_ERRORS, "odds_ratio")
        if set(_EFFECTS) & set(fields):
            return (*_EFFECTS, *(("z_score",) if "z_score" in fields else _P_VALUES))
        return _Z_AND_N
    if column == "neg_log_10_p_value":
        for name in (*_P_VALUES, "z_score"):
            if name in fields:
                return (name,)
        return (*_EFFECTS, *_ERRORS)
    if column == "other_allele" and column not in fields:
        return ("ref", "alt", "effect_allele")
    if column == "n":
        return ("n",) if "n" in fields else ("n_cases", "n_controls")
    if column == "call_rate":
        return ("call_rate",) if "call_rate" in fields else ("missing_rate",)
    return (column,)


def needed_where_p_is_zero(fields: Collection[str]) -> list[str]:
    """The fields that a p-value of 0 is worked out from."""
    if "z_score" in fields:
        return ["z_score"]
    return [name for name in (*_EFFECTS, *_ERRORS) if name in fields]


def beta(numbers: Numbers) -> FloatArray:
    """(m,) effect of a copy of the effect allele; log odds where the file has odds ratios."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if "odds_ratio" in numbers:
            of_ratio = np.log(numbers["odds_ratio"])
            # the Catalog's older files have both columns, one of them empty
            return _first_known(numbers["beta"], of_ratio) if "beta" in numbers else of_ratio
        if "beta" in numbers:
            return numbers["beta"]
        return numbers["z_score"] * _error_of_z(numbers)


def standard_error(numbers: Numbers) -> FloatArray:
    """(m,) standard error of :func:`beta`."""
    own = [numbers.get("standard_error"), numbers.get("odds_ratio_se"), _of_interval(numbers)]
    if known := [column for column in own if column is not None]:
        return _first_known(*known)
    if not set(_EFFECTS) & set(numbers):
        return _error_of_z(numbers)
    with np.errstate(invalid="ignore", divide="ignore"):
        if "z_score" in numbers:
            z = np.abs(numbers["z_score"])
        else:
            z = np.sqrt(chi2_1_from_neg_log10_p(neg_log10_p(numbers)))
        return np.asarray(np.where(z > 0, np.abs(beta(numbers)) / z, np.nan))


def neg_log10_p(numbers: Numbers) -> FloatArray:
    """(m,) −log₁₀ p; inf for a p-value of 0, negative for one outside 0 to 1."""
    if "neg_log_10_p_value" in numbers:
        return numbers["neg_log_10_p_value"]
    if "p_value" in numbers:
        p = numbers["p_value"]
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(p < 0, -1.0, -np.log10(np.abs(p)) + 0.0)
        of_text = numbers.get(NEG_LOG10_OF_TEXT)
        return found if of_text is None else np.where(np.isnan(of_text), found, of_text)
    return neg_log10_p_of_effect(numbers)


def neg_log10_p_of_effect(numbers: Numbers) -> FloatArray:
    """(m,) −log₁₀ p of z, else of β/SE; NaN where neither is known."""
    if "z_score" in numbers:
        return neg_log10_p_normal(numbers["z_score"])
    known = {name: numbers[name] for name in (*_EFFECTS, *_ERRORS) if name in numbers}
    if not {"beta", "standard_error", "neg_log_10_p_value"} <= set(derivable(known)):
        return np.full(len(next(iter(numbers.values()))), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return neg_log10_p_normal(beta(known) / standard_error(known))


def n(numbers: Numbers) -> FloatArray:
    """(m,) participants; cases and controls together."""
    if "n" in numbers:
        return numbers["n"]
    return np.asarray(numbers["n_cases"] + numbers.get("n_controls", np.nan))


def call_rate(numbers: Numbers) -> FloatArray:
    """(m,) share of participants with a call."""
    return numbers["call_rate"] if "call_rate" in numbers else 1 - numbers["missing_rate"]


#: Canonical column -> how it is worked out.
NUMBERS: dict[str, Callable[[Numbers], FloatArray]] = {
    "beta": beta,
    "standard_error": standard_error,
    "neg_log_10_p_value": neg_log10_p,
    "n": n,
    "call_rate": call_rate,
    "effect_allele_frequency": lambda numbers: numbers["effect_allele_frequency"],
}


def neg_log10_of_text(text: str) -> float:
    """−log₁₀ of a p-value that a float cannot hold; NaN where it is 0.

    >>> neg_log10_of_text("1e-400"), neg_log10_of_text("0")
    (400.0, nan)
    """
    mantissa, _, exponent = text.lower().partition("e")
    if not exponent or not float(mantissa) > 0:
        return float("nan")
    return float(-np.log10(float(mantissa)) - int(exponent))


def _of_interval(numbers: Numbers) -> FloatArray | None:
    if not {"ci_lower", "ci_upper"} <= set(numbers):
        return None
    low, high = numbers["ci_lower"], numbers["ci_upper"]
    with np.errstate(invalid="ignore", divide="ignore"):
        if "odds_ratio" in numbers:
            low, high = np.log(low), np.log(high)
        return np.asarray((high - low) / (2 * _HALF_OF_95))


def _error_of_z(numbers: Numbers) -> FloatArray:
    z, people = numbers["z_score"], numbers["n"]
    f = numbers.get("effect_allele_frequency")
    spread = 1.0 if f is None else 2 * f * (1 - f)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 / np.sqrt(spread * (people + z**2)))


def _first_known(first: FloatArray, *others: FloatArray) -> FloatArray:
    """(m,) of each row the first value that is not missing."""
    for column in others:
        first = np.where(np.isnan(first), column, first)
    return first
