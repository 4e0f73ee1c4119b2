"""The page of genotype models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.learning.genotype_labels import RARE_WORDS, STATUSES
from gwasbone.learning.genotype_run import FDR, PAPER_SEX_AUC, GenotypeRun
from gwasbone.plots import disclosure
from gwasbone.plots.dots import interval_dots
from gwasbone.plots.genotype_models import genotype_areas
from gwasbone.plots.learning_curves import has_curve, learning_curves
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.stacked_proportions import stacked_proportions
from gwasbone.plots.theme import Threshold
from gwasbone.run_log import versions

#: Classifiers and learning curves that are drawn; tables and cards hold all of them.
MOST_ROWS, MOST_CURVES = 80, 6


def genotype_page(run: GenotypeRun, path: Path) -> None:
    """Write the page of a run."""
    table = run.table
    tested, found = table["null_p"].notna().sum(), (table["fdr"] < FDR).sum()
    save_page(
        genotype_sections(run),
        path,
        title="Genotypes from images",
        subtitle=f"{len(table)} pairs of region and SNP, {tested} with permutation tests, "
        f"{found} at a false-discovery rate below {FDR:g}. Each participant is predicted by models "
        "that never saw them, pretraining included.",
        notes=list(_notes(table)),
    )


def genotype_sections(run: GenotypeRun) -> Sections:
    """Areas against shuffled labels, pretraining, learning curves and counts of genotypes.

    Of many classifiers those with the smallest p are drawn.
    """
    table, null, epochs = (_named(one) for one in (run.table, run.null, run.epochs))
    drawn = table[table["auc"].notna()].sort_values(
        ["null_p", "auc"], ascending=[True, False], kind="stable"
    )
    made: list[tuple[str, object]] = []
    if len(drawn):
        some = drawn.head(MOST_ROWS)
        title = "Genotypes by networks"
        if len(drawn) > len(some):
            title += f", {len(some)} of {len(drawn)} with the smallest p"
        made.append(("Classifiers", genotype_areas(some, null, title=title, fdr=FDR)))
    if run.sex["auc"].notna().any():
        made.append(("Pretraining", _pretraining(run.sex)))
    curves = {name: f"Learning curves, {name}" for name in drawn["name"].head(MOST_CURVES)}
    for region in run.sex["region"]:
        curves[f"{region} sex"] = f"Learning curves of the pretraining, {region}"
    for name, heading in curves.items():
        histories = _histories(epochs[epochs["name"] == name])
        if has_curve(histories):
            made.append((heading, learning_curves(histories, title=f"Losses of {name}")))
    counted = table[table["n"] > 0].head(MOST_ROWS)
    made.append(("Genotypes", _counts(counted)))
    return made


def summary(run: GenotypeRun) -> list[str]:
    """A line per region's pretraining and per status, and the jobs at the false discovery rate."""
    lines = [
        f"{row.region}: sex AUC {row.auc:.4f} [{row.auc_low:.4f}, {row.auc_high:.4f}]"
        for row in run.sex.itertuples()
    ]
    meanings = {str(status): meaning for status, meaning in STATUSES.items()}
    for status, count in run.table["status"].value_counts().items():
        lines.append(f"{count} of {len(run.table)} jobs {status}: {meanings[str(status)]}")
    found = run.table[run.table["fdr"] < FDR]
    lines.append(f"{len(found)} jobs at a false-discovery rate below {FDR}")
    lines += [
        f"{row.region} {row.variant_id}: AUC {row.auc:.3f} [{row.auc_low:.3f}, "
        f"{row.auc_high:.3f}], p {row.null_p:.3g}, q {row.fdr:.3g}"
        for row in found.sort_values("auc", ascending=False).itertuples()
    ]
    return lines


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(name=table["region"] + " " + table["variant_id"])


def _pretraining(sex: pd.DataFrame) -> object:
    written = [
        f"{auc:.4f}; {disclosure.count_cell(n)} participants" if np.isfinite(auc) else "one sex"
        for auc, n in zip(sex["auc"], sex["n"], strict=True)
    ]
    table = pd.DataFrame(
        {"name": sex["region"], "estimate": sex["auc"], "lower": sex["auc_low"],
         "upper": sex["auc_high"], "written": written}
    )  # fmt: skip
    return interval_dots(
        table, title="Classification of sex by the pretrained networks", x_label="AUC, out of fold",
        words="95% intervals", guides=(Threshold("minimum of the paper", PAPER_SEX_AUC),),
    )  # fmt: skip


def _histories(epochs: pd.DataFrame) -> list[list[dict[str, float]]]:
    """Per fold its epochs."""
    columns = ["epoch", "loss", "validation_loss"]
    return [
        [dict(zip(columns, row, strict=True)) for row in rows[columns].itertuples(index=False)]
        for _, rows in epochs.groupby("fold")
    ]


def _counts(table: pd.DataFrame) -> object:
    """Participants of each genotype, a bar per job."""
    copies = {f"n_{k}": f"{k} {'copy' if k == 1 else 'copies'}" for k in range(3)}
    counts = table.set_index("name")[list(copies)].rename(columns=copies)
    return stacked_proportions(
        counts, title="Genotypes of the participants with images",
        x_label="Proportion of participants",
        meanings={words: f"{words} of the effect allele" for words in copies.values()},
        noun="participants",
    )  # fmt: skip


def _notes(table: pd.DataFrame) -> list[str]:
    notes = []
    counts = table["status"].value_counts()
    for status in STATUSES:
        if status in counts:
            notes.append(f"{counts[status]} of {len(table)} jobs {status}: {STATUSES[status]}.")
    rare = table[table["warning"] == "rare"]
    if len(rare):
        which = ", ".join(rare["variant_id"].unique()[:8])
        notes.append(f"{len(rare)} jobs with a {RARE_WORDS} ({which}).")
    merged = table[table["classes"].str.contains("+", regex=False)]
    if len(merged):
        notes.append(
            f"In {len(merged)} jobs the rarer homozygotes were too few and are one class with the "
            "heterozygotes."
        )
    notes.append(", ".join(f"{name} {version}" for name, version in versions().items()) + ".")
    return notes
