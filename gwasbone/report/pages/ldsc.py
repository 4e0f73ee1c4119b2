"""Pages of heritabilities and of genetic correlations."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gwasbone.plots.forest import forest
from gwasbone.plots.page import save_page
from gwasbone.plots.rg_matrix import rg_matrix

_Z95 = 1.959964


def heritability_page(
    table: pd.DataFrame, dropped: pd.DataFrame, path: Path, *, source: str
) -> None:
    """Write the page of heritabilities: forests of h² and of the intercepts.

    Parameters
    ----------
    table : as ``PREFIX.h2.tsv``. dropped : ``scan reason n_variants``.
    source : description of the LD scores.
    """
    sections = [
        (title, _forest(table, value, se, title=title, x_label=label, line=line))
        for title, label, value, se, line in (
            ("SNP heritability", "h²", "h2", "standard_error", 0.0),
            ("LD score intercept", "intercept", "intercept", "intercept_standard_error", 1.0),
        )
    ]
    scale = "liability" if (table["scale"] == "liability").any() else "observed"
    notes = [
        f"{r.scan}: {r.n_variants:,} variants left out: {r.reason}." for r in dropped.itertuples()
    ]
    save_page(
        sections, path, title="SNP heritability by LD score regression",
        subtitle=f"{len(table)} scans, LD scores {source}; {scale} scale.", notes=notes,
    )  # fmt: skip


def _forest(
    table: pd.DataFrame, value: str, se: str, *, title: str, x_label: str, line: float
) -> object:
    rows = pd.DataFrame(
        {
            "name": table["trait"],
            "value": table[value],
            "low": table[value] - _Z95 * table[se],
            "high": table[value] + _Z95 * table[se],
            "n": table["n_snp"],
            "note": table["status"],
        }
    )
    return forest(rows, title="", x_label=x_label, no_difference=line)


def correlation_page(table: pd.DataFrame, path: Path, *, source: str) -> None:
    """Write the page of genetic correlations: their matrix and, of up to 60 pairs, their forest.

    Parameters
    ----------
    table : as ``PREFIX.rg.tsv``. source : description of the LD scores.
    """
    sections = [("Genetic correlations", rg_matrix(table))]
    if len(table) <= 60:
        rows = pd.DataFrame(
            {
                "name": table["trait1"] + ", " + table["trait2"],
                "value": table["rg"],
                "low": table["rg"] - _Z95 * table["standard_error"],
                "high": table["rg"] + _Z95 * table["standard_error"],
                "note": table["status"],
            }
        )
        sections.append(("Intervals", forest(rows, title="", x_label="r_g", no_difference=0.0)))
    save_page(
        sections, path, title="Genetic correlations by LD score regression",
        subtitle=f"{len(table)} pairs of scans, LD scores {source}.",
    )  # fmt: skip
