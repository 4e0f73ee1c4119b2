"""Comparison of phenotypes on simulated truth: do the intervals cover it at their rate?

    python benchmarks/phenotype_comparison.py [--replicates 300]

Writes benchmarks/results/phenotype-comparison.md. Three levels:

- statistics of independent loci alone (intervals of the ratio of effective sample sizes, slopes);
- statistics of whole scans without linkage disequilibrium but with LD scores, through the files
  and functions of ``gwasbone compare``;
- genotypes of people, a trait, the trait with noise of known variance, and the trait cut into
  cases and controls, scanned by least squares.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "association"))

from made_comparison import made_scans, ssf  # noqa: E402

from gwasbone.comparison.compare import compare_scans  # noqa: E402
from gwasbone.comparison.genome import ld_rows  # noqa: E402
from gwasbone.comparison.known_loci import known_loci, read_loci  # noqa: E402
from gwasbone.stats.deming import deming_line  # noqa: E402
from gwasbone.stats.sample_size_ratio import sample_size_ratio  # noqa: E402
from gwasbone.sumstats.align import align_scans  # noqa: E402
from gwasbone.sumstats.ld_score_files import read_ld_scores  # noqa: E402

N_PEOPLE = 20_000


def loci_level(rng: np.random.Generator, replicates: int) -> pd.DataFrame:
    """Coverage of both intervals of the ratio, and of Deming's slope, at loci alone."""
    rows = []
    for n_loci in (8, 20, 60):
        for share in (0.5, 0.2):
            for rho in (0.0, 0.7):
                found = np.array([_loci(rng, n_loci, share, rho) for _ in range(replicates)])
                rows.append((n_loci, 1 / share, rho, *_rates(found[:, :3]), *_bias(found[:, 3])))
    return pd.DataFrame(
        rows, columns=["loci", "ratio", "error correlation", "jackknife", "score", "slope",
                       "slope bias", "its MC error"],
    )  # fmt: skip


def _loci(rng: np.random.Generator, n_loci: int, share: float, rho: float) -> list[float]:
    effect = rng.normal(size=n_loci) * np.sqrt(0.1 / n_loci)
    errors = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n_loci)
    z = effect[:, None] * np.sqrt([N_PEOPLE, N_PEOPLE * share]) + errors
    ratio = sample_size_ratio(*(z**2).T, error_correlation=rho)
    ones = np.ones(n_loci)
    line = deming_line(z[:, 0], z[:, 1], ones, ones, error_correlation=rho)
    truth = np.sqrt(share)
    return [
        ratio.jackknife.lower <= 1 / share <= ratio.jackknife.upper,
        ratio.lower <= 1 / share <= ratio.upper,
        line.lower <= truth <= line.upper,
        line.slope / truth - 1,
    ]


def _rates(hits: np.ndarray) -> list[float]:
    return [float(share) for share in hits.mean(axis=0)]


def _bias(errors: np.ndarray) -> tuple[float, float]:
    return float(errors.mean()), float(errors.std() / np.sqrt(len(errors)))


#: What whole scans are simulated with, and what should come out.
SCANS = {
    "half the effective sample": ({}, {
        "effective_sample_size_ratio": 2.0, "polygenic_signal_ratio": 2.0, "rg": 1.0,
        "error_correlation": 0.7, "deming_slope_per_sd": np.sqrt(0.5), "ld_intercept": 1.0,
    }),
    "no signal": ({"h2": 0.0, "locus_share": 0.0}, {
        "lambda_gc": 1.0, "ld_intercept": 1.0, "h2": 0.0, "error_correlation": 0.7,
        "loci_at_equal_fdr": 0.0,
    }),
}  # fmt: skip


def scan_level(rng: np.random.Generator, replicates: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Coverage of what `compare` writes, and leads seen beside leads expected."""
    rows, leads = [], []
    for name, (settings, truth) in SCANS.items():
        tables = [_compared(rng, **settings) for _ in range(replicates)]
        for quantity, true in truth.items():
            found = pd.concat([t[t["quantity"] == quantity] for t in tables])
            for method, part in found.groupby(found["method"].str.contains("score interval")):
                defined = part[part["value"].notna()]
                covered = (defined["low"] <= true) & (true <= defined["high"])
                rows.append(
                    (name, quantity + (" (score)" if method else ""), true, len(defined),
                     len(part) - len(defined), defined["value"].mean(),
                     defined["value"].std() / np.sqrt(max(1, len(defined))), covered.mean())
                )  # fmt: skip
        if name != "no signal":
            leads = [_leads(tables, q) for q in ("same_direction", "nominal", "bonferroni")]
    columns = ["scans", "quantity", "truth", "defined", "undefined", "mean", "MC error", "coverage"]
    return pd.DataFrame(rows, columns=columns), pd.DataFrame(
        leads, columns=["leads of the stronger scan in the weaker", "seen", "shrunken", "as seen",
                        "expected"]
    )  # fmt: skip


def _compared(rng: np.random.Generator, **settings: float) -> pd.DataFrame:
    made = made_scans(rng, m=4000, n_people=N_PEOPLE, n_loci=60, **settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scans = align_scans(made.write(folder))
        loci = known_loci(scans, read_loci(folder / "loci.tsv"), source="truth")
        ld = ld_rows(scans, read_ld_scores(folder / "ld"))
        return compare_scans(scans, loci=loci, ld=ld).measures


def _leads(tables: list[pd.DataFrame], what: str) -> tuple[object, ...]:
    both = pd.concat(tables)
    both = both[(both["scan_a"] == "score") & (both["scan_b"] == "case")]
    seen = both[both["quantity"] == f"leads_{what}"]
    expected = both[both["quantity"] == f"leads_{what}_expected"]
    weights = seen["n"].to_numpy(dtype=float)
    mean = [np.average(column, weights=weights) for column in (
        seen["value"], expected["low"], expected["high"], expected["value"]
    )]  # fmt: skip
    return (what.replace("_", " "), *mean)


def genotype_level(rng: np.random.Generator, replicates: int) -> pd.DataFrame:
    """A trait against itself with noise, and against itself cut at a prevalence of 20 %."""
    prevalence = 0.2
    density = stats.norm.pdf(stats.norm.isf(prevalence))
    truth = {"with as much noise": 2.0, "cases, 20 %": prevalence * (1 - prevalence) / density**2}
    hits = {name: np.zeros(2) for name in truth}
    logs: dict[str, list[float]] = {name: [] for name in truth}
    for _ in range(replicates):
        z = _people(rng, prevalence)
        for name in truth:
            rho = float(np.corrcoef(z["trait"][100:], z[name][100:])[0, 1])
            found = sample_size_ratio(
                z["trait"][:100] ** 2, z[name][:100] ** 2, error_correlation=rho
            )
            hits[name] += [
                found.jackknife.lower <= truth[name] <= found.jackknife.upper,
                found.lower <= truth[name] <= found.upper,
            ]
            logs[name].append(np.log(found.ratio))
    return pd.DataFrame(
        [
            (name, true, float(np.exp(np.mean(logs[name]))), *(hits[name] / replicates))
            for name, true in truth.items()
        ],
        columns=["trait against", "truth", "geometric mean", "jackknife", "score"],
    )


def _people(rng: np.random.Generator, prevalence: float, n: int = 4000) -> dict[str, np.ndarray]:
    """z of 100 causal and 900 null variants in the same people."""
    f = rng.uniform(0.1, 0.9, 1000)
    G = rng.binomial(2, f, (n, 1000)).astype(float)
    G = (G - G.mean(axis=0)) / G.std(axis=0)
    y = G[:, :100] @ rng.normal(size=100) * np.sqrt(0.3 / 100)
    y += rng.normal(size=n) * np.sqrt(0.7)
    traits = {
        "trait": y,
        "with as much noise": y + rng.normal(size=n) * y.std(),
        "cases, 20 %": (y > np.quantile(y, 1 - prevalence)).astype(float),
    }
    z = {}
    for name, values in traits.items():
        r = G.T @ ((values - values.mean()) / values.std()) / n
        z[name] = r * np.sqrt((n - 2) / (1 - r**2))
    return z


def twice_level(rng: np.random.Generator) -> pd.DataFrame:
    """One scan against itself."""
    made = made_scans(rng, m=4000, n_people=N_PEOPLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made.write(folder)
        paths = {}
        for copy in ("one", "two"):
            paths[copy] = folder / f"{copy}.tsv"
            table = ssf(made.table, made.z["score"], N_PEOPLE)
            table.to_csv(paths[copy], sep="\t", index=False)
        scans = align_scans(paths)
        loci = known_loci(scans, read_loci(folder / "loci.tsv"), source="truth")
        ld = ld_rows(scans, read_ld_scores(folder / "ld"))
        found = compare_scans(scans, loci=loci, ld=ld).measures
    pairs = found[(found["scan_b"] == "two") & ~found["quantity"].str.contains("leads|hetero")]
    return pairs[["quantity", "value", "low", "high"]]


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, numbers to three decimals."""
    text = table.map(lambda v: f"{v:.3f}" if isinstance(v, float) else str(v))
    lines = ["| " + " | ".join(text.columns) + " |", "|" + " --- |" * len(text.columns)]
    lines += ["| " + " | ".join(row) + " |" for row in text.to_numpy().tolist()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "phenotype-comparison.md")
    options = parser.parse_args()
    started, n = time.process_time(), options.replicates
    rng = np.random.default_rng(1126)
    loci = loci_level(rng, n)
    scans, leads = scan_level(rng, n // 3)
    genotypes = genotype_level(rng, n // 10)
    twice = twice_level(rng)
    error = np.sqrt(0.95 * 0.05 / n)
    options.out.write_text(
        "# Comparison of phenotypes on simulated truth\n\n"
        f"`python benchmarks/phenotype_comparison.py --replicates {n}`, seed 1126; "
        f"{time.process_time() - started:.0f} s of processor time. Coverage is the share of "
        f"replicates whose 95 % interval holds the truth; its Monte-Carlo error is {error:.3f} at "
        f"loci, {error * np.sqrt(3):.3f} for whole scans, {error * np.sqrt(10):.3f} for "
        "genotypes.\n\n"
        "## At independent loci\n\n"
        "Loci explain 10 % of the trait's variance in 20,000 people; effects are normal. The scan "
        "it is compared with has the same effects at a share of the effective sample. The bias of "
        "Deming's slope is relative.\n\n"
        f"{markdown(loci)}\n\n"
        "## Whole scans, as `gwasbone compare` reads them\n\n"
        f"{n // 3} replicates of 4,000 variants without linkage disequilibrium but with LD "
        "scores, 60 known loci, errors correlated by 0.7 as in the same people; h² 0.3 beside the "
        "loci.\n\n"
        f"{markdown(scans)}\n\n"
        "Leads (p < 5e-8) of the stronger scan in the weaker, as shares, weighted by the number of "
        "leads. Expected: from effects shrunken for the winner's curse to effects as seen.\n\n"
        f"{markdown(leads)}\n\n"
        "## Genotypes\n\n"
        f"{n // 10} cohorts of 4,000 people, 100 causal variants (h² 0.3) and 900 others. "
        "Adding as much noise as the trait has variance halves the effective sample; cutting it at "
        "prevalence K leaves φ(t)²/(K(1 − K)) of it.\n\n"
        f"{markdown(genotypes)}\n\n"
        "## One scan against itself\n\n"
        f"{markdown(twice)}\n"
    )
    print(options.out.read_text())


if __name__ == "__main__":
    main()
