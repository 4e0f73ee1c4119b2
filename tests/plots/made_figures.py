"""One of each figure that pages show, of made-up numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from made_scan_tables import made_scan

from gwasbone.plots import (
    KeptRegion,
    Threshold,
    ancestry_pairs,
    funnel,
    manhattan,
    miami,
    p_scatter,
    qc_histogram,
    qc_scatter,
    qq,
    regional,
    scree,
    stacked_manhattan,
    volcano,
    z_scatter,
)
from gwasbone.plots.calibration import reliability
from gwasbone.plots.contact_sheet import contact_sheet, plain_table
from gwasbone.plots.distributions import distributions
from gwasbone.plots.dots import interval_dots
from gwasbone.plots.forest import forest
from gwasbone.plots.genotype_effects import genotype_effects
from gwasbone.plots.genotype_models import genotype_areas
from gwasbone.plots.learning_curves import learning_curves
from gwasbone.plots.overlap import overlap
from gwasbone.plots.probabilities import predicted_probabilities
from gwasbone.plots.residuals import residual_pair, residual_scatter
from gwasbone.plots.roc import precision_recall, roc
from gwasbone.plots.saliency import saliency_figure
from gwasbone.plots.selection import regions_per_snp, snps_per_region
from gwasbone.plots.stacked_proportions import stacked_proportions
from gwasbone.stats.calibration import calibration
from gwasbone.stats.precision_recall import precision_recall_curve
from gwasbone.stats.quantile_plot import quantile_plot_points
from gwasbone.stats.roc import area_under_curve, roc_curve
from gwasbone.stats.smoothing import smooth_line
from gwasbone.sumstats.leads import shared_loci


def results(rng, m=30_000):
    return pd.DataFrame(
        {
            "chromosome": np.sort(rng.integers(1, 24, m)).astype(np.int16),
            "base_pair_location": rng.integers(1, 200_000_000, m).astype(np.int32),
            "neg_log_10_p_value": np.append(rng.exponential(1 / np.log(10), m - 1), 350.0),
            "source_id": "rs1",
        }
    )


def region(table):
    variants = table[table["chromosome"] == 7].reset_index(drop=True)
    middle = int(variants["base_pair_location"].median())
    genes = pd.DataFrame(
        {"name": ["A", "B"], "start_bp": [1000, middle], "end_bp": [5000, middle + 10**6],
         "strand": ["+", ""], "is_known": [True, False]}
    )  # fmt: skip
    return regional(
        variants.assign(r2=np.linspace(0, 1, len(variants))), lead=len(variants) - 1, title="t",
        genes=genes, exons=pd.DataFrame({"gene": [0], "start_bp": [1000], "end_bp": [2000]}),
        recombination=pd.DataFrame({"base_pair_location": [1, middle], "cm_per_mb": [1.0, 30.0]}),
    )  # fmt: skip


def scan_figures():
    """Those of scans: assoc, plot, clump, compare."""
    rng = np.random.default_rng(1)
    one = results(rng)
    top = one.nlargest(3, "neg_log_10_p_value").assign(gene=["WNT16", "LRP5", "SOST"])
    a, b = made_scan(1, peaks=[(9, 20.0)]), made_scan(2, chromosomes=(1, 2), peaks=[(9, 30.0)])
    leads = {"a": a.nlargest(2, "neg_log_10_p_value"), "b": b.nlargest(2, "neg_log_10_p_value")}
    shared = shared_loci({"a": leads["a"], "b": leads["a"]})
    pairs = a.assign(
        neg_log_10_p_value_a=a["neg_log_10_p_value"], neg_log_10_p_value_b=b["neg_log_10_p_value"]
    )
    pairs = pairs.assign(z_a=a["beta"] / a["standard_error"], z_b=b["beta"] / b["standard_error"])
    ratios = pd.DataFrame(
        {"name": ["a / b", "b / a"], "value": [1.25, 0.8], "low": [1.1, 0.6], "high": [1.5, 0.95],
         "group": ["effective samples"] * 2, "n": [1500, 1500], "note": ["", "few blocks"]}
    )  # fmt: skip
    return [
        ("Manhattan", manhattan(one, title="bmd_spine", leads=top)),
        ("Manhattan, cut", manhattan(one, title="bmd_spine", leads=top, y_max=10)),
        ("QQ", qq(quantile_plot_points(one["neg_log_10_p_value"]), title="t", lambda_gc=1.0)),
        ("Stack", stacked_manhattan({"a": a, "b": b}, leads=leads, shared=shared)),
        ("Miami", miami({"a": a, "b": b}, leads=leads, y_max=12)),
        ("p", p_scatter(pairs, names=("a", "b"), title="t")),
        ("z", z_scatter(pairs, names=("a", "b"), title="t")),
        ("Volcano", volcano(a, title="t", leads=leads["a"])),
        ("Region", region(one)),
        ("Ratios", forest(ratios, title="t", x_label="Ratio", no_difference=1.0, log_scale=True)),
    ]


def cohort_figures():
    """Those of quality control, ancestry, components and phenotypes."""
    rng = np.random.default_rng(2)
    people = pd.DataFrame(rng.normal(size=(300, 6)), columns=[f"PC{j}" for j in range(1, 7)])
    groups = pd.Series(rng.choice(["British", "Irish", "Other"], 300))
    steps = pd.DataFrame(
        [["All", "", 0, 200], ["Quality", "missingness", 3, 197], ["Sex", "mismatch", 30, 167]],
        columns=["step", "reason", "removed", "remaining"],
    )
    limit = Threshold("limit", 0.9, "above")
    deviation = (people**2).sum(axis=1)
    rules = pd.DataFrame(
        {"hospital": [True, True, False], "self-report": [False, True, True],
         "n_people": [500, 3, 40]}
    )  # fmt: skip
    dots = pd.DataFrame(
        {"name": ["hip", "spine"], "estimate": [0.2, 0.5], "lower": [0.1, 0.4],
         "upper": [0.3, 0.6], "written": ["0.20", "0.50"]}
    )  # fmt: skip
    counts = pd.DataFrame({"measured": [90, 50], "imputed": [10, 40]}, index=["hip", "spine"])
    age, sex = rng.normal(60, 8, 300), np.where(np.arange(300) % 2, "men", "women")
    residual = rng.normal(size=300)
    lines = {
        name: smooth_line(age[sex == name], residual[sex == name]) for name in ("women", "men")
    }
    words = {"title": "Against age", "x_label": "Age (years)", "y_label": "Residual"}
    pair = [residual_scatter(age, residual, list(sex), lines, **words) for _ in range(2)]
    return [
        ("Funnel", funnel(steps, title="Samples after each filter")),
        ("Histogram", qc_histogram(age, title="t", x_label="F", noun="samples", log_y=True)),
        (
            "Scatter",
            qc_scatter(
                rng.random(300), rng.random(300), title="t", x_label="x", y_label="y",
                x_thresholds=[limit], y_thresholds=[limit],
            ),
        ),
        (
            "Ancestry",
            ancestry_pairs(
                people, groups, kept=people["PC1"] < 1,
                region=KeptRegion(np.zeros(6), np.ones(6), 2.0), deviation=deviation, threshold=9.0,
            ),
        ),
        ("Scree", scree([3.0, 2.0, 1.0])),
        ("Cases", overlap(rules, pd.Series({"hospital": 503, "self-report": 43}), title="Cases")),
        ("Age", distributions({"Women": age, "Men": age + 3}, title="t", x_label="Age (years)")),
        ("Skewness", interval_dots(dots, title="t", x_label="Skewness", words="95% intervals")),
        (
            "Sources",
            stacked_proportions(
                counts, title="t", x_label="Proportion", meanings={c: c for c in counts},
                noun="assessments",
            ),
        ),
        ("Residuals", residual_pair(pair, description="A model.")),
    ]  # fmt: skip


def effects():
    rows = [
        {"variant_id": "7_1_C_T", "source_id": "rs1", "chromosome": 7, "base_pair_location": 1,
         "effect_allele": "T", "other_allele": "C", "trait": f"bmd_{trait}", "copies": copies,
         "n": n, "mean": 1.0 * copies, "lower": copies - 0.1, "upper": copies + 0.1,
         "mean_sd": 0.5 * copies, "lower_sd": 0.5 * copies - 0.1, "upper_sd": 0.5 * copies + 0.1,
         "beta_sd": 0.5}
        for trait in ("hip", "spine", "total")
        for copies, n in enumerate((120, 40, 3))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def model_figures():
    """Those of images, networks, their saliency, and of selected SNPs."""
    rng = np.random.default_rng(3)
    p = rng.random(400)
    case = rng.random(400) < p
    table = pd.DataFrame({"probability": p, "is_case": case, "in_training": p < 0.6})
    areas = {"a": area_under_curve(case, p)}
    picture = rng.integers(0, 256, (60, 40)).astype(np.uint8)
    maps, slope, t = rng.random((2, 60, 40)), *rng.normal(size=(2, 60, 40))
    curve = [{"epoch": e, "loss": 1 / e, "validation_loss": 1.1 / e} for e in (1, 2, 3)]
    counts = pd.DataFrame({"array": ["ap spine"], "images": [24], "participants": ["< 5"]})
    jobs = pd.DataFrame(
        {"name": ["hip rs1", "hip rs2"], "auc": [0.61, 0.5], "auc_low": [0.55, 0.4],
         "auc_high": [0.67, 0.6], "baseline_auc": [0.52, np.nan], "null_p": [0.005, 0.5],
         "fdr": [0.01, 0.5], "n": [180, 180]}
    )  # fmt: skip
    null = pd.DataFrame({"name": ["hip rs1"] * 5, "auc": [0.45, 0.5, 0.52, 0.48, 0.55]})
    pairs = pd.DataFrame(
        {"region": ["hip", "spine", "spine"], "variant_id": ["7_1_C_T", "7_1_C_T", "7_2_C_T"],
         "source_id": ["rs1", "rs1", "rs2"], "base_pair_location": [1, 1, 2], "chromosome": 7,
         "effect_allele": "T", "other_allele": "C", "beta": [0.1, 0.2, 0.1], "se": 0.1,
         "scans": "a,b", "n_scans": 2, "neg_log_10_p_value": 9.0}
    )  # fmt: skip
    return [
        ("Images per array", plain_table(counts)),
        ("ap spine", contact_sheet(picture[None], ["mean of 24 images"])),
        ("ROC", roc({"a": roc_curve(case, p)}, areas, title="t")),
        ("Precision", precision_recall({"a": precision_recall_curve(case, p)}, title="t")),
        ("Reliability", reliability({"a": calibration(case, p)}, title="t")),
        ("Probabilities", predicted_probabilities(table, title="t")),
        ("Learning curves", learning_curves([curve, curve], title="Losses")),
        (
            "Saliency",
            saliency_figure(
                picture, maps, slope, t, names=["controls", "cases"], n=[30, 40], critical=1.5,
                title="t",
            ),
        ),
        ("Classifiers", genotype_areas(jobs, null, title="t")),
        ("SNPs", snps_per_region(pairs, title="SNPs of each region")),
        ("Regions", regions_per_snp(pairs, title="Regions of each SNP")),
        ("Effects", genotype_effects(effects(), chosen=["bmd_hip"])),
    ]  # fmt: skip


#: Page -> its figures.
PAGES = {"scans": scan_figures, "cohort": cohort_figures, "models": model_figures}
