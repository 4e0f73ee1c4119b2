"""How well genotypes are learned from images: areas, their intervals, and shuffled labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from gwasbone.errors import InputError
from gwasbone.plots import theme
from gwasbone.plots.dots import written_rows
from gwasbone.plots.page import describe
from gwasbone.plots.variant_words import require_columns

_ROW_PX = 26
_MARGIN = 0.03
_NOTES = (
    "For three genotypes the AUC is the proportion of pairs of participants with different "
    "genotypes whose expected copies are in the right order; only pairs of one fold are compared.",
    "Intervals reflect the participants predicted, given these models: where there is little to "
    "learn they are too narrow, since other participants would have trained other models. The test "
    "is p, the proportion of networks trained on shuffled labels that reach the AUC; q is its "
    "false-discovery rate.",
)


def genotype_areas(
    table: pd.DataFrame,
    null: pd.DataFrame,
    *,
    title: str,
    fdr: float = 0.05,
    width_px: int = 560,
) -> figure:
    """Draw a row per classifier: AUC and interval over the AUCs of shuffled labels.

    Parameters
    ----------
    table : ``name`` (each once), ``auc auc_low auc_high baseline_auc null_p fdr n``, NaN where not
        known; the first row on top.
    null : ``name auc``, a row per permutation.
    fdr : jobs with a false discovery rate below it are set off.

    Raises
    ------
    InputError
        A column is missing, or no row has an AUC.
    """
    needed = ("name", "auc", "auc_low", "auc_high", "baseline_auc", "null_p", "fdr", "n")
    require_columns(table, needed, figure="a plot of genotype classifiers")
    require_columns(null, ("name", "auc"), figure="a plot of genotype classifiers")
    drawn = table[np.isfinite(table["auc"])]
    if drawn.empty:
        raise InputError(f"a plot of genotype classifiers needs an AUC; of {len(table)} none has")
    names = [str(name) for name in drawn["name"]]
    shuffled = null[null["name"].astype(str).isin(names)]
    plot = written_rows(
        names, [_written(row) for row in drawn.itertuples()], _limits(drawn, shuffled),
        title=title, x_label="AUC, out of fold", width_px=width_px,
        height_px=max(90, _ROW_PX * len(names)),
    )  # fmt: skip
    plot.segment(0.5, 0, 0.5, len(names), color=theme.MUTED_INK, line_dash="dashed")
    _draw_references(plot, drawn, shuffled)
    found = (drawn["fdr"] < fdr).to_numpy()
    _draw_classifiers(plot, drawn[list(needed)], found, fdr)
    theme.dress_legend(plot)
    plot.legend.orientation = "horizontal"
    plot.legend.location = "left"
    plot.add_layout(plot.legend[0], "below")
    best = drawn.loc[drawn["auc"].idxmax()]
    return describe(
        plot,
        f"{title}: AUC of {len(drawn)} classifiers with 95% intervals, the highest "
        f"{best['auc']:.3f} ({best['name']}); {int(found.sum())} at a false-discovery rate below "
        f"{fdr:g}. Grey strokes are networks trained on shuffled labels.",
        notes=_NOTES,
    )


def _limits(drawn: pd.DataFrame, shuffled: pd.DataFrame) -> tuple[float, float]:
    """Ends of the x axis: all areas and intervals, with a margin."""
    areas = [drawn[c].to_numpy(float) for c in ("auc_low", "auc_high", "baseline_auc")]
    ends = np.concatenate([*areas, shuffled["auc"].to_numpy(float), [0.5]])
    ends = ends[np.isfinite(ends)]
    return float(ends.min()) - _MARGIN, float(ends.max()) + _MARGIN


def _draw_references(plot: figure, drawn: pd.DataFrame, shuffled: pd.DataFrame) -> None:
    """The areas of shuffled labels, and those of covariates alone."""
    if len(shuffled):
        plot.scatter(
            shuffled["auc"].to_numpy(float), shuffled["name"].astype(str).tolist(),
            marker="dash", angle=np.pi / 2, size=13, color=theme.AXIS, alpha=0.55,
            legend_label="Shuffled labels",
        )  # fmt: skip
    known = drawn[np.isfinite(drawn["baseline_auc"])]
    if len(known):
        plot.scatter(
            known["baseline_auc"].to_numpy(float), known["name"].astype(str).tolist(),
            marker="diamond", size=10, fill_color=theme.BACKGROUND,
            line_color=theme.GROUP_COLOURS[2], line_width=1.5, legend_label="By covariates",
        )  # fmt: skip


def _draw_classifiers(
    plot: figure, drawn: pd.DataFrame, found: npt.NDArray[np.bool_], fdr: float
) -> None:
    """The areas with their intervals; those found are set off."""
    dots = []
    for chosen, colour, marker, label in (
        (~found, theme.MAIN, "circle", "By images, 95% interval"),
        (found, theme.ACCENT, "square", f"The same, false-discovery rate below {fdr:g}"),
    ):
        if not chosen.any():
            continue
        source = ColumnDataSource(
            {str(name): values.to_numpy()[chosen] for name, values in drawn.items()}
            | {"name": drawn.loc[chosen, "name"].astype(str).tolist()}
        )
        how = {"source": source, "color": colour, "legend_label": label}
        plot.segment("auc_low", "name", "auc_high", "name", line_width=2, **how)
        dots.append(plot.scatter("auc", "name", size=8, marker=marker, **how))
    tips = [
        ("", "@name"),
        ("AUC", "@auc{0.000} [@auc_low{0.000}, @auc_high{0.000}]"),
        ("by covariates", "@baseline_auc{0.000}"),
        ("p, q", "@null_p{0.0000}, @fdr{0.0000}"),
        ("participants", "@n{0,0}"),
    ]
    plot.add_tools(HoverTool(renderers=dots, tooltips=tips))


def _written(row: object) -> str:
    p, q = row.null_p, row.fdr  # type: ignore[attr-defined]
    tested = f"p {theme.format_p(p)}, q {theme.format_p(q)}" if np.isfinite(p) else "not tested"
    return f"{row.auc:.3f}; {tested}"  # type: ignore[attr-defined]
