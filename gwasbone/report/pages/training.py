"""The page of a training run: ROC, probabilities, calibration, learning curves, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.learning.cross_fit import read_card
from gwasbone.learning.evaluation import IN_TRAINING, POOLED
from gwasbone.learning.image_phenotype import PART
from gwasbone.learning.image_training import CASE
from gwasbone.learning.training_run import Trained
from gwasbone.plots import disclosure
from gwasbone.plots.calibration import reliability
from gwasbone.plots.learning_curves import has_curve, learning_curves
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.probabilities import predicted_probabilities
from gwasbone.plots.residuals import residual_scatter
from gwasbone.plots.roc import precision_recall, roc
from gwasbone.run_log import versions
from gwasbone.stats.calibration import calibration
from gwasbone.stats.precision_recall import precision_recall_curve
from gwasbone.stats.roc import area_under_curve, roc_curve
from gwasbone.stats.smoothing import smooth_line


def training_page(trained: Trained, path: Path) -> None:
    """Write the page (Figures 2 and 3 of Eriksson & Nakamori 2025, and what they do not show)."""
    binary = trained.people.is_binary
    sections, found = _binary_sections(trained) if binary else _other_sections(trained)
    drawn = [
        (
            f"Learning curves, {_shown(region)}",
            learning_curves(fit.fit.histories, title=f"Losses of {_shown(region)}"),
        )
        for region, fit in trained.fits.items()
        if has_curve(fit.fit.histories)
    ]
    save_page(
        [*sections, *drawn],
        path,
        title=f"{trained.task} from images",
        subtitle=f"{found}, all predictions {_unseen(trained)}.",
        notes=list(_provenance(trained)),
    )


def _unseen(trained: Trained) -> str:
    """Of whom predictions are drawn."""
    return "of the test part" if PART in trained.scores[trained.main] else "out of fold"


def _shown(name: str) -> str:
    return name.replace("_", " ")


def _binary_sections(trained: Trained) -> tuple[Sections, str]:
    """Figures of a binary target, and its AUC in words."""
    case = trained.people.table[CASE].astype(float)
    y = {name: case.reindex(table.index).to_numpy() for name, table in trained.scores.items()}
    out = {name: table["cnn_prob"].to_numpy() for name, table in trained.scores.items()}
    shown = {name: name.replace("_", " ") for name in out}
    curves = {shown[n]: roc_curve(y[n], out[n]) for n in out}
    areas = {shown[n]: area_under_curve(y[n], out[n], scale="logit") for n in out}
    precisions = {shown[n]: precision_recall_curve(y[n], out[n]) for n in out}
    calibrations = {shown[n]: calibration(y[n], out[n]) for n in out}
    sections: Sections = [
        ("Discrimination", roc(curves, areas, title=f"{trained.task}, {_unseen(trained)}")),
        ("Precision", precision_recall(precisions, title=f"{trained.task}, {_unseen(trained)}")),
        (
            "Predicted probabilities",
            predicted_probabilities(
                _probabilities(trained.scores[trained.main], y[trained.main]),
                title=f"{trained.task} by {shown[trained.main]}",
            ),
        ),
        ("Calibration", reliability(calibrations, title="Observed against predicted")),
    ]
    table = trained.evaluation
    words = disclosure.count_words
    main = table[(table["score"] == trained.main) & (table["people"] == POOLED)].iloc[0]
    return sections, (
        f"{words(main['n_cases'])} cases and {words(main['n'] - main['n_cases'])} controls; AUC of "
        f"{shown[trained.main]} {main['auc']:.3f} [{main['auc_lower']:.3f}, "
        f"{main['auc_upper']:.3f}]"
    )


def _other_sections(trained: Trained) -> tuple[Sections, str]:
    """Figures of numbers (predicted against measured) or of classes (ROC of each)."""
    task, table = trained.people.task, trained.scores[trained.main]
    truth = trained.people.targets.reindex(table.index)
    words = disclosure.masked("; ".join(summary(trained)))
    if task.head.kind == "regression":
        drawn: list[tuple[str, object]] = []
        for column, name in zip(task.columns, task.phenotypes, strict=True):
            x, y = truth[column].to_numpy(), table[name].to_numpy()
            known = np.isfinite(x) & np.isfinite(y)
            line = smooth_line(x[known], y[known])
            figure = residual_scatter(
                x, y, ["participants"] * len(x), {"participants": line},
                title=f"{column}, {_unseen(trained)}", x_label=f"Measured {column}",
                y_label=f"Predicted {column}",
            )  # fmt: skip
            drawn.append((f"Predicted {column}", figure))
        return drawn, words
    y = truth.iloc[:, 0].to_numpy()
    curves, areas = {}, {}
    for k, (shown, name) in enumerate(zip(task.class_names, task.phenotypes, strict=True)):
        of_class = (y == k).astype(float)
        curves[shown] = roc_curve(of_class, table[name].to_numpy())
        areas[shown] = area_under_curve(of_class, table[name].to_numpy(), scale="logit")
    title = f"{trained.task}, each class against the others, {_unseen(trained)}"
    return [("Discrimination", roc(curves, areas, title=title))], words


def summary(trained: Trained) -> list[str]:
    """A line per score: AUC out of fold, and on the participants of the training folds."""
    if not trained.people.is_binary:
        return _task_summary(trained)
    table = trained.evaluation.set_index(["score", "people"])
    lines = []
    for score in trained.scores:
        out, seen = (table.loc[(score, who), :] for who in (POOLED, IN_TRAINING))
        lines.append(
            f"{score}: AUC {out['auc']:.3f} [{out['auc_lower']:.3f}, {out['auc_upper']:.3f}] "
            f"{_unseen(trained)} ({seen['auc']:.3f} in training), {out['n_cases']:,} cases, "
            f"{out['n'] - out['n_cases']:,} controls"
        )
    return lines


def _task_summary(trained: Trained) -> list[str]:
    """A line per score and output of other than binary tasks."""
    table, measures = trained.evaluation, trained.people.task.metrics
    pooled = table[table["people"] == POOLED]
    seen = table[table["people"] == IN_TRAINING].set_index(["score", "output"])
    return [
        f"{row['score']}, {row['output']}: "
        + ", ".join(f"{measure.upper()} {row[measure]:.4g}" for measure in measures)
        + f" {_unseen(trained)} ({measures[0].upper()} "
        f"{seen.loc[(row['score'], row['output']), measures[0]]:.4g} in training), "
        f"{row['n']:,} participants"
        for row in pooled.to_dict("records")
    ]


def left_out_lines(left_out: pd.DataFrame, reasons: Mapping[str, str]) -> list[str]:
    """Numbers of participants excluded, by reason.

    Parameters
    ----------
    left_out : ``IID reason``; reasons : what each means.
    """
    counts = left_out["reason"].value_counts()
    return [f"{n:,} participants {reasons[str(reason)]} ({reason})" for reason, n in counts.items()]


def _probabilities(scores: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"probability": scores[column], "is_case": y, "in_training": seen})
        for column, seen in (("cnn_prob", False), ("in_training_prob", True))
    ]
    return pd.concat(parts, ignore_index=True)


def _provenance(trained: Trained) -> Iterator[str]:
    table = trained.evaluation
    main = trained.scores[trained.main]
    if PART in main:
        counts = main[PART].value_counts()
        yield (
            f"One split: {counts['training']:,} participants in training, "
            f"{counts['validation']:,} in validation, {counts['test']:,} in the test part, which "
            "alone is predicted by a network that has not seen it. Predictions of the others stand "
            "in the columns seen_; a scan of them would find what the network has learned by heart."
        )
    by_fold = trained.people.is_binary and PART not in main
    for score in trained.scores if by_fold else ():
        folds = table[(table["score"] == score) & table["people"].str.startswith("fold")]
        known = folds["auc"].dropna()
        yield (
            f"AUC of {score} by fold: {', '.join(f'{auc:.3f}' for auc in folds['auc'])} (mean "
            f"{known.mean():.3f}, SD {known.std():.3f})."
        )
    row: Any
    for row in trained.differences.itertuples():
        yield (
            f"{row.score_1} against {row.score_2} in {disclosure.count_words(row.n)} participants: "
            "difference of AUC "
            f"{row.difference:+.3f} [{row.lower:+.3f}, {row.upper:+.3f}] (DeLong)."
        )
    for region, fit in trained.fits.items():
        card = read_card(fit.fit.models[0])
        net, plan = fit.network, card["plan"]
        weighed = (
            "cases and controls weighted equally, predicted log odds corrected by "
            f"{fit.log_odds_shift:+.2f}"
            if fit.log_odds_shift
            else "classes not weighted"
            if trained.people.is_binary
            else f"loss {fit.task.head.loss}".replace("_", " ")
        )
        yield (
            f"{region}: {net.architecture} ({card['n_parameters']:,} parameters, weights "
            f"{net.weights}) on {card['backend']}/{card['engine']} ({card['device']}), "
            f"{fit.n_pictures:,} images of {net.height} × {net.width} × {net.channels}; Adam "
            f"{plan['learning_rate']:g}, batches of {plan['batch_size']}, at most "
            f"{plan['epochs']} epochs; {weighed}; data {fit.data_hash}, models "
            f"{', '.join(fit.fit.model_hashes)}."
        )
    counts = trained.left_out["reason"].value_counts()
    if len(counts):
        words = disclosure.count_words
        listed = ", ".join(f"{reason} {words(n)}" for reason, n in counts.items())
        yield f"Excluded from training: {listed}."
    yield ", ".join(f"{name} {version}" for name, version in versions().items()) + "."
