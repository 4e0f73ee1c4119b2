"""From a biobank's table to cases and measurements: read, decide, impute, write."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.files import atomic_path
from gwasbone.phenotypes.biobank_table import BiobankTable, read_biobank_table
from gwasbone.phenotypes.case_definition import CaseDefinition
from gwasbone.phenotypes.cases import Cases, find_cases
from gwasbone.phenotypes.fields import FieldKind
from gwasbone.phenotypes.imputation import RULE_MEANINGS, Imputed, impute
from gwasbone.phenotypes.measurements import (
    FEMALE,
    MALE,
    assessments,
    left_right_pairs,
    measured_names,
    needed_kinds,
    per_person,
)
from gwasbone.phenotypes.table import IdRule
from gwasbone.phenotypes.transforms import (
    left_right_correlations,
    normal_scores,
    skewness,
    standardise,
)
from gwasbone.steps.people import write_page
from gwasbone.tables import write_table

log = logging.getLogger(__name__)

OUTPUTS = (
    ".cases.tsv",
    ".rules.tsv",
    ".codes.tsv",
    ".bmd.tsv",
    ".assessments.parquet",
    ".imputed.tsv",
    ".phenotypes.html",
)
_SEX_NAMES = {FEMALE: "women", MALE: "men"}


@dataclass(frozen=True)
class Bmd:
    """The measurements of a table, ready to write.

    Parameters
    ----------
    long : one row per person and visit, as measured; see
        :func:`gwasbone.phenotypes.measurements.assessments`.
    imputed : the same visits without gaps.
    people : one row per person: means over the visits, in g/cm² and standardised (``_std``) and,
        where asked for, as normal scores (``_rint``).
    shape : skewness of the measured values.
    sides : correlation of left with right, of people with both measured.
    """

    long: pd.DataFrame
    imputed: Imputed
    people: pd.DataFrame
    shape: pd.DataFrame
    sides: pd.DataFrame


def read_phenotypes(
    path: str | Path,
    definition: CaseDefinition,
    measurements: pd.DataFrame,
    *,
    id_rule: IdRule = "iid",
) -> BiobankTable:
    """Read the fields that a definition and the measurements need, and no others."""
    kinds: dict[int, FieldKind] = dict.fromkeys(definition.fields, "text")
    return read_biobank_table(path, {**needed_kinds(measurements), **kinds}, id_rule=id_rule)


def make_cases(
    table: BiobankTable,
    definition: CaseDefinition,
    *,
    medication_names: Mapping[str, str] | None = None,
    skip_absent: bool = False,
) -> Cases:
    """Apply a definition and log what each rule found."""
    cases = find_cases(
        table, definition, medication_names=medication_names, skip_absent=skip_absent
    )
    n = len(table.people)
    log.info("%s: %d cases, %d controls", cases.definition.name, cases.n_cases, n - cases.n_cases)
    for row in cases.counts().itertuples():
        log.info("rule %s: %d people, %d by it alone", row.rule, row.n_people, row.n_only)
    return cases


def make_bmd(
    table: BiobankTable,
    measurements: pd.DataFrame,
    *,
    skip_absent: bool = False,
    rint: bool = False,
) -> Bmd | None:
    """Assessments, imputed and averaged per person; None where ``skip_absent`` leaves nothing."""
    if skip_absent and not any(field in table.fields for field in measurements["field"]):
        log.warning("the table has none of the %d measurements: only cases", len(measurements))
        return None
    long = assessments(table, measurements, skip_absent=skip_absent)
    names = measured_names(long, measurements)
    imputed = impute(long, names)
    complete = long.copy()
    complete[names] = imputed.values
    people = per_person(complete, names)
    parts = [people, standardise(people[names]).values.add_suffix("_std")]
    if rint:
        parts.append(normal_scores(people[names]).add_suffix("_rint"))
    measured = per_person(long, names)
    pairs = [pair for pair in left_right_pairs(measurements) if set(pair) <= set(names)]
    _log_bmd(long, imputed)
    return Bmd(
        long=long,
        imputed=imputed,
        people=pd.concat(parts, axis=1),
        shape=skewness(measured[names]),
        sides=left_right_correlations(measured, pairs),
    )


def _log_bmd(long: pd.DataFrame, imputed: Imputed) -> None:
    people = long.index.get_level_values("person")
    log.info("%d assessments of %d people with BMD", len(long), people.nunique())
    log.info("sex coded as in its source: %s", long.attrs["sex_coding"])
    if people.is_unique:
        log.info("nobody has two assessments: no value is imputed from a person's own")
    known = [_SEX_NAMES[sex] for sex in _SEX_NAMES if (long["sex"] == sex).any()]
    if len(known) < len(_SEX_NAMES):
        log.warning("people with BMD are of one sex only: %s", " ".join(known) or "not known")
    totals = imputed.counts().sum()
    for rule, meaning in RULE_MEANINGS.items():
        if totals[rule]:
            log.info("%d values: %s (%s)", totals[rule], rule, meaning)


def write_cases(cases: Cases, prefix: Path) -> None:
    """Write ``PREFIX.cases.tsv``, ``.rules.tsv`` and ``.codes.tsv``."""
    people = pd.concat([cases.is_case, cases.first_rule, cases.rule_names], axis=1)
    write_table(people.rename_axis("IID"), Path(f"{prefix}.cases.tsv"))
    write_table(cases.counts(), Path(f"{prefix}.rules.tsv"), index=False)
    write_table(cases.codes, Path(f"{prefix}.codes.tsv"), index=False)


def write_bmd(bmd: Bmd, prefix: Path) -> None:
    """Write ``PREFIX.bmd.tsv``, ``.assessments.parquet`` and ``.imputed.tsv``."""
    write_table(bmd.people.rename_axis("IID"), Path(f"{prefix}.bmd.tsv"))
    with atomic_path(Path(f"{prefix}.assessments.parquet")) as temporary:
        bmd.long.to_parquet(temporary)
    cells = bmd.imputed.imputed_cells().rename(columns={"person": "IID"})
    write_table(cells, Path(f"{prefix}.imputed.tsv"), index=False)


def phenotypes_page(cases: Cases, bmd: Bmd | None, path: Path, *, source: Path) -> None:
    """Write the page: who is a case and why, and how the measurements are spread."""
    n = len(cases.rules)
    write_page(
        _case_sections(cases) + ([] if bmd is None else _bmd_sections(bmd)),
        path,
        title="Phenotypes",
        subtitle=f"{cases.n_cases:,} cases of {cases.definition.name} and "
        f"{n - cases.n_cases:,} controls in {source.name}."
        + ("" if bmd is None else f" Bone mineral density of {len(bmd.people):,} people."),
    )


def _case_sections(cases: Cases) -> list[tuple[str, object]]:
    from gwasbone.plots.overlap import overlap

    totals = cases.counts().set_index("rule")["n_people"]
    figure = overlap(cases.combinations(), totals, title="Cases by the rules that find them")
    return [("Cases", figure)]


def _bmd_sections(bmd: Bmd) -> list[tuple[str, object]]:
    from gwasbone.plots.distributions import distributions
    from gwasbone.plots.dots import interval_dots
    from gwasbone.plots.theme import Threshold

    sections: list[tuple[str, object]] = []
    people = per_person(bmd.long, [])
    # columns: age, then weight (Figure 1 of Eriksson & Nakamori)
    for column, heading, unit in (("age", "Age", "years"), ("weight", "Weight", "kg")):
        if column in people and people[column].notna().any():
            groups = {
                n.capitalize(): people[column][people["sex"] == s] for s, n in _SEX_NAMES.items()
            }
            figure = distributions(
                groups,
                title=f"{heading} by sex",
                x_label=f"{heading} at assessment ({unit})",
                bin_width=2,
            )
            sections.append((f"{heading} of people with BMD", figure))
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
                    title="Correlation of left with right",
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
                f"{round(s, 2) + 0:.2f}  (n = {n:,})".replace("-", "−")
                for s, n in zip(shape["skewness"], shape["n"], strict=True)
            ],
        }
    )


def _side_rows(sides: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": sides["left"].str.removesuffix("_left"),
            "estimate": sides["r"],
            "lower": sides["lower"],
            "upper": sides["upper"],
            "written": [
                f"{r.r:.3f}  ({r.lower:.3f} to {r.upper:.3f}; n = {r.n:,})"
                if np.isfinite(r.r)
                else f"too few (n = {r.n:,})"
                for r in sides.itertuples()
            ],
        }
    )


def _imputed_shares(imputed: Imputed) -> object:
    from gwasbone.plots.shares import shares

    counts = imputed.counts()
    used = [rule for rule in counts.columns if counts[rule].any()]
    return shares(
        counts[used],
        title="How each value came about",
        x_label="Share of assessments",
        meanings={rule: RULE_MEANINGS[rule] for rule in used},
        noun="assessments",
    )
