"""Estimates of many pairs: every method of each, or a screen in one pass."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gwasbone.blocks.kernel_progress import Progress
from gwasbone.sumstats.mr import strength
from gwasbone.sumstats.mr_pairs import MrPair
from gwasbone.sumstats.mr_screen import Funnel, Screen, ScreenEstimates, funnel_of_screen, screen
from gwasbone.sumstats.mr_table import COLUMNS, estimate_table, estimates
from gwasbone.sumstats.options import MrOptions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MrResults:
    """Estimates of pairs of exposures and outcomes.

    Parameters
    ----------
    table : a row for each pair and method (``gwasbone.sumstats.mr_table.COLUMNS``).
    instruments : a row for each instrument of each pair.
    funnel : of several exposures and two or more outcomes; None otherwise.
    """

    table: pd.DataFrame
    instruments: pd.DataFrame
    funnel: Funnel | None


def estimate_pairs(
    pairs: Sequence[MrPair], rule: MrOptions | None = None, *, progress: Progress | None = None
) -> MrResults:
    """Estimate all pairs; many of them by IVW, Egger and GSMR in one pass.

    Parameters
    ----------
    pairs : outcome after outcome, the exposures of each in one order.
    """
    rule = rule or MrOptions()
    if len(pairs) > rule.screen_above:
        log.info("%d pairs: IVW, Egger and GSMR of all in one pass (a screen)", len(pairs))
        table = _screened(pairs)
    else:
        found = []
        for i, pair in enumerate(pairs):
            if progress is not None:
                progress("estimating effects", i, len(pairs))
            found.append(estimates(pair, rule))
        table = estimate_table(pairs, found)
    instruments = pd.concat([p.instruments for p in pairs], ignore_index=True)
    forward = {(p.exposure, p.outcome) for p in pairs if not p.is_reverse}
    of_screen = [p in forward for p in zip(table["exposure"], table["outcome"], strict=True)]
    return MrResults(table, instruments, _funnel(table[of_screen], rule))


def _screened(pairs: Sequence[MrPair]) -> pd.DataFrame:
    data = [pair.data for pair in pairs]
    edges = np.concatenate([[0], np.cumsum([len(d) for d in data])])
    beta_x, se_x, beta_y, se_y = (
        np.concatenate([getattr(d, name) for d in data])
        for name in ("beta_x", "se_x", "beta_y", "se_y")
    )
    return _rows(pairs, screen(beta_x, se_x, beta_y, se_y, edges))


def _rows(pairs: Sequence[MrPair], found: Screen) -> pd.DataFrame:
    own = [strength(pair.data) for pair in pairs]
    common = {
        "exposure": [p.exposure for p in pairs], "outcome": [p.outcome for p in pairs],
        "mean_f": [s.mean_f for s in own], "share_f_below_10": [s.share_f_below_10 for s in own],
    }  # fmt: skip
    tables = []
    for method in ("ivw", "egger", "egger_intercept", "gsmr"):
        one: ScreenEstimates = getattr(found, method)
        few = np.where(one.n_snp == 0, "no instruments", "too few instruments")
        status = np.where(np.isfinite(one.b), "", few).astype(object)
        if method == "ivw":
            turns = np.isfinite(found.low) & (found.low * found.high < 0)
            status[turns] = "sign depends on one instrument"
        q_p = np.full(len(pairs), np.nan)
        if method != "gsmr":
            from gwasbone.stats.pvalues import neg_log10_p_chi2

            q_p = neg_log10_p_chi2(one.q, np.where(one.q_df > 0, one.q_df, np.nan))
        weak = [p.exploratory for p in pairs]
        tables.append(
            pd.DataFrame(
                common | {
                    "method": method, "n_snp": one.n_snp, "beta": one.b,
                    "standard_error": one.se, "neg_log_10_p_value": one.neg_log10_p, "q": one.q,
                    "q_df": one.q_df, "q_neg_log_10_p_value": q_p,
                    "status": ["; ".join(filter(None, (s, "exploratory instruments" if e else "")))
                               for s, e in zip(status, weak, strict=True)],
                    "pair": range(len(pairs)),
                }
            )
        )  # fmt: skip
    table = pd.concat(tables).sort_values("pair", kind="stable", ignore_index=True)
    return table[list(COLUMNS)]


def _funnel(table: pd.DataFrame, rule: MrOptions) -> Funnel | None:
    exposures, outcomes = (list(dict.fromkeys(table[n])) for n in ("exposure", "outcome"))
    if len(exposures) < 2 or len(outcomes) < 2:
        return None
    wide = {}
    # one instrument has its ratio for IVW
    named = table.assign(method=table["method"].replace("wald_ratio", "ivw"))
    for method in ("gsmr", "ivw"):
        own = named[named["method"] == method]
        own = own.drop_duplicates(["exposure", "outcome"]).set_index(["exposure", "outcome"])
        for column in ("beta", "neg_log_10_p_value"):
            values = own[column].unstack().reindex(index=exposures, columns=outcomes)  # noqa: PD010
            wide[method, column] = values.to_numpy(dtype=np.float64)
    found = funnel_of_screen(
        (wide["gsmr", "beta"], wide["gsmr", "neg_log_10_p_value"]),
        (wide["ivw", "beta"], wide["ivw", "neg_log_10_p_value"]), fdr=rule.fdr,
    )  # fmt: skip
    found.table.insert(0, "exposure", exposures)
    return found
