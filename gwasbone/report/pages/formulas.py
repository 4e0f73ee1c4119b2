"""What the page of residuals says of several formulas that were compared."""

from __future__ import annotations

from typing import Any

from gwasbone.phenotypes.formula_comparison import FormulaComparison
from gwasbone.plots.residuals import formula_lines, residual_pair

_X_LABELS = {
    "age": "Age at assessment (years, mean of the participant's)",
    "weight": "Weight (kg, mean of the participant's)",
}


def formula_sections(found: FormulaComparison | None) -> list[tuple[str, Any]]:
    """A section for each trait: residual curves of its formulas against age and weight."""
    if found is None:
        return []
    sections: list[tuple[str, Any]] = []
    for trait in found.table["trait"].unique():
        fitted = found.table.query("trait == @trait and status == 'ok'")
        if fitted.empty:
            continue
        figures = [
            formula_lines(
                {text: found.lines.get((trait, text, name)) for text in fitted["formula"]},
                title=f"Against {name}", x_label=_X_LABELS[name],
                y_label=f"Mean residual of {trait}",
            )
            for name in ("age", "weight")
        ]  # fmt: skip
        section = residual_pair(figures, description=_description(found, trait))
        sections.append((f"Formulas compared: {trait}", section))
    return sections


def _description(found: FormulaComparison, trait: str) -> str:
    rows = found.table[found.table["trait"] == trait]
    first = rows.iloc[0]
    ranked = "; ".join(
        f"{number}. {row.formula}: "
        + (
            f"BIC {row.bic:.1f} (+{row.delta_bic:.1f}), AIC {row.aic:.1f} (+{row.delta_aic:.1f}), "
            f"{row.n_parameters:.0f} parameters, R2 {row.r2:.3f}"
            if row.status == "ok"
            else str(row.status)
        )
        for number, row in enumerate(rows.itertuples(), start=1)
    )
    return (
        f"Fitted by maximum likelihood to the same {first['n_assessments']:,} assessments of "
        f"{first['n_people']:,} participants, by rising BIC. {ranked}."
    )


def formulas_summary(found: FormulaComparison | None) -> list[str]:
    """Which formula is the best of how many traits, in a line; none where none were compared."""
    if found is None:
        return []
    best = [found.best(trait) for trait in found.table["trait"].unique()]
    counts = {text: best.count(text) for text in dict.fromkeys(best) if text is not None}
    said = ", ".join(f"{text} in {n}" for text, n in counts.items())
    return [f"smallest BIC of {len(best)} traits: {said}"]
