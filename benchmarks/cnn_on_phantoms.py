"""What a network finds in simulated pictures, against what there is to find.

    python benchmarks/cnn_on_phantoms.py FOLDER [--people 3000] [--size 48]

Simulates people with genotypes, questionnaires and DICOM pictures of spine and hips into FOLDER,
makes a cache, trains `small` on sex and on the diagnosis, and scans `cnn_prob` and the diagnosis.
What is finished in FOLDER is taken. Writes results/cnn-on-phantoms.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.cli import main as gwasbone
from gwasbone.images.build import build_cache
from gwasbone.images.cache import open_cache
from gwasbone.images.regions import REGIONS
from gwasbone.images.settings import Frame, ImageSettings
from gwasbone.images.sources import find_sources
from gwasbone.learning import training_run as step
from gwasbone.learning.backend import load_backend
from gwasbone.learning.image_training import phenotype_table
from gwasbone.learning.model_folder import compiled_in
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import ImageTraining
from gwasbone.simulate import QuestionnaireSettings, SimulationSettings, simulate_cohort
from gwasbone.simulate.phantom_people import cohort_phantoms, write_phantoms
from gwasbone.simulate.phantoms import PhantomSettings
from gwasbone.stats.jackknife import jackknife_interval
from gwasbone.stats.logistic import fit_logistic
from gwasbone.stats.roc import area_under_curve

RESULTS = Path(__file__).parent / "results" / "cnn-on-phantoms.md"
SCALE, CACHED = 0.25, 96
PICTURES = ("ap_spine", "left_hip", "right_hip")
PLAN = TrainingPlan(
    epochs=15, patience=6, batch_size=32, learning_rate=1e-3, schedule="cosine", seed=1
)
#: Sites of density that the pictures show, age (texture) and sex (shapes).
SHOWN = ("density_ap_spine", "density_hip", "age", "male")
SHUFFLES, SHUFFLED_PEOPLE = 20, 400
GROUPS = 100


@dataclass(frozen=True)
class Ratio:
    """A ratio with its 95 % interval."""

    estimate: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.estimate:.2f} [{self.lower:.2f}, {self.upper:.2f}]"


def make_data(folder: Path, n_people: int) -> None:
    """Genotypes, questionnaire, DICOM files, people.tsv and the cache."""
    settings = SimulationSettings.light(
        n_people=n_people, n_variants=20_000, n_segments=44, chromosomes=tuple(range(1, 23)),
        n_causal=60, n_planted=6, planted_share=0.03, seed=7,
    )  # fmt: skip
    asked = QuestionnaireSettings(
        n_people=n_people, n_filler=0, imaged_share=1.0, twice_share=0.0, prevalence=0.13,
        withdrawn_share=0.0, seed=7,
    )  # fmt: skip
    if not (folder / "people.tsv").exists():
        simulate_cohort(settings, folder, formats=["plink"], questionnaire=asked, force=True)
        phantoms = PhantomSettings(pictures=PICTURES, scale=SCALE, seed=7)
        write_phantoms(cohort_phantoms(settings, asked), folder, settings=phantoms)
        truth = pd.read_parquet(folder / "truth" / "questionnaire_people.parquet")
        people = pd.read_csv(folder / "covariates.tsv", sep="\t")[["FID", "IID", "sex", "age"]]
        people["case"] = truth.set_index("eid").loc[people["IID"], "is_case"].to_numpy(int)
        people.to_csv(folder / "people.tsv", sep="\t", index=False)
    if not (folder / "cache" / "settings.json").exists():
        # the paper's crop, at the scale of the pictures
        frame = Frame(round(672 * SCALE), round(672 * SCALE), CACHED, CACHED)
        made = ImageSettings(frames=dict.fromkeys(REGIONS, frame), mirror="right")
        build_cache(find_sources([str(folder / "images")]), folder / "cache", made)


def trained(
    folder: Path, table: pd.DataFrame, task: str, regions: tuple[str, ...], size: int, name: str,
    folds: int = 5, plan: TrainingPlan = PLAN,
) -> step.Trained:  # fmt: skip
    """Cross-fit ``small``, as ``gwasbone train`` does."""
    models = folder / f"{name}.models"
    with compiled_in(models):
        return step.train(
            load_backend("keras"), open_cache(folder / "cache"), {"people": table},
            ImageTraining(
                task=task, regions=regions, folds=folds, architecture="small", size=size,
                dropout=0.4, **vars(plan),
            ),
            models=models, force=True,
        )  # fmt: skip


def ceiling(folder: Path, case: pd.Series, columns: tuple[str, ...], folds: int = 10) -> float:
    """AUC, out of fold, of a logistic model of what pictures truly show."""
    people = pd.read_parquet(folder / "truth" / "phantom_people.parquet").set_index("eid")
    X = people.loc[case.index.astype(int), list(columns)].to_numpy(float)
    X = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    y, fold = case.to_numpy(float), np.arange(len(case)) % folds
    score = np.empty(len(y))
    for j in range(folds):
        score[fold == j] = X[fold == j] @ fit_logistic(X[fold != j], y[fold != j]).log_odds
    return area_under_curve(y, score).auc


def shuffled(folder: Path, table: pd.DataFrame) -> np.ndarray:
    """(20,) AUC out of fold with labels that mean nothing."""
    some = table.iloc[:SHUFFLED_PEOPLE]
    plan = TrainingPlan(epochs=4, patience=4, batch_size=32, learning_rate=1e-3, seed=1)
    areas = []
    for i in range(SHUFFLES):
        rng = np.random.default_rng(i)
        mixed = some.assign(case=rng.permutation(some["case"].to_numpy()))
        name = f"shuffles/{i}"
        made = trained(folder, mixed, "case", ("ap_spine",), 24, name, folds=2, plan=plan)
        # standardised within folds: the two models' levels differ
        score = made.scores["ap_spine"]["cnn_logit_std"]
        areas.append(area_under_curve(mixed.loc[score.index, "case"], score).auc)
    return np.array(areas)


def chi2_ratio(G: np.ndarray, one: np.ndarray, two: np.ndarray, X: np.ndarray) -> Ratio:
    """Σ(χ² − 1) of one trait over that of another in the same people, over the same variants.

    Parameters
    ----------
    G : (n, m) dosages of independent variants with an effect; ``one, two`` : (n,) traits.
    X : (n, k) covariates with the intercept.

    The interval is a delete-a-group jackknife over people on the log scale, which holds how the
    two traits go together. Below 0 where the second trait has no signal.
    """
    parts = np.arange(len(G)) % GROUPS

    def log_ratio(kept: np.ndarray) -> float:
        signal = [_chi2(G[kept], y[kept], X[kept]).sum() - G.shape[1] for y in (one, two)]
        return float(np.log(signal[0] / signal[1]))

    whole = log_ratio(np.ones(len(G), dtype=bool))
    left = [log_ratio(parts != g) for g in range(GROUPS)]
    found = jackknife_interval(whole, left, quantile="normal")
    return Ratio(*np.exp([whole, found.lower, found.upper]))


def _chi2(G: np.ndarray, y: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(m,) squared t of each variant."""
    Q = np.linalg.qr(X)[0]
    G, y = G - Q @ (Q.T @ G), y - Q @ (Q.T @ y)
    r2 = (G.T @ y) ** 2 / ((G**2).sum(axis=0) * (y @ y))
    return r2 / (1 - r2) * (len(y) - X.shape[1] - 1)


def scans(
    folder: Path, table: pd.DataFrame, made: step.Trained
) -> tuple[pd.DataFrame, Ratio, Ratio]:
    """Scan ``cnn_prob`` and the diagnosis with `gwasbone assoc`; χ² at planted loci.

    Two ratios: of all planted loci, and of those that act through density alone.
    """
    score = phenotype_table(made.scores, made.people.task)
    together = table.loc[score.index].join(score[["cnn_prob", "cnn_logit_std"]])
    together.rename_axis("IID").to_csv(folder / "scan.tsv", sep="\t")
    code = gwasbone([
        "assoc", "--bfile", str(folder / "genotypes"), "--build", "GRCh37",
        "--pheno", "cnn_prob,cnn_logit_std,case", "--pheno-file", str(folder / "scan.tsv"),
        "--covar", "sex,age", "--no-plots", "--force", "--out", str(folder / "scan"),
    ])  # fmt: skip
    assert code == 0, "the scan failed"
    causal = pd.read_csv(folder / "truth" / "causal_variants.tsv", sep="\t")
    planted = causal[causal["planted"]].drop_duplicates("source_id")
    effects = pd.read_csv(folder / "truth" / "phantom_effects.tsv", sep="\t")
    drawn = effects[effects["region"].isin([p.split("_", 1)[-1] for p in PICTURES] + ["ap_spine"])]
    found = pd.DataFrame({"source_id": planted["source_id"]})
    found["brightens"] = (
        found["source_id"].map(drawn.set_index("variant")["region"]).fillna("").to_numpy()
    )
    for trait in ("cnn_prob", "cnn_logit_std", "case"):
        rows = pd.read_csv(folder / f"scan.{trait}.tsv.gz", sep="\t").set_index("rsid")
        rows = rows.loc[found["source_id"]]
        found[trait] = ((rows["beta"] / rows["standard_error"]) ** 2).to_numpy()
    G = _dosages(folder, list(found["source_id"]), together.index)
    X = np.column_stack([np.ones(len(together)), together[["sex", "age"]]])
    y = (together["cnn_prob"].to_numpy(float), together["case"].to_numpy(float))
    unseen = (found["brightens"] == "").to_numpy()
    return found, chi2_ratio(G, *y, X), chi2_ratio(G[:, unseen], *y, X)


def _dosages(folder: Path, variants: list[str], people: pd.Index) -> np.ndarray:
    from bed_reader import open_bed

    with open_bed(folder / "genotypes.bed") as bed:
        rows = pd.Index(bed.iid).get_indexer(people)
        columns = pd.Index(bed.sid).get_indexer(variants)
        G = bed.read((rows, columns), dtype="float64")
    return np.where(np.isnan(G), np.nanmean(G, axis=0), G)


def main() -> None:
    """Run everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "seconds.json"
    times: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}

    def timed(what: str, started: float) -> None:
        # a later run takes what is finished: the first one's seconds count
        times.setdefault(what, time.perf_counter() - started)
        (folder / "seconds.json").write_text(json.dumps(times))
        print(f"{what}: {times[what]:.0f} s", flush=True)

    # read once, when jax is imported: all trainings share what it compiles
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder.absolute() / ".compiled"))
    t = time.perf_counter()
    make_data(folder, asked.people)
    timed("data", t)
    table = pd.read_csv(folder / "people.tsv", sep="\t", dtype={"IID": str}).set_index("IID")
    table = table.drop(columns="FID").rename_axis("person")
    t = time.perf_counter()
    sex = trained(folder, table, "sex", ("ap_spine",), asked.size, "sex", folds=3)
    timed("sex", t)
    t = time.perf_counter()
    case = trained(folder, table, "case", ("ap_spine", "hip"), asked.size, "case")
    timed("diagnosis", t)
    t = time.perf_counter()
    planted, *ratios = scans(folder, table, case)
    timed("scans", t)
    t = time.perf_counter()
    areas = shuffled(folder, table)
    timed("shuffles", t)
    asked.out.parent.mkdir(exist_ok=True)
    asked.out.write_text(report(folder, table, sex, case, planted, ratios, areas, times, asked))
    print(asked.out.read_text())


def report(
    folder: Path, table: pd.DataFrame, sex: step.Trained, case: step.Trained,
    planted: pd.DataFrame, ratios: list[Ratio], areas: np.ndarray, times: dict[str, float],
    asked: argparse.Namespace,
) -> str:  # fmt: skip
    """The page of results."""
    best = {
        "ap_spine": ceiling(folder, table["case"], ("density_ap_spine", "age", "male")),
        "hip": ceiling(folder, table["case"], ("density_hip", "age", "male")),
        "stacked": ceiling(folder, table["case"], SHOWN),
    }
    rows = case.evaluation.set_index(["score", "people"])
    of_sex = sex.evaluation.set_index("people").loc["pooled"]
    se = areas.std(ddof=1) / np.sqrt(len(areas))
    card = json.loads((case.fits["hip"].fit.models[0].parent / "card.json").read_text())
    lines = [
        "# A network on phantoms",
        "",
        f"`python benchmarks/cnn_on_phantoms.py`: {len(table):,} simulated people "
        f"({int(table['case'].sum())} cases), pictures at {SCALE} of a scanner's size, cached at "
        f"{CACHED} × {CACHED}, `small` ({card['n_parameters']:,} parameters) at {asked.size} × "
        f"{asked.size} on {card['backend']}/{card['engine']}, {platform.processor() or 'cpu'}, "
        f"{os.cpu_count()} cores shared. Everything is out of fold.",
        "",
        "| question | found | goal |",
        "|---|---|---|",
        f"| sex from the spine, AUC | {of_sex['auc']:.4f} | ≥ 0.98 |",
    ]
    for name, top in best.items():
        row = rows.loc[(name, "pooled")]
        level = rows.loc[(name, "standardised"), "auc"]
        lines.append(
            f"| diagnosis, {name}, AUC | {row['auc']:.3f} [{row['auc_lower']:.3f}, "
            f"{row['auc_upper']:.3f}]; standardised within folds {level:.3f} | within 0.03 of "
            f"{top:.3f} (logistic model of the true densities, age and sex): "
            f"{row['auc'] - top:+.3f} |"
        )
    row = rows.loc[("stacked", "pooled")]
    lines += [
        f"| calibration slope, stacked | {row['calibration_slope']:.2f} ± "
        f"{row['calibration_slope_se']:.2f} | 1 |",
        f"| {len(areas)} shuffles of labels, mean AUC ({SHUFFLED_PEOPLE} people, 24 px) | "
        f"{areas.mean():.3f} ± {se:.3f} (SE) | within 3 SE of 0.5: "
        f"{(areas.mean() - 0.5) / se:+.1f} SE |",
        f"| χ² − 1 at the planted loci, cnn_prob over diagnosis | {ratios[0]} | above 1 |",
        f"| the same, loci that act through density alone | {ratios[1]} | above 1 |",
        "",
        "χ² of the linear scans (`gwasbone assoc`, covariates sex and age) at the planted loci:",
        "",
        "| variant | brightens a place of | cnn_prob | cnn_logit_std | diagnosis |",
        "|---|---|---|---|---|",
        *(
            f"| {r.source_id} | {r.brightens} | {r.cnn_prob:.1f} | {r.cnn_logit_std:.1f} | "
            f"{r.case:.1f} |"
            for r in planted.itertuples()
        ),
        "",
        "Interval of the ratio: delete-a-group jackknife over people, 100 groups, log scale. "
        "Seconds: " + ", ".join(f"{what} {s:.0f}" for what, s in times.items()) + ".",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
