"""A study's results as its stages leave them, of made-up numbers: no genotypes, no Hail."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.genome import chromosome_label
from gwasbone.plots import Threshold, qc_histogram, theme
from gwasbone.plots.contact_sheet import contact_sheet, plain_table
from gwasbone.plots.learning_curves import learning_curves
from gwasbone.plots.manhattan import manhattan
from gwasbone.plots.page import describe, save_page
from gwasbone.plots.qq import qq
from gwasbone.plots.roc import roc
from gwasbone.report.pages.scans import page_paths
from gwasbone.stats.quantile_plot import quantile_plot_points
from gwasbone.stats.roc import area_under_curve, roc_curve
from gwasbone.steps.stages import keeping_figures
from gwasbone.study.config import StudyConfig, load_config
from gwasbone.study.runner import Stage, StageRun, run_study

STUDY = """\
[study]
name = "Bone <density> & study"
build = "GRCh37"
[genotypes]
bfile = "genotypes"
[covariates]
quantitative = ["sex", "age", "PC1-PC3"]
[training]
seed = 7
[association]
traits = [{traits}]
"""


def make_study(
    folder: Path, *, traits: tuple[str, ...] = ("bmd_spine", "case"), m: int = 1500
) -> StudyConfig:
    """Write ``study.toml`` and the results of some of its stages.

    Parameters
    ----------
    traits : those scanned.
    m : variants of a scan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = ", ".join(f'"{trait}"' for trait in traits)
    (folder / "study.toml").write_text(STUDY.format(traits=named))
    (folder / "input.tsv").write_text("IID\n")
    config = load_config(folder / "study.toml")
    run_study(config, stages(m))
    return config


def stages(m: int) -> tuple[Stage, ...]:
    """Stages that draw numbers instead of computing them."""
    made = (
        ("records", _nothing_recorded), ("variants", _decisions), ("people", _quality),
        ("images", _images), ("training", _training),
        ("scans", lambda run: _scans(run, m)), ("leads", _leads), ("loci", _loci),
        ("comparison", _comparison), ("genotype_models", _genotype_models),
    )  # fmt: skip
    plain = (Stage(name, name, ("training",), (), _inputs, run) for name, run in made)
    return tuple(map(keeping_figures, plain))


def _inputs(config: StudyConfig) -> list[str]:
    return [str(config.folder / "input.tsv")]


def _nothing_recorded(run: StageRun) -> str:
    return "no records.table in study.toml: no cases or measurements of records"


def _decisions(run: StageRun) -> str:
    for noun, n in (("people", 200), ("variants", 3000)):
        rng = np.random.default_rng(n)
        table = MaskedTable(noun, pd.DataFrame({"f": rng.normal(size=n)}))
        table = table.exclude(
            "qc", "low_call_rate", np.arange(n) < n // 10, description="call rate below 0.97"
        )
        table = table.exclude("qc", "odd", np.arange(n) % 50 == 0, description="<odd> & even")
        table.write(run.folder / f"{noun}.parquet")
    logging.getLogger("gwasbone.made").warning("kinship from 40 variants is unreliable")
    return "180 of 200 people kept"


def _quality(run: StageRun) -> str:
    limit = Threshold("limit", -2.0, "below")
    values = np.random.default_rng(1).normal(size=200)
    plots = [
        (name, qc_histogram(values, title=name, x_label=name, thresholds=[limit]))
        for name in ("Samples", "Sex")
    ]
    save_page(plots, run.folder / "people.html", title="Samples")
    return "people"


def _images(run: StageRun) -> str:
    counts = pd.DataFrame({"array": ["ap_spine"], "pictures": [24], "people": [20]})
    counts.to_csv(run.folder / "counts.tsv", sep="\t", index=False)
    pictures = np.random.default_rng(2).integers(0, 255, (6, 40, 30), dtype=np.uint8)
    save_page(
        [
            ("Pictures per array", plain_table(counts)),
            ("ap spine", contact_sheet(pictures, [f"person-471{i}" for i in range(6)])),
        ],
        run.folder / "contact_sheet.html",
        title="Bone images",
        subtitle="24 pictures of 20 people",
    )
    return "24 pictures"


def _training(run: StageRun) -> str:
    rng = np.random.default_rng(3)
    p = rng.random(300)
    case = rng.random(300) < p
    area = area_under_curve(case, p)
    curve = [
        {"epoch": e, "loss": 1 / e, "validation_loss": 1.1 / e, "seconds": 1.0} for e in (1, 2, 3)
    ]
    save_page(
        [
            ("Discrimination", roc({"spine": roc_curve(case, p)}, {"spine": area}, title="case")),
            ("Learning curves, spine", learning_curves([curve], title="Losses")),
        ],
        run.folder / "study.train.html",
        title="case from pictures",
        subtitle="150 cases and 150 controls; AUC of spine 0.83.",
        notes=["spine: small (1,000 parameters)."],
    )
    save_page(
        [("Case from spine", _figure("maps"))], run.folder / "study.saliency.html", title="Maps"
    )
    pd.DataFrame(
        {"score": ["spine"], "people": ["all"], "n": [300], "n_cases": [150], "auc": [0.83],
         "auc_lower": [0.78], "auc_upper": [0.88]}
    ).to_csv(run.folder / "study.evaluation.tsv", sep="\t", index=False)  # fmt: skip
    return "spine: AUC 0.83"


def scan(trait: str, m: int) -> pd.DataFrame:
    """A scan of m variants with two peaks."""
    rng = np.random.default_rng(abs(hash_of(trait)))
    chromosome = np.sort(rng.integers(1, 24, m)).astype(np.int16)
    heights = rng.exponential(1 / np.log(10), m)
    heights[[m // 3, m // 2]] = [9.5, 12.25]
    return pd.DataFrame(
        {
            "chromosome": chromosome,
            "base_pair_location": rng.integers(1, 150_000_000, m).astype(np.int32),
            "effect_allele": "A",
            "other_allele": "G",
            "beta": rng.normal(size=m),
            "standard_error": 0.1,
            "neg_log_10_p_value": heights,
            "effect_allele_frequency": rng.uniform(0.05, 0.5, m),
            "n": 180,
            "source_id": [f"rs{i}" for i in range(m)],
        }
    )


def hash_of(text: str) -> int:
    """The same number for a text in every run, as a seed."""
    return sum(ord(letter) * 31**i for i, letter in enumerate(text)) % 2**32


def _scans(run: StageRun, m: int) -> str:
    rows = []
    for trait in run.config.association.traits:
        table = scan(trait, m)
        leads = table.nlargest(2, "neg_log_10_p_value")
        man, quantiles = page_paths(run.folder / "scan", trait)
        save_page(manhattan(table, title=trait, leads=leads), man, title=trait)
        points = quantile_plot_points(table["neg_log_10_p_value"])
        save_page(qq(points, title=trait, lambda_gc=1.012), quantiles, title=trait)
        top = leads.iloc[0]
        rows.append(
            {"trait": trait, "n": 180, "method": "linear", "tested": m, "untested": 3,
             "lambda_gc": 1.012, "leads_5e-8": 2, "top": top["source_id"],
             "top_neg_log10_p": top["neg_log_10_p_value"]}
        )  # fmt: skip
    pd.DataFrame(rows).to_csv(run.folder / "summary.tsv", sep="\t", index=False)
    return f"{len(rows)} scans"


def leads_of(config: StudyConfig, m: int = 1500, k: int = 20) -> pd.DataFrame:
    """The k highest variants of each scan."""
    parts = []
    for trait in config.association.traits:
        best = scan(trait, m).nlargest(k, "neg_log_10_p_value")
        best.insert(0, "trait", trait)
        parts.append(best)
    leads = pd.concat(parts, ignore_index=True)
    leads["chromosome"] = [chromosome_label(int(code)) for code in leads["chromosome"]]
    leads.loc[3, "effect_allele_frequency"] = np.nan
    return leads


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.6g")


def _figure(name: str) -> object:
    plot = theme.new_figure(x_label="x", y_label="y", title=name)
    plot.scatter([1, 2], [3, 4])
    return describe(plot, f"Two points of {name}.")


def _leads(run: StageRun) -> str:
    leads = leads_of(run.config)
    _write(leads, run.folder / "leads.tsv")
    pairs = leads.iloc[:3].rename(columns={"trait": "best_scan"})
    pairs = pairs.assign(region="hip", variant_id=pairs["source_id"], n_scans=1)
    columns = ["region", "variant_id", "chromosome", "n_scans", "best_scan", "neg_log_10_p_value"]
    _write(pairs[columns], run.folder / "selected.tsv")
    save_page([("Counts", _figure("counts"))], run.folder / "selected.html", title="SNPs")
    save_page([("rs1", _figure("rs1"))], run.folder / "effects.html", title="Effects")
    return f"{len(leads)} leads"


def loci_table() -> pd.DataFrame:
    """Two loci, the first of them in two scans."""
    return pd.DataFrame(
        {
            "trait": ["bmd_spine", "case", "case"],
            "locus": [1, 1, 2],
            "chromosome": ["7", "7", "X"],
            "start_bp": [120_900_000, 120_900_000, 5_000_000],
            "end_bp": [121_000_000, 121_000_000, 5_010_000],
            "base_pair_location": [120_965_464, 120_979_089, 5_005_000],
            "lead_variant_id": ["7_120965464_G_C", "7_120979089_A_G", "X_5005000_A_T"],
            "neg_log_10_p_value": [31.25, 9.5, 8.0],
            "nearest_gene": ["WNT16", "WNT16", np.nan],
            "known_bone_genes": ["WNT16,CPED1", "WNT16", np.nan],
            "strand": [np.nan] * 3,
        }
    )


def _loci(run: StageRun) -> str:
    _write(loci_table(), run.folder / "loci.tsv")
    plots = [
        ("bmd_spine: 7:120,965,464 (near WNT16)", _figure("WNT16")),
        ("case: X:5,005,000", _figure("X")),
    ]
    save_page(plots, run.folder / "regional.html", title="Loci")
    return "bmd_spine 1, case 2 loci"


def _comparison(run: StageRun) -> str:
    table = pd.DataFrame(
        {"scan_a": ["bmd_spine"], "scan_b": ["case"], "quantity": ["lambda_ratio"],
         "value": [1.25], "low": [1.125], "high": [1.5], "method": ["jackknife"], "n": [1500],
         "note": [""]}
    )  # fmt: skip
    _write(table, run.folder / "comparison.tsv")
    save_page(
        [("Ratios", _figure("ratios"))], run.folder / "comparison.html", title="Scans compared",
        subtitle="bmd_spine, case: 1,500 variants in all", notes=["case: 3 variants left out."],
    )  # fmt: skip
    return "effective sample sizes: bmd_spine / case 1.25 (1.13 to 1.50)"


def _genotype_models(run: StageRun) -> str:
    table = pd.DataFrame(
        {"region": ["hip"], "variant_id": ["rs1"], "n": [180], "auc": [0.61], "null_p": [0.005],
         "fdr": [0.01], "status": ["tested"], "warning": [np.nan]}
    )  # fmt: skip
    _write(table, run.folder / "study.genotype_models.tsv")
    save_page(
        [("Classifiers", _figure("classifiers")), ("Learning curves, hip rs1", _figure("curves"))],
        run.folder / "study.genotype_models.html", title="Genotypes from images",
        subtitle="1 pair of region and SNP, 1 tested against shuffled labels",
    )  # fmt: skip
    save_page(
        [("Copies at rs1 from hip", _figure("maps of rs1"))], run.folder / "study.saliency.html",
        title="Genotypes: where networks look",
    )  # fmt: skip
    return "1 tested"


#: Those of a study of :func:`make_study` by default.
STAGES = stages(1500)
