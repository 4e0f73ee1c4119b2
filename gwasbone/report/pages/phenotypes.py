"""The page of cases and bone measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.phenotypes.bone_density import SEX_NAMES, Bmd
from gwasbone.phenotypes.cases import Cases
from gwasbone.phenotypes.imputation import RULE_MEANINGS, Imputed
from gwasbone.phenotypes.measurements import per_person
from gwasbone.plots import disclosure
from gwasbone.plots.distributions import distributions
from gwasbone.plots.dots import interval_dots
from gwasbone.plots.overlap import overlap
from gwasbone.plots.page import save_page
from gwasbone.plots.stacked_proportions import stacked_proportions
from gwasbone.plots.theme import Threshold


def phenotypes_page(cases: Cases, bmd: Bmd | None, path: Path, *, source: Path) -> None:
    """Write the page: cases by rule, and the distributions of the measurements."""
    n, words = len(cases.rules), disclosure.count_words
    save_page(
        _case_sections(cases) + ([] if bmd is None else _bmd_sections(bmd)),
        path,
        title="Phenotypes",
        subtitle=f"{words(cases.n_cases)} cases of {cases.definition.name} and "
        f"{words(n - cases.n_cases)} controls in {source.name}."
        + ("" if bmd is None else f" Bone density of {words(len(bmd.people))} participants."),
    )


def _case_sections(cases: Cases) -> list[tuple[str, object]]:
    totals = cases.counts().set_index("rule")["n_people"]
    title = "Cases by the rules that they meet"
    figure = overlap(cases.combinations(), totals, title=title, noun="cases")
    return [("Cases", figure)]


def _bmd_sections(bmd: Bmd) -> list[tuple[str, object]]:
    sections: list[tuple[str, object]] = []
    people = per_person(bmd.long, [])
    # columns: age, then weight (Figure 1 of Eriksson & Nakamori)
    for column, heading, unit in (("age", "Age", "years"), ("weight", "Weight", "kg")):
        if column in people and people[column].notna().any():
            groups = {
                n.capitalize(): people[column][people["sex"] == s] for s, n in SEX_NAMES.items()
            }
            figure = distributions(
                groups,
                title=f"{heading} by sex",
                x_label=f"{heading} at assessment ({unit})",
                bin_width=2,
            )
            sections.append((f"{heading} of participants with BMD", figure))
    sections.append(
        (
            "Skewness",
            interval_dots(
                _skewness_rows(bmd.shape),
                title="Skewness of the measured values",
                x_label="Skewness G₁",
                words="95% intervals under normality",
                guides=(Threshold("0, a symmetric distribution", 0.0),),
            ),
        )
    )
    if bmd.sides["r"].notna().any():
        sections.append(
            (
                "Left and right",
                interval_dots(
                    _side_rows(bmd.sides),
                    title="Correlation of left and right sides",
                    x_label="Correlation r",
                    words="95% intervals (Fisher)",
                ),
            )
        )
    if bmd.imputed.mask.any(axis=None):
        sections.append(("Imputed", _imputed_shares(bmd.imputed)))
    return sections


def _skewness_rows(shape: pd.DataFrame) -> pd.DataFrame:
    half = 1.96 * shape["skewness_se"]
    return pd.DataFrame(
        {
            "name": shape.index,
            "estimate": shape["skewness"].to_numpy(),
            "lower": (shape["skewness"] - half).to_numpy(),
            "upper": (shape["skewness"] + half).to_numpy(),
            "written": [
                f"{round(s, 2) + 0:.2f}  (n = {disclosure.count_cell(n)})".replace("-", "−")
                for s, n in zip(shape["skewness"], shape["n"], strict=True)
            ],
        }
    )


def _side_rows(sides: pd.DataFrame) -> pd.DataFrame:
    rows: Any = sides.itertuples()
    return pd.DataFrame(
        {
            "name": sides["left"].str.removesuffix("_left"),
            "estimate": sides["r"],
            "lower": sides["lower"],
            "upper": sides["upper"],
            "written": [
                f"{r.r:.3f}  ({r.lower:.3f} to {r.upper:.3f}; n = {disclosure.count_cell(r.n)})"
                if measured
                else f"too few (n = {disclosure.count_cell(r.n)})"
                for r, measured in zip(rows, np.isfinite(sides["r"]), strict=True)
            ],
        }
    )


def _imputed_shares(imputed: Imputed) -> object:
    counts = imputed.counts()
    used = [rule for rule in counts.columns if counts[rule].any()]
    return stacked_proportions(
        counts[used],
        title="Source of each value",
        x_label="Proportion of assessments",
        meanings={rule: RULE_MEANINGS[rule] for rule in used},
        noun="assessments",
    )
