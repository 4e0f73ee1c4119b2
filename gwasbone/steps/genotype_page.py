"""The page about genotype classifiers, drawn from the tables that a run leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.learning.genotype_labels import RARE_WORDS, STATUSES
from gwasbone.plots.dots import interval_dots
from gwasbone.plots.genotype_models import genotype_areas
from gwasbone.plots.learning_curves import learning_curves
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.shares import shares
from gwasbone.plots.theme import Threshold
from gwasbone.run_log import versions
from gwasbone.steps.genotype_models import EPOCHS, FDR, NULL, PAPER_SEX_AUC, SEX_TABLE, TABLE

#: Classifiers and learning curves that are drawn; tables and cards hold all of them.
MOST_ROWS, MOST_CURVES = 80, 6


def genotype_page(prefix: Path, path: Path) -> None:
    """Write the page of a run whose tables lie at ``prefix``.

    Raises
    ------
    InputError
        A table is not there.
    """
    table = _read(prefix, TABLE)
    tested, found = table["null_p"].notna().sum(), (table["fdr"] < FDR).sum()
    made = sections_at(prefix)
    save_page(
        made,
        path,
        title="Genotypes from pictures",
        subtitle=f"{len(table)} pairs of region and SNP, {tested} tested against shuffled labels, "
        f"{found} at a false-discovery rate below {FDR:g}. Everybody is predicted by models that "
        "never saw them, pretraining included.",
        notes=list(_notes(table)),
    )


def sections_at(prefix: Path) -> Sections:
    """Figures of a run: areas against shuffled labels, pretraining, learning curves.

    They are drawn from ``PREFIX.genotype_models.tsv``, ``.null.tsv``, ``.sex.tsv`` and
    ``.epochs.tsv``. Of many classifiers those with the smallest p are drawn.

    Raises
    ------
    InputError
        A table is not there.
    """
    table, null = _named(_read(prefix, TABLE)), _named(_read(prefix, NULL))
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
    sex = _read(prefix, SEX_TABLE)
    if sex["auc"].notna().any():
        made.append(("Pretraining", _pretraining(sex)))
    epochs = _named(_read(prefix, EPOCHS))
    for name in drawn["name"].head(MOST_CURVES):
        made.append((f"Learning curves, {name}", _curves(epochs[epochs["name"] == name], name)))
    for region in sex["region"]:
        name = f"{region} sex"
        title = f"Learning curves of the pretraining, {region}"
        made.append((title, _curves(epochs[epochs["name"] == name], name)))
    counted = table[table["n"] > 0].head(MOST_ROWS)
    made.append(("Genotypes", _counts(counted)))
    return made


def _read(prefix: Path, suffix: str) -> pd.DataFrame:
    path = Path(f"{prefix}{suffix}")
    if not path.is_file():
        raise InputError(f"{path}: expected a table of genotype models, there is none")
    words = {"region": str, "variant_id": str, "classes": str, "auc_by_class": str, "warning": str}
    table = pd.read_csv(path, sep="\t", dtype=words)
    for name in ("warning", "classes"):
        if name in table:
            table[name] = table[name].fillna("")
    return table


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(name=table["region"] + " " + table["variant_id"])


def _pretraining(sex: pd.DataFrame) -> object:
    written = [
        f"{row.auc:.4f}; {int(row.n):,} people" if np.isfinite(row.auc) else "one sex"
        for row in sex.itertuples()
    ]
    table = pd.DataFrame(
        {"name": sex["region"], "estimate": sex["auc"], "lower": sex["auc_low"],
         "upper": sex["auc_high"], "written": written}
    )  # fmt: skip
    return interval_dots(
        table, title="Sex by the pretrained networks", x_label="AUC, out of fold",
        words="95% intervals", guides=(Threshold("the least of the paper's", PAPER_SEX_AUC),),
    )  # fmt: skip


def _curves(epochs: pd.DataFrame, name: str) -> object:
    histories = [list(rows.to_dict("records")) for _, rows in epochs.groupby("fold")]
    return learning_curves(histories, title=f"Losses of {name}")


def _counts(table: pd.DataFrame) -> object:
    """People of each genotype, a bar per job."""
    copies = {f"n_{k}": f"{k} {'copy' if k == 1 else 'copies'}" for k in range(3)}
    counts = table.set_index("name")[list(copies)].rename(columns=copies)
    return shares(
        counts, title="Genotypes of the people with pictures", x_label="Share of people",
        meanings={words: f"{words} of the effect allele" for words in copies.values()},
        noun="people",
    )  # fmt: skip


def _notes(table: pd.DataFrame) -> list[str]:
    notes = []
    for status, count in table["status"].value_counts().items():
        notes.append(f"{count} of {len(table)} jobs {status}: {STATUSES[status]}.")
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
