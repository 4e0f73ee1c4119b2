"""All methods on a pair of exposure and outcome, as rows of the table of estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from gwasbone.sumstats.gsmr import gsmr
from gwasbone.sumstats.mr import (
    MrEstimate,
    egger,
    ivw,
    strength,
    undefined,
    wald_ratio,
    weighted_median,
)
from gwasbone.sumstats.mr_modes import simple_mode, weighted_mode
from gwasbone.sumstats.mr_multivariable import correlated_ivw, multivariable
from gwasbone.sumstats.mr_pairs import MrPair
from gwasbone.sumstats.mr_presso import presso
from gwasbone.sumstats.mr_robust import cml_ma, contamination_mixture, divw, lasso, pivw, raps
from gwasbone.sumstats.options import MrOptions

COLUMNS = (
    "exposure", "outcome", "method", "n_snp", "beta", "standard_error", "neg_log_10_p_value", "q",
    "q_df", "q_neg_log_10_p_value", "mean_f", "share_f_below_10", "status",
)  # fmt: skip


def estimates(pair: MrPair, rule: MrOptions | None = None) -> list[MrEstimate]:
    """Run the methods that options name on a pair, those that can be.

    One instrument gives the Wald ratio alone. Where LD of the instruments is known, IVW is by
    generalised least squares, and the methods for independent instruments say so.
    """
    rule = rule or MrOptions()
    data = pair.data
    if len(data) == 0:
        return [undefined("ivw", 0, "no instruments")]
    if len(data) == 1:
        return [wald_ratio(data)]
    found: list[MrEstimate] = []
    if rule.runs("ivw"):
        found.append(ivw(data))
        if pair.ld is not None:
            found.append(correlated_ivw(data, pair.ld))
    if rule.runs("ivw_fixed"):
        found.append(ivw(data, model="fixed"))
    if rule.runs("egger"):
        line = egger(data)
        low = np.isfinite(line.i2_gx) and line.i2_gx < 0.9
        slope = replace(line.slope, status=f"I2_GX {line.i2_gx:.2f}") if low else line.slope
        found += [slope, line.intercept]
    for method in (weighted_median, simple_mode, weighted_mode):
        if rule.runs(method.__name__):
            found.append(method(data, draws=rule.draws, seed=rule.seed))
    if rule.runs("presso"):
        outliers = presso(data, draws=rule.presso_draws, seed=rule.seed)
        found += [outliers.estimate, outliers.corrected]
    found += _more(pair, rule)
    return found


def _more(pair: MrPair, rule: MrOptions) -> list[MrEstimate]:
    data, found = pair.data, []
    if rule.runs("gsmr"):
        ld = pair.ld if pair.ld is not None else np.eye(len(data))
        found.append(gsmr(data, ld, heidi=rule.heidi).estimate)
    if rule.runs("mvmr") and pair.others:
        found.append(_mvmr(pair))
    if rule.runs("cml"):
        n = np.nanmin([pair.n_x, pair.n_y]) if np.isfinite([pair.n_x, pair.n_y]).any() else np.nan
        found.append(
            cml_ma(data, n) if n > 1 else undefined("cml", len(data), "needs sample sizes (n)")
        )
    for name, method in (
        ("conmix", contamination_mixture), ("raps", raps), ("divw", divw), ("pivw", pivw),
        ("lasso", lasso),
    ):  # fmt: skip
        if rule.runs(name):
            found.append(method(data))
    return found


def _mvmr(pair: MrPair) -> MrEstimate:
    others = list((pair.others or {}).values())
    x, se = (
        np.column_stack([own, *(other[i] for other in others)])
        for i, own in enumerate((pair.data.beta_x, pair.data.se_x))
    )
    found = multivariable(x, se, pair.data.beta_y, pair.data.se_y).estimates[0]
    given = ", ".join(pair.others or ())
    return replace(found, status=found.status or f"given {given}")


def estimate_table(pairs: Sequence[MrPair], found: Sequence[Sequence[MrEstimate]]) -> pd.DataFrame:
    """The table of estimates: ``COLUMNS``, a row for each pair and method.

    Parameters
    ----------
    pairs, found : pairs, and the estimates of each.
    """
    rows = []
    for pair, several in zip(pairs, found, strict=True):
        own = strength(pair.data)
        for one in several:
            why = [one.status, "exploratory instruments" if pair.exploratory else ""]
            rows.append(
                (
                    pair.exposure, pair.outcome, one.method, one.n_snp, one.b, one.se,
                    one.neg_log10_p, one.q, one.q_df, one.q_neg_log10_p, own.mean_f,
                    own.share_f_below_10, "; ".join(filter(None, why)),
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
