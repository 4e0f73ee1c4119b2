"""Whether networks find planted genotypes in simulated pictures, and none where there is none.

    python benchmarks/genotype_models.py FOLDER [--people 800] [--nulls 40] [--seed 5]
    python benchmarks/genotype_models.py FOLDER --null-only --seed 6 --out FILE

Draws DICOM pictures of the spine of simulated people into FOLDER. Two SNPs brighten a vertebra
each, others do nothing. Trains `small`, pretrained on sex, on each SNP as `gwasbone train --task
genotype` does, with its permutation test. What is finished in FOLDER is taken. Writes
results/genotype-models.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from gwasbone.images.build import build_cache
from gwasbone.images.cache import ImageCache, open_cache
from gwasbone.images.regions import REGIONS
from gwasbone.images.settings import Frame, ImageSettings
from gwasbone.images.sources import find_sources
from gwasbone.learning.backend import load_backend
from gwasbone.learning.genotype_inputs import genotype_inputs, genotype_jobs
from gwasbone.learning.genotype_run import GenotypeRun, train_genotypes
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import GenotypeRequest, GenotypeTraining
from gwasbone.simulate import QuestionnaireSettings
from gwasbone.simulate.phantom_anatomy import LocalEffect
from gwasbone.simulate.phantom_people import stranger_phantoms
from gwasbone.simulate.phantoms import PhantomSettings, simulate_phantoms
from gwasbone.steps import genotype_models as step

RESULTS = Path(__file__).parent / "results" / "genotype-models.md"
REGION, SCALE, CACHED = "ap_spine", 0.12, 64
PLAN = TrainingPlan(
    epochs=10, patience=5, batch_size=32, learning_rate=2e-3, schedule="cosine", seed=1
)
#: Name, height of the place in the picture, share of the grey level per copy.
PLANTED = (("1_1000_A_G", 0.47, 0.12), ("1_2000_A_G", 0.30, 0.08))
RADIUS, MAF = 0.05, 0.4
REQUEST = GenotypeRequest(permutations=39, stop_at=3, folds=2, min_per_class=20)
SIZE = 32
#: SNPs without effect are many: fewer people, smaller pictures and fewer epochs of the same.
NULL_PEOPLE, NULL_SIZE = 240, 24
NULL_REQUEST = replace(REQUEST, permutations=19)
NULL_PLAN = TrainingPlan(
    epochs=3, patience=3, batch_size=32, learning_rate=2e-3, schedule="cosine", seed=1
)


def make_data(
    folder: Path, n_people: int, n_nulls: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genotypes and the table of people; pictures and cache where they are not there yet."""
    asked = QuestionnaireSettings(
        n_people=n_people, n_filler=0, imaged_share=1.0, twice_share=0.0, withdrawn_share=0.0,
        seed=seed,
    )  # fmt: skip
    people = stranger_phantoms(asked).people
    rng = np.random.default_rng(seed)
    genotypes = {name: rng.binomial(2, MAF, len(people)) for name, _, _ in PLANTED}
    for j in range(n_nulls):
        genotypes[f"2_{1000 + j}_C_T"] = rng.binomial(2, rng.uniform(0.2, 0.5), len(people))
    table = pd.DataFrame(genotypes, index=people["eid"].astype(str)).astype(float)
    if not (folder / "cache" / "settings.json").exists():
        effects = [LocalEffect(name, REGION, (0.0, y), RADIUS, size) for name, y, size in PLANTED]
        drawn = pd.concat([people, table.reset_index(drop=True)], axis=1)
        phantoms = PhantomSettings(pictures=(REGION,), scale=SCALE, seed=seed)
        simulate_phantoms(drawn, folder / "images", settings=phantoms, effects=effects)
        frame = Frame(round(672 * SCALE), round(672 * SCALE), CACHED, CACHED)
        made = ImageSettings(frames=dict.fromkeys(REGIONS, frame))
        build_cache(find_sources([str(folder / "images")]), folder / "cache", made)
    known = people.set_index(table.index)[["male", "age", "weight"]]
    components = rng.normal(size=(len(people), 2))
    return table, known.rename(columns={"male": "sex"}).assign(
        PC1=components[:, 0], PC2=components[:, 1]
    )


def effect_in_sd(cache: ImageCache, genotypes: pd.DataFrame, y: float, name: str) -> float:
    """What a copy adds to the mean brightness of the place, in SD of that mean between people."""
    pictures = cache.pictures(REGION)
    side = pictures.shape[1]
    # the crop of 672 of 780 rows lies in the middle
    row = (y * 780 - (780 - 672) / 2) / 672 * side
    half = RADIUS * 780 / 672 * side
    rows = slice(round(row - half), round(row + half) + 1)
    columns = slice(round(side / 2 - half), round(side / 2 + half) + 1)
    level = pictures[:][:, rows, columns, 0].mean(axis=(1, 2))
    copies = genotypes.loc[pictures.people, name].to_numpy()
    slope, intercept = np.polyfit(copies, level, 1)
    return float(abs(slope) / (level - slope * copies - intercept).std(ddof=2))


def main() -> None:
    """Run everything and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=800)
    parser.add_argument("--nulls", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5, help="of people, pictures and genotypes")
    parser.add_argument("--null-only", action="store_true", help="SNPs without effect alone")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    genotypes, people = make_data(folder, asked.people, asked.nulls, asked.seed)
    cache = open_cache(folder / "cache")
    kept = folder / "seconds.json"
    seconds: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    # read once, when jax is imported: both runs share what it compiles
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder.absolute() / ".compiled"))
    backend = load_backend("keras")
    planted_names = [name for name, _, _ in PLANTED]

    def trained(
        what: str, names: list[str], n: int, plan: TrainingPlan, size: int,
        request: GenotypeRequest,
    ) -> GenotypeRun:  # fmt: skip
        started = time.perf_counter()

        def say(step_name: str, done: int, total: int) -> None:
            if step_name == "jobs":
                spent = time.perf_counter() - started
                print(f"{what}: {spent:6.0f} s, job {done} of {total}", flush=True)

        some = genotypes.sort_index().iloc[:n]
        inputs = genotype_inputs(some, some.index, {"people": people}, keep=some.index)
        run = train_genotypes(
            backend, cache, genotype_jobs(None, [REGION], names), inputs,
            GenotypeTraining(architecture="small", size=size, **vars(plan), **vars(request)),
            models=folder / f"{what}.models", progress=say,
        )  # fmt: skip
        # a later run takes what is finished: the first one's seconds count
        seconds.setdefault(what, time.perf_counter() - started)
        kept.write_text(json.dumps(seconds))
        step.write_genotype_models(run, inputs, folder / what)
        return run

    null_names = [name for name in genotypes if name not in planted_names]
    null = trained("null", null_names, NULL_PEOPLE, NULL_PLAN, NULL_SIZE, NULL_REQUEST)
    asked.out.parent.mkdir(exist_ok=True)
    if asked.null_only:
        lines = [f"# SNPs without effect, seed {asked.seed}", "", *null_lines(null)]
        asked.out.write_text("\n".join(lines))
        print(asked.out.read_text())
        return
    planted = trained("planted", planted_names, asked.people, PLAN, SIZE, REQUEST)
    sizes = {name: effect_in_sd(cache, genotypes, y, name) for name, y, _ in PLANTED}
    asked.out.write_text(report(planted, null, sizes, asked, seconds))
    print(asked.out.read_text())


def interval(k: int, n: int) -> str:
    """A share with its exact (Clopper-Pearson) 95 % interval."""
    found = stats.binomtest(k, n).proportion_ci()
    return f"{k} of {n} ({k / n:.3f} [{found.low:.3f}, {found.high:.3f}])"


def report(
    planted: GenotypeRun, nulls: GenotypeRun, sizes: dict[str, float],
    asked: argparse.Namespace, seconds: dict[str, float],
) -> str:  # fmt: skip
    """The page of results."""
    table = planted.table.set_index("variant_id")
    lines = [
        "# Genotypes from phantoms",
        "",
        f"`python benchmarks/genotype_models.py`: {asked.people} simulated people, spine pictures "
        f"at {SCALE} of a scanner's size, `small` at {SIZE} × {SIZE}, at most {PLAN.epochs} "
        f"epochs; for SNPs without effect {NULL_PEOPLE} people, {NULL_SIZE} × {NULL_SIZE}, "
        f"{NULL_PLAN.epochs} epochs. Both pretrained on sex, {REQUEST.folds} folds, "
        f"{REQUEST.head} head, labels shuffled within 16 strata of two components, at most "
        f"{REQUEST.permutations} permutations ({NULL_REQUEST.permutations} of those without "
        f"effect), ended by {REQUEST.stop_at} exceedances. Everything is out of "
        "fold. Seconds on a shared machine, for orientation: "
        + ", ".join(f"{what} {s:.0f}" for what, s in seconds.items())
        + ".",
        "",
        "Sex by the pretrained networks: AUC "
        + " and ".join(
            f"{r.auc:.4f} [{r.auc_low:.4f}, {r.auc_high:.4f}] ({r.n} people)"
            for run in (planted, nulls)
            for r in run.sex.itertuples()
        )
        + "; the paper: ≥ 0.98.",
        "",
        "Planted SNPs (allele frequency 0.4):",
        "",
        "| a copy adds to its place | in SD of the place's mean | AUC | sex, age, weight | "
        "difference | null p | permutations |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, _, size in PLANTED:
        row = table.loc[name]
        lines.append(
            f"| {size:.0%} of the grey level | {sizes[name]:.2f} | {row['auc']:.3f} "
            f"[{row['auc_low']:.3f}, {row['auc_high']:.3f}] | {row['baseline_auc']:.3f} | "
            f"{row['difference']:+.3f} [{row['difference_low']:+.3f}, "
            f"{row['difference_high']:+.3f}] | {row['null_p']:.3g} | {row['n_permutations']} |"
        )
    return "\n".join([*lines, "", *null_lines(nulls)])


def null_lines(nulls: GenotypeRun) -> list[str]:
    """How the p-values of SNPs without effect are distributed."""
    null = nulls.table
    p = null["null_p"].to_numpy(float)
    # p is uniform on a grid: how far its distribution lies above the line at the grid's points
    excess = max(((p <= x).mean() - x, x) for x in np.unique(p))
    ks = stats.kstest(p, "uniform", alternative="greater")
    mean_auc, se_auc = null["auc"].mean(), null["auc"].std(ddof=1) / np.sqrt(len(null))
    return [
        f"{len(null)} SNPs without effect:",
        "",
        "| question | found | expected |",
        "|---|---|---|",
        f"| null p ≤ 0.05 | {interval(int((p <= 0.05).sum()), len(p))} | 0.05 |",
        f"| null p ≤ 0.25 | {interval(int((p <= 0.25).sum()), len(p))} | 0.25 |",
        f"| null p ≤ 0.5 | {interval(int((p <= 0.5).sum()), len(p))} | 0.5 |",
        f"| largest excess of small p over uniform | {excess[0]:+.3f} at p = {excess[1]:.3f}; "
        f"Kolmogorov-Smirnov p {ks.pvalue:.2f} | p above 0.05 |",
        f"| mean AUC | {mean_auc:.4f} ± {se_auc:.4f} (SE) | within 3 SE of 0.5: "
        f"{(mean_auc - 0.5) / se_auc:+.1f} SE |",
        f"| mean AUC of {len(nulls.null)} networks on shuffled labels | "
        f"{nulls.null['auc'].mean():.4f} | 0.5 |",
        f"| intervals of the AUC that hold 0.5 | "
        f"{interval(int(((null['auc_low'] <= 0.5) & (null['auc_high'] >= 0.5)).sum()), len(p))} | "
        "0.95 |",
        f"| at a false-discovery rate below 0.05 | {int((null['fdr'] < 0.05).sum())} | 0 |",
        "",
    ]


if __name__ == "__main__":
    main()
