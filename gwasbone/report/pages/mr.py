"""Pages of Mendelian randomisation: one pair, or a screen of many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.plots.forest import forest
from gwasbone.plots.funnel import funnel
from gwasbone.plots.mr import mr_funnel, mr_scatter
from gwasbone.plots.page import save_page
from gwasbone.sumstats.mr import MrEstimate, leave_one_out, single_snp
from gwasbone.sumstats.mr_pairs import MrPair

_Z95, _MOST_ROWS, _MOST_PAIRS = 1.959964, 100, 12


def mr_page(
    pairs: Sequence[MrPair],
    table: pd.DataFrame,
    path: Path,
    *,
    steps: pd.DataFrame | None = None,
    found: pd.DataFrame | None = None,
) -> None:
    """Write the page: the funnel of a screen, then the figures of the strongest pairs.

    Parameters
    ----------
    table : as ``PREFIX.mr.tsv``.
    steps, found : of a screen (:func:`gwasbone.sumstats.mr_screen.funnel_of_screen`).
    """
    sections: list[tuple[str, Any]] = []
    notes = [
        "Mendelian randomisation assumes that instruments act on the outcome through the exposure "
        "alone; egger, the median, the mode, cml and conmix each relax this in another way."
    ]
    if steps is not None:
        sections.append(("Published funnel", funnel(steps, noun="exposures")))
        notes.append(
            "The published funnel does not hold its false discovery rate where the errors of the "
            "outcomes are correlated; the q-value of the table of the funnel does."
        )
    if found is not None:
        n_found, n_published = int(found["found"].sum()), int(found["found_published"].sum())
        notes.append(
            f"{n_found} exposures have a valid q-value below the rate, {n_published} pass the "
            "published funnel."
        )
    drawn = _strongest([p for p in pairs if len(p.data) > 1], table)
    for pair in drawn:
        sections += _figures(pair, table)
    if len(drawn) < len(pairs):
        notes.append(f"Figures of {len(drawn)} of {len(pairs)} pairs, strongest first.")
    if not sections:
        sections = [("Estimates", _method_forest(table))]
    save_page(
        sections, path, title="Mendelian randomisation",
        subtitle=f"{table['exposure'].nunique():,} exposures, {table['outcome'].nunique():,} "
        "outcomes.",
        notes=notes,
    )  # fmt: skip


def _strongest(pairs: list[MrPair], table: pd.DataFrame) -> list[MrPair]:
    best = table.groupby(["exposure", "outcome"])["neg_log_10_p_value"].max()
    order = sorted(pairs, key=lambda p: -np.nan_to_num(best.get((p.exposure, p.outcome), 0.0)))
    return order[:_MOST_PAIRS]


def _figures(pair: MrPair, table: pd.DataFrame) -> list[tuple[str, Any]]:
    own = table[(table["exposure"] == pair.exposure) & (table["outcome"] == pair.outcome)]
    used = pair.instruments[pair.instruments["used"]]
    name = f"{pair.exposure} on {pair.outcome}"
    labels = {
        "x_label": f"Effect on {pair.exposure}", "y_label": f"Effect on {pair.outcome}",
    }  # fmt: skip
    figures: list[tuple[str, Any]] = [
        (name, _method_forest(own)),
        (f"{name}: effects of the instruments", mr_scatter(used, own, **labels)),
        (f"{name}: funnel", mr_funnel(used, own)),
    ]
    if 2 < len(pair.data) <= _MOST_ROWS:
        for title, several in (
            ("single instruments", single_snp(pair.data)),
            ("leave one out (IVW)", leave_one_out(pair.data)),
        ):
            figures.append((f"{name}: {title}", _estimate_forest(several)))
    return figures


def _method_forest(table: pd.DataFrame) -> Any:
    rows = table[table["method"] != "egger_intercept"]
    shown = pd.DataFrame(
        {
            "name": rows["method"], "value": rows["beta"],
            "low": rows["beta"] - _Z95 * rows["standard_error"],
            "high": rows["beta"] + _Z95 * rows["standard_error"],
            "n": rows["n_snp"], "note": rows["status"],
        }
    )  # fmt: skip
    return forest(shown, title="", x_label="Effect per unit of the exposure", no_difference=0.0)


def _estimate_forest(several: list[MrEstimate]) -> Any:
    several = sorted(several, key=lambda e: -e.b)
    shown = pd.DataFrame(
        {
            "name": [e.status for e in several],
            "value": [e.b for e in several],
            "low": [e.b - _Z95 * e.se for e in several],
            "high": [e.b + _Z95 * e.se for e in several],
        }
    )
    return forest(shown, title="", x_label="Effect per unit of the exposure", no_difference=0.0)
