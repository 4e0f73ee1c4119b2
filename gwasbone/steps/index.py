"""The index page of a study: the funnel, the scans, the leads, and links to the other pages."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from bokeh.models import Div

from gwasbone.cohort.model import Cohort
from gwasbone.config import StudyConfig
from gwasbone.plots.funnel import funnel
from gwasbone.plots.page import save_page
from gwasbone.steps.cohort_files import LEADS, SUMMARY

_PAGES = (
    ("records/study.phenotypes.html", "Cases and bone measurements"),
    ("residuals/study.residuals.html", "Residual phenotypes"),
    ("images/contact_sheet.html", "Bone images"),
    ("training/study.train.html", "Networks on bone images"),
    ("people/people.html", "Quality control of people"),
    ("ancestry/ancestry.html", "Ancestry filter"),
    ("variants/variants.html", "Quality control of variants"),
    ("pca/pca.html", "Principal components"),
    ("loci/regional.html", "Regional plots of loci"),
)

#: Columns of the summary and of the leads that the page shows.
_COLUMNS = (
    "trait", "chromosome", "position_bp", "source_id", "effect_allele", "beta", "se",
    "neg_log10_p", "n_below_threshold", "n", "tested", "untested", "lambda_gc", "leads_5e-8",
)  # fmt: skip


def write_index(config: StudyConfig, cohort: Cohort, path: Path) -> None:
    """Write the index page; links are relative, so the output folder can be moved."""
    output = config.output
    links = [(output / name, text) for name, text in _PAGES]
    links += [(p, page_name(p)) for p in sorted((output / "scans").glob("*.html"))]
    # the page will lie one folder below the output, whatever the stage's folder is called now
    there = output / "pages"
    items = "".join(
        f'<li><a href="{os.path.relpath(target, there)}">{text}</a></li>'
        for target, text in links
        if target.exists()
    )
    sections = [
        ("People", funnel(cohort.people.funnel(), noun="people", title="From all to kept people")),
        ("Pages", Div(text=f"<ul>{items}</ul>", stylesheets=[_STYLE])),
        ("Scans", _table(output / "scans" / SUMMARY)),
        ("Lead variants", _table(output / "leads" / LEADS)),
    ]
    save_page(
        sections,
        path,
        title=config.study.name,
        subtitle=f"{cohort.people.n_kept:,} people and {cohort.variants.n_kept:,} variants kept",
    )


def page_name(path: Path) -> str:
    """What a page of a scan is called: ``scan.bmd_hip.qq.html`` -> ``bmd_hip: QQ plot``."""
    trait, kind = path.name.removesuffix(".html").split(".", 1)[1].rsplit(".", 1)
    return f"{trait}: {'QQ' if kind == 'qq' else 'Manhattan'} plot"


#: Bokeh puts a Div into a tree of its own, which the page's style does not reach. Text, since a
#: style sheet model could belong to one page only.
_STYLE = """
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid #e6e9ec; }
th:first-child, td:first-child { text-align: left; }
ul { padding-left: 18px; line-height: 1.6; font-size: 14px; }
"""


def _table(path: Path) -> Div:
    if not path.exists():
        return Div(text="<p>none</p>")
    table = pd.read_csv(path, sep="\t", dtype={"chromosome": str})
    shown = [name for name in _COLUMNS if name in table]
    text = table[shown].to_html(index=False, border=0, float_format=lambda v: f"{v:.4g}")
    return Div(text=text, stylesheets=[_STYLE])
