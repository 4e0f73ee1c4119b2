"""Hail's own methods as peers, each in a process of its own: ``bench_hail.py JOB BFILE VARIANTS``.

The clock starts with Hail already running, which favours it: gwasbone's commands are timed whole.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from bench_data import BUILD
from bench_timing import THREADS

from gwasbone import session

_MEMORY_GB = 8.0


def ld_prune(hl: Any, mt: Any) -> int:
    """``hl.ld_prune``, 500 kb, r² 0.1."""
    return int(hl.ld_prune(mt.GT, r2=0.1, bp_window_size=500_000).count())


def pca(hl: Any, mt: Any, variants: Path) -> int:
    """``hl.hwe_normalized_pca`` with ten components on the named variants."""
    names = hl.literal(set(variants.read_text().split()))
    _, scores, _ = hl.hwe_normalized_pca(mt.filter_rows(names.contains(mt.rsid)).GT, k=10)
    return int(scores.count())


def qc(hl: Any, mt: Any) -> int:
    """``hl.variant_qc`` and ``hl.sample_qc``, both tables computed."""
    mt = hl.variant_qc(hl.sample_qc(mt))
    mt.rows().select("variant_qc")._force_count()
    return int(mt.cols().select("sample_qc")._force_count())


def main(job: str, bfile: str, variants: str) -> None:
    """Run a job in this folder and leave ``hail.json`` with its seconds."""
    session.configure(
        session.SessionOptions(folder=Path.cwd(), memory_gb=_MEMORY_GB, threads=THREADS)
    )
    hl = session.hail()
    start = time.perf_counter()
    mt = hl.import_plink(
        bed=f"{bfile}.bed", bim=f"{bfile}.bim", fam=f"{bfile}.fam", reference_genome=BUILD
    )
    if job == "pca":
        n = pca(hl, mt, Path(variants))
    else:
        n = {"ld_prune": ld_prune, "qc": qc}[job](hl, mt)
    seconds = time.perf_counter() - start
    Path("hail.json").write_text(json.dumps({"seconds": seconds, "n": n}))


if __name__ == "__main__":
    main(*sys.argv[1:])
