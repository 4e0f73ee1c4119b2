"""The packed blocks of VCFs as a Hail MatrixTable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gwasbone.cohort.sources.matrix_table import contig_recoding
from gwasbone.cohort.sources.vcf_blocks import CALLS, DOSAGES, SAMPLES, VARIANTS
from gwasbone.session import hail, temporary_path

_ROWS = 256


def import_blocks(folders: Sequence[Path], build: str, *, has_dosages: bool) -> Any:
    """The blocks in these folders as a MatrixTable.

    Entry fields ``GT`` and, with dosages, ``dosage``; row field ``source_id``.
    """
    hl = hail()
    parts = [_import(hl, folder, build, has_dosages) for folder in folders]
    return parts[0] if len(parts) == 1 else hl.MatrixTable.union_rows(*parts)


def _import(hl: Any, folder: Path, build: str, has_dosages: bool) -> Any:
    table = pq.read_table(folder / VARIANTS).to_pandas()
    samples = pq.read_table(folder / SAMPLES)["iid"].to_pylist()
    prefix = Path(temporary_path("vcf"))
    _write_tables(prefix, table, len(samples))
    mt = hl.import_plink(
        bed=str(folder / CALLS),
        bim=f"{prefix}.bim",
        fam=f"{prefix}.fam",
        reference_genome=build,
        contig_recoding=contig_recoding(sorted(set(table["chromosome"])), build),
        a2_reference=True,
        skip_invalid_loci=True,
    )
    # IDs of rows are their numbers here: the VCF's own need not be different
    ids = hl.literal(table["source_id"].tolist(), "array<str>")
    row = hl.int32(mt.rsid)
    mt = mt.select_rows(source_id=ids[row], number=row)
    if has_dosages:
        _write_dosages(Path(f"{prefix}.dosages.tsv"), folder, table, len(samples))
        dosages = hl.import_matrix_table(
            f"{prefix}.dosages.tsv", row_fields={"row": hl.tint32}, row_key="row",
            entry_type=hl.tfloat64, min_partitions=4,
        )  # fmt: skip
        dosages = dosages.add_col_index("sample").key_cols_by("sample")
        mt = mt.add_col_index("sample")
        stated = dosages[mt.number, hl.int64(mt["sample"])].x
        mt = mt.select_entries("GT", dosage=hl.coalesce(stated, hl.float64(mt.GT.n_alt_alleles())))
    return mt.select_rows("source_id").select_cols()


def _write_tables(prefix: Path, table: pd.DataFrame, n: int) -> None:
    bim = table.assign(row=np.arange(len(table)), cm=0)
    columns = ["chromosome", "row", "cm", "base_pair_location", "alt", "ref"]
    bim[columns].to_csv(f"{prefix}.bim", sep="\t", header=False, index=False)
    Path(f"{prefix}.fam").write_text("".join(f"0\t{i}\t0\t0\t0\t-9\n" for i in range(n)))


def _write_dosages(path: Path, folder: Path, table: pd.DataFrame, n: int) -> None:
    """A text matrix of the variants that have dosages, ``NA`` where missing."""
    stored = np.memmap(folder / DOSAGES, mode="r", dtype=np.uint16).reshape(-1, n)
    rows = np.flatnonzero(table["dosage"] >= 0)
    place, top = table["dosage"].to_numpy()[rows], table["top"].to_numpy()[rows]
    with open(path, "w") as handle:
        handle.write("\t".join(["row", *map(str, range(n))]) + "\n")
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            units = stored[place[part]].astype(np.float64)
            units[units == 65_535] = np.nan
            frame = pd.DataFrame(units * (2 / top[part])[:, None], index=rows[part])
            frame.to_csv(handle, sep="\t", header=False, na_rep="NA", float_format="%.7g")
