"""``gwasbone select`` on 75 scans of ten million variants: seconds and memory.

Writes ``results/select.md``. A few distinct scans are made and stand under 75 names as symbolic
links, since 75 files would take tens of gigabytes; each is still decompressed and read for
itself, though from the page cache. Run as ``python benchmarks/select_75_scans.py FOLDER``.

Memory is the greatest resident size of the command, seen every 0.2 s, with all it starts.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from gwasbone.images.region_map import read_region_map
from gwasbone.loci.region_selection import select_regions
from gwasbone.stats.pvalues import neg_log10_p_normal
from gwasbone.sumstats.scans import read_scan

RESULTS = Path(__file__).parent / "results" / "select.md"
MODELS = ("linear", "deepnull", "nonlinear")
_ROWS = 250_000
_PLACES = ["chromosome", "base_pair_location", "other_allele", "effect_allele"]


def trait_names() -> list[str]:
    """The 25 bone densities in three confounder models."""
    names = read_region_map().table["name"].unique()
    return [f"resid_{model}.{name}" for model in MODELS for name in names]


def variants(first: int, n: int, total: int) -> dict[str, np.ndarray]:
    """Rows ``first`` to ``first + n`` of ``total`` variants spread over 22 chromosomes."""
    index = np.arange(first, first + n)
    per_chromosome = -(-total // 22)
    rng = np.random.default_rng([7, first])
    pair = rng.integers(0, 2, n)
    return {
        "chromosome": (index // per_chromosome + 1).astype(np.int16),
        "base_pair_location": (10_000 + 10 * (index % per_chromosome)).astype(np.int32),
        "other_allele": np.array(["A", "C"])[pair],
        "effect_allele": np.array(["G", "T"])[pair],
    }


def z_scores(seed: int, first: int, n: int, total: int) -> np.ndarray:
    """Null but for 300 peaks of 30 variants each, as a polygenic trait has them."""
    rng = np.random.default_rng([seed, first])
    z = rng.standard_normal(n)
    for start, height in zip(*_peaks_of(seed, total), strict=True):
        inside = np.arange(max(start, first), min(start + 30, first + n)) - first
        z[inside] += height
    return z


def _peaks_of(seed: int, total: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, total - 30, 300), rng.uniform(4.5, 12, 300)


def write_ssf_scan(path: Path, seed: int, total: int) -> None:
    """A scan as ``gwasbone assoc`` writes it."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}")
    with igzip.open(part, "wb", compresslevel=1) as file:
        file.write(
            b"chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\tstandard_error\t"
            b"effect_allele_frequency\tneg_log_10_p_value\tvariant_id\tn\tcall_rate\ttest\trsid\t"
            b"source_id\n"
        )
        for first in range(0, total, _ROWS):
            n = min(_ROWS, total - first)
            file.write(_lines(seed, first, n, total))
    os.replace(part, path)


def _lines(seed: int, first: int, n: int, total: int) -> bytes:
    import pyarrow.compute as pc

    v, z = variants(first, n, total), z_scores(seed, first, n, total)

    def text(values: np.ndarray) -> pa.Array:
        return pa.array(values).cast(pa.string())

    c, at = text(v["chromosome"]), text(v["base_pair_location"])
    other, effect = pa.array(v["other_allele"]), pa.array(v["effect_allele"])
    rs = pc.binary_join_element_wise(pa.scalar("rs"), text(np.arange(first, first + n)), "")
    frequency = np.random.default_rng(first).uniform(0.01, 0.99, n).astype(np.float32)
    columns = [
        c, at, effect, other, text((z * 0.01).astype(np.float32)),
        text((0.01 + 0.001 * frequency).astype(np.float32)), text(frequency),
        text(neg_log10_p_normal(z).astype(np.float32)),
        pc.binary_join_element_wise(c, at, other, effect, "_"),
        text(np.full(n, 26_790)), text(np.full(n, 0.995, np.float32)),
        pa.array(["linear"] * n), rs, rs,
    ]  # fmt: skip
    lines = pc.binary_join_element_wise(*columns, "\t")
    return "\n".join(lines.to_pylist()).encode() + b"\n"


def write_wide_scan(path: Path, traits: list[str], total: int) -> None:
    """All traits side by side: variants, and of each trait −log10 p as float32."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}")
    writer = None
    for first in range(0, total, _ROWS):
        n = min(_ROWS, total - first)
        columns: dict[str, object] = dict(variants(first, n, total))
        distinct = [
            neg_log10_p_normal(z_scores(seed, first, n, total)).astype(np.float32)
            for seed in range(4)
        ]
        for i, trait in enumerate(traits):
            columns[f"{trait}.neg_log_10_p_value"] = distinct[i % 4]
        table = pa.table(columns)
        if writer is None:
            text = ["other_allele", "effect_allele"]
            writer = pq.ParquetWriter(part, table.schema, compression="none", use_dictionary=text)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    os.replace(part, path)


def measured(arguments: list[str]) -> tuple[float, float, float, str]:
    """Seconds, those of CPU, greatest resident size in GB (children too), what was said."""
    started, before = time.monotonic(), os.times()
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watched, most = psutil.Process(child.pid), 0
    while child.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            most = max(most, sum(one.memory_info().rss for one in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.2)
    said = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise SystemExit(said)
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return time.monotonic() - started, cpu, most / 1e9, said


def checked(folder: Path) -> str:
    """A file of 300,000 variants read whole, against the hits that streaming finds in it."""
    path = folder / "check.bmd_total.tsv.gz"
    write_ssf_scan(path, 1, 300_000)
    from_table = select_regions({"bmd_total": read_scan(path)})
    from_file = select_regions({"bmd_total": path})
    same = from_table.pairs.equals(from_file.pairs) and from_table.leads.equals(from_file.leads)
    return "equal" if same else "DIFFERENT"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variants", type=int, default=10_000_000)
    parser.add_argument("--distinct", type=int, default=3)
    parser.add_argument("--ssf-scans", type=int, default=75, help="GWAS-SSF files of the 75 read")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    folder, total = options.folder, options.variants
    folder.mkdir(parents=True, exist_ok=True)
    traits = trait_names()
    n_ssf = options.ssf_scans
    made = [folder / f"made.{i}.tsv.gz" for i in range(options.distinct)]
    for i, path in enumerate(made):
        write_ssf_scan(path, i, total)
    links = {trait: folder / f"scan.{trait.replace('.', '-')}.tsv.gz" for trait in traits}
    for i, link in enumerate(links.values()):
        link.unlink(missing_ok=True)
        link.symlink_to(made[i % len(made)].name)
    wide = folder / "wide.parquet"
    write_wide_scan(wide, traits, total)
    rows = []
    for name, scans, size in (
        (f"{n_ssf} GWAS-SSF files (.tsv.gz)", list(map(str, links.values()))[:n_ssf],
         sum(made[i % len(made)].stat().st_size for i in range(n_ssf))),
        ("1 wide Parquet file of 75 traits", [str(wide)], wide.stat().st_size),
    ):  # fmt: skip
        out = folder / "out"
        command = [sys.executable, "-m", "gwasbone.cli", "select", *scans, "--force", "--out"]
        seconds, cpu, memory, said = measured([*command, str(out)])
        rows.append((name, size / 1e9, seconds, cpu, memory, said.strip().splitlines()[0]))
        print(rows[-1], flush=True)
    _report(options.out, rows, total, options.distinct, checked(folder))


def _report(path: Path, rows: list, total: int, distinct: int, same: str) -> None:
    load = os.getloadavg()
    lines = [
        "# Selection from dozens of scans",
        "",
        "`gwasbone select` without genotypes on scans (25 bone densities, 3 models) of "
        f"{total:,} variants each. {os.cpu_count()} cores, {platform.machine()}, "
        f"load {load[0]:.1f} at the end ({time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC).",
        "",
        "| input | size, GB | seconds | CPU seconds | memory, GB | said |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {size:.1f} | {seconds:.0f} | {cpu:.0f} | {memory:.2f} | {said} |"
            for name, size, seconds, cpu, memory, said in rows
        ),
        "",
        f"Of GWAS-SSF files {distinct} distinct stand under the names as links, so they come "
        "from the page cache; each is decompressed and read for itself. The Parquet file holds "
        "−log10 p as "
        "float32 and no effects. Memory is the greatest resident size of the process and its "
        "children, seen every 0.2 s. Where the load is above the number of cores, the seconds are "
        "those of a machine that was busy with other things; CPU seconds are the command's own.",
        "",
        f"A file of 300,000 variants read whole and selected from in memory: {same}.",
        "",
        "Made by `benchmarks/select_75_scans.py`.",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
