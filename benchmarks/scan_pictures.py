"""How long pictures of large scans take, how big their pages are, and how soon they open.

    python benchmarks/scan_pictures.py --folder /tmp/pictures --out benchmarks/results/plots.md

Makes one wide Parquet file of null scans with peaks, and a GWAS-SSF file, runs ``gwasbone plot``
on them, and opens each page in headless Chromium. What is finished in the folder is not made
again.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip
from pyarrow import csv
from scipy.stats import norm

from gwasbone.files import atomic_path
from gwasbone.genome import LENGTHS_BP
from gwasbone.plots import ScanPoints, save_page, stacked_manhattan
from gwasbone.sumstats.leads import lead_blocks, shared_loci

_CHUNK = 500_000
_N_PEAKS, _PEAK_BP = 40, 300_000


@dataclass(frozen=True)
class Measured:
    """One picture."""

    what: str
    seconds: float
    cpu_seconds: float
    peak_gb: float
    page_mb: float
    opens_seconds: float | None


def make_wide(path: Path, *, n_variants: int, n_scans: int) -> None:
    """Scans of one set of variants on chromosomes 1-22 and X, with peaks that they share."""
    rng = np.random.default_rng(1)
    lengths = np.array([LENGTHS_BP["GRCh37"][code] for code in range(1, 24)])
    at = np.sort(rng.integers(1, lengths.sum(), n_variants))
    ends = np.cumsum(lengths)
    chromosome = np.searchsorted(ends, at, side="left")
    position_bp = at - np.concatenate([[0], ends])[chromosome]
    peaks = np.sort(rng.integers(1, lengths.sum(), _N_PEAKS))
    scale = rng.gamma(2.0, 4.0, (n_scans, _N_PEAKS)) * (rng.random((n_scans, _N_PEAKS)) < 0.5)
    with atomic_path(path) as partial:
        writer = None
        for start in range(0, n_variants, _CHUNK):
            rows = slice(start, min(start + _CHUNK, n_variants))
            frequency = rng.beta(0.5, 1.5, rows.stop - start).clip(1e-3, 1 - 1e-3)
            se = 1 / np.sqrt(2 * frequency * (1 - frequency) * 26_790)
            nearest = np.abs(at[rows, None] - peaks).argmin(axis=1)
            near = np.exp(-np.abs(at[rows] - peaks[nearest]) / _PEAK_BP)
            columns = {
                "chromosome": (chromosome[rows] + 1).astype(np.int16),
                "base_pair_location": position_bp[rows].astype(np.int32),
                "other_allele": np.full(se.size, "A"),
                "effect_allele": np.full(se.size, "G"),
                "source_id": np.char.add("rs", np.arange(rows.start, rows.stop).astype(str)),
            }
            for scan in range(n_scans):
                z = rng.normal(size=se.size) + scale[scan, nearest] * near * rng.random(se.size)
                p = -(norm.logsf(np.abs(z)) + np.log(2)) / np.log(10)
                name = f"scan_{scan + 1}"
                columns |= {
                    f"{name}.beta": z * se,
                    f"{name}.standard_error": se,
                    f"{name}.neg_log_10_p_value": p,
                }
                columns |= {f"{name}.effect_allele_frequency": frequency}
            table = pa.table(columns)
            if writer is None:
                writer = pq.ParquetWriter(partial, table.schema, compression="none")
            writer.write_table(table)
        assert writer is not None
        writer.close()


def make_ssf(wide: Path, path: Path) -> None:
    """The first scan of a wide file as GWAS-SSF, compressed lightly."""
    names = [
        "chromosome", "base_pair_location", "effect_allele", "other_allele", "beta",
        "standard_error", "effect_allele_frequency", "neg_log_10_p_value", "source_id",
    ]  # fmt: skip
    ours = [
        "chromosome", "base_pair_location", "effect_allele", "other_allele", "scan_1.beta",
        "scan_1.standard_error", "scan_1.effect_allele_frequency", "scan_1.neg_log_10_p_value",
        "source_id",
    ]  # fmt: skip
    file = pq.ParquetFile(wide)
    plain = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with atomic_path(path) as partial, igzip.open(partial, "wb", compresslevel=1) as out:
        out.write(("\t".join(names) + "\n").encode())
        for batch in file.iter_batches(_CHUNK, columns=ours):
            csv.write_csv(batch.select(ours), out, plain)


def draw_from_memory(page: Path, *, n_variants: int, n_scans: int) -> None:
    """A stacked page of scans made one after another: null p-values with peaks, no file read."""
    rng = np.random.default_rng(2)
    lengths = np.array([LENGTHS_BP["GRCh37"][code] for code in range(1, 24)])
    at = np.sort(rng.integers(1, lengths.sum(), n_variants))
    chromosome = np.searchsorted(np.cumsum(lengths), at, side="left")
    position_bp = at - np.concatenate([[0], np.cumsum(lengths)])[chromosome]
    scans, leads = {}, {}
    for number in range(n_scans):
        p = rng.exponential(1 / np.log(10), n_variants)
        for top in rng.integers(0, n_variants, _N_PEAKS):
            near = slice(max(0, top - 500), top + 500)
            p[near] += rng.gamma(2, 10) * rng.random(p[near].size)
        columns = {
            "chromosome": chromosome + 1,
            "base_pair_location": position_bp,
            "neg_log_10_p_value": p,
        }
        table, name = pd.DataFrame(columns), f"scan {number + 1}"
        leads[name] = lead_blocks(table, p_threshold=5e-8, max_blocks=None)
        scans[name] = ScanPoints.of(table).thinned()
    figure = stacked_manhattan(scans, leads=leads, shared=shared_loci(leads))
    save_page(figure, page, title="Scans from memory")


def draw(what: str, arguments: list[str], page: Path, empty_seconds: float | None) -> Measured:
    """Run ``gwasbone plot`` and open its page."""
    command = [sys.executable, "-m", "gwasbone.cli", "plot", *arguments, "--force"]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    assert status == 0, command
    opens = None
    if empty_seconds is not None:
        opens = max(0.0, _chromium_seconds(page) - empty_seconds)
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(what, seconds, cpu, usage.ru_maxrss / 2**20, page.stat().st_size / 1e6, opens)


def _chromium_seconds(page: Path) -> float:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
        " --disable-background-networking --window-size=1400,900"
        " --virtual-time-budget=30000 --dump-dom"
    )
    profile = f"--user-data-dir={page.parent / 'profile'}"
    started = time.monotonic()
    seen = subprocess.run(
        [chromium, *options.split(), profile, page.absolute().as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert page.name == "empty.html" or "data-drawn" in seen.stdout.split("<head>")[0], page
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variants", type=int, default=10_000_000)
    parser.add_argument("--scans", type=int, default=10)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    wide, ssf = given.folder / "wide.parquet", given.folder / "scan_1.tsv.gz"
    # in a process of their own: a child starts with the peak memory of its parent
    if not ssf.exists():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            if not wide.exists():
                scans = {"n_variants": given.variants, "n_scans": given.scans}
                pool.submit(make_wide, wide, **scans).result()
            pool.submit(make_ssf, wide, ssf).result()
    empty = None
    if shutil.which("chromium") or shutil.which("chromium-browser"):
        blank = given.folder / "empty.html"
        blank.write_text("<!DOCTYPE html><title>empty</title>")
        _chromium_seconds(blank)
        empty = _chromium_seconds(blank)
    two, prefix = "scan_1,scan_2", given.folder / "a"
    jobs = [
        (f"stacked, {given.scans} scans, Parquet", "stacked", [str(wide)]),
        ("miami, Parquet", "miami", [str(wide), "--trait", two]),
        ("scatter, Parquet", "scatter", [str(wide), "--trait", two]),
        ("manhattan, Parquet", "manhattan", [str(wide), "--trait", "scan_1"]),
        ("manhattan, GWAS-SSF", "manhattan", [str(ssf)]),
        ("volcano, Parquet", "volcano", [str(wide), "--trait", "scan_1"]),
        ("qq, Parquet", "qq", [str(wide), "--trait", "scan_1"]),
    ]
    measured = []
    for what, kind, words in jobs:
        page = given.folder / f"a.{kind}.html"
        measured.append(draw(what, [kind, *words, "--out", str(prefix)], page, empty))
        print(measured[-1], flush=True)
    write_report(given.out, measured, given.variants)


def write_report(path: Path, measured: list[Measured], n_variants: int) -> None:
    load = os.getloadavg()[1]
    lines = [
        "# Pictures of large scans",
        "",
        f"{datetime.date.today():%-d %B %Y}, {os.cpu_count()} cores shared with other jobs (load "
        f"{load:.0f}), so times are orientation only. {n_variants:,} variants a scan;",
        "`python benchmarks/scan_pictures.py`. Opening: headless Chromium without a GPU from start "
        "to drawn page, less the time for an empty page.",
        "",
        "| picture | seconds | CPU seconds | peak memory, GB | page, MB | seconds to open |",
        "|---|---|---|---|---|---|",
    ]
    for one in measured:
        opens = "no Chromium" if one.opens_seconds is None else f"{one.opens_seconds:.1f}"
        lines.append(
            f"| {one.what} | {one.seconds:.0f} | {one.cpu_seconds:.0f} | {one.peak_gb:.1f} | "
            f"{one.page_mb:.1f} | {opens} |"
        )
    with atomic_path(path) as partial:
        partial.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
